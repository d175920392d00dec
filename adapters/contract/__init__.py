"""The vocabulary between the console and its backends: Protocols, values, errors.

Everything public is imported from here, or by noun from the modules: `metrics` holds what is measured, `targets` what
has exposure, `backends` the Protocols, `spec` the description of an adapter, `context` what the engine gives it,
`errors` what can go wrong.

Plain frozen dataclasses only: widgets and the state import this package before the first frame, so it imports nothing
but the standard library. Wire formats live in the adapters; decisions live in console.
"""

from adapters.contract.backends import Backend as Backend
from adapters.contract.backends import Capabilities as Capabilities
from adapters.contract.backends import CautiousBackend as CautiousBackend
from adapters.contract.backends import ClockedBackend as ClockedBackend
from adapters.contract.backends import FlagBackend as FlagBackend
from adapters.contract.backends import GateQuery as GateQuery
from adapters.contract.backends import MarkableBackend as MarkableBackend
from adapters.contract.backends import MetricsBackend as MetricsBackend
from adapters.contract.backends import Order as Order
from adapters.contract.backends import OrderableBackend as OrderableBackend
from adapters.contract.backends import PausableBackend as PausableBackend
from adapters.contract.backends import PromotableBackend as PromotableBackend
from adapters.contract.backends import RedactingBackend as RedactingBackend
from adapters.contract.backends import SteppedBackend as SteppedBackend
from adapters.contract.backends import TargetBackend as TargetBackend
from adapters.contract.backends import WebhookBackend as WebhookBackend
from adapters.contract.backends import WeightedBackend as WeightedBackend
from adapters.contract.context import Clock as Clock
from adapters.contract.context import Context as Context
from adapters.contract.context import Permit as Permit
from adapters.contract.errors import AuthFailed as AuthFailed
from adapters.contract.errors import BackendError as BackendError
from adapters.contract.errors import BadReply as BadReply
from adapters.contract.errors import ConnectError as ConnectError
from adapters.contract.errors import Cut as Cut
from adapters.contract.errors import Forbidden as Forbidden
from adapters.contract.errors import HalfDone as HalfDone
from adapters.contract.errors import Missing as Missing
from adapters.contract.errors import Moved as Moved
from adapters.contract.errors import NeedsApproval as NeedsApproval
from adapters.contract.errors import NotSent as NotSent
from adapters.contract.errors import Outcome as Outcome
from adapters.contract.errors import OutcomeUnknown as OutcomeUnknown
from adapters.contract.errors import Refused as Refused
from adapters.contract.errors import Rejected as Rejected
from adapters.contract.errors import ServerFailed as ServerFailed
from adapters.contract.errors import Throttled as Throttled
from adapters.contract.errors import TimedOut as TimedOut
from adapters.contract.errors import Unreachable as Unreachable
from adapters.contract.errors import Withdrawn as Withdrawn
from adapters.contract.metrics import ArmLabels as ArmLabels
from adapters.contract.metrics import Buckets as Buckets
from adapters.contract.metrics import Counts as Counts
from adapters.contract.metrics import Gauge as Gauge
from adapters.contract.metrics import MetricQuery as MetricQuery
from adapters.contract.metrics import MetricReply as MetricReply
from adapters.contract.metrics import Reading as Reading
from adapters.contract.metrics import Sample as Sample
from adapters.contract.metrics import Shape as Shape
from adapters.contract.metrics import Window as Window
from adapters.contract.spec import AdapterSpec as AdapterSpec
from adapters.contract.spec import Prepare as Prepare
from adapters.contract.targets import LAST_STEP as LAST_STEP
from adapters.contract.targets import Kind as Kind
from adapters.contract.targets import OwnStep as OwnStep
from adapters.contract.targets import Phase as Phase
from adapters.contract.targets import Setting as Setting
from adapters.contract.targets import StepsReading as StepsReading
from adapters.contract.targets import TargetReading as TargetReading
from adapters.contract.targets import TargetRef as TargetRef
from adapters.contract.targets import VersionsReading as VersionsReading
from adapters.contract.targets import Wait as Wait
