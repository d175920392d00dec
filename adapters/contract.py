"""What console and backends say to each other: the nouns, the three Protocols, what can go wrong.

Plain frozen dataclasses only: widgets and the state import this module before the first frame, so it must import
nothing but the standard library. Wire formats live in the adapters; decisions live in console.

The errors are a tree cut along the one line a caller acts on, whether the world may have changed:

    BackendError                 source, verb, one plain line
      NotSent                    our bytes never left: refused
        Unreachable              connect error, name not found, TLS not accepted
        Withdrawn                the permit to write had lapsed: send_by passed, or a rollback overtook it
      Refused                    the backend said no: refused
        AuthFailed  Forbidden  NeedsApproval  Missing  Moved  Throttled  Rejected
      OutcomeUnknown             the world may have changed: unknown
        TimedOut  ServerFailed  BadReply  Cut  HalfDone
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol, runtime_checkable


class Kind(StrEnum):
    """Which of the three Protocols an adapter answers; the embedded world answers all of them."""

    DEPLOY = "deploy"
    FLAGS = "flags"
    METRICS = "metrics"


class Phase(StrEnum):
    """Neutral phase of a deploy target, whatever the backend calls it."""

    PENDING = "pending"
    PROGRESSING = "progressing"
    PAUSED = "paused"
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    ABORTED = "aborted"
    ROLLED_BACK = "rolled_back"
    UNKNOWN = "unknown"


class Outcome(StrEnum):
    """How one write ended. `accepted` is not yet `done`: only a later read says so."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


# -- targets ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TargetRef:
    """One thing with exposure, as the plan names it and as its backend knows it."""

    target: str
    """The plan's name, used on screen and in the journal."""
    name: str
    """The backend's name: an HAProxy backend, an Unleash feature."""
    canary: str | None = None
    """Where traffic is split between two named parts: the canary's part."""
    baseline: str | None = None
    """Where traffic is split between two named parts: the baseline's part."""
    rule: str | None = None
    """Which of several rules of a flag we drive (an Unleash strategy id); None = there must be exactly one."""
    kind: Kind | None = None
    """DEPLOY or FLAGS as the plan uses it, for an adapter that answers both Protocols; None: the adapter's own kind."""


LAST_STEP = -1
"""The step of a setting that wants every step done, however many there are."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a target is asked to be. Always absolute, so that a repeat is harmless."""

    percent: int | None
    """Exposure, 0..100; None leaves a flag's percentage as it is (used by `off`), or where `step` says it."""
    on: bool | None = None
    """Flags only: switched on or off. None for a deploy target."""
    step: int | None = None
    """For a backend that owns its steps: the step, 0-based, at which it is to stand; LAST_STEP: all of them done."""
    version: str | None = None
    """For a way back: the version that is to have all the traffic again, as `canary_version` names it."""

    def __str__(self) -> str:
        if self.on is False:
            return "off"
        if self.step is not None:
            step = "all steps" if self.step == LAST_STEP else f"step {self.step}"
            return step if self.percent is None else f"{step} ({self.percent} %)"
        return f"{self.percent} %"


class Wait(StrEnum):
    """What keeps a target that owns its steps from going on."""

    GATE = "gate"
    """A pause without an end: only somebody's word ends it."""
    TIMER = "timer"
    """A pause that ends by itself."""
    MANUAL = "manual"
    """Somebody paused it by hand."""
    JUDGEMENT = "judgement"
    """An analysis was inconclusive."""


@dataclass(frozen=True, slots=True)
class OwnStep:
    """One step of a backend that owns its steps."""

    text: str
    """What it does, in a few words: "set weight 20 %", "pause 5m", "analysis success-rate"."""
    percent: float | None = None
    """The exposure asked for once it is done."""
    waits: bool = False
    """It is a pause: a stage can end here."""
    lasts_s: float | None = None
    """How long a pause lasts; None: until somebody ends it."""


@dataclass(frozen=True, slots=True)
class TargetReading:
    """What a target reads now: one observation, never an assumption."""

    target: str
    at: datetime
    """UTC; the backend's own time where it gives one, else when its answer arrived."""
    percent: float | None
    """Configured exposure 0..100 as read; None when it cannot be told (see `problem`)."""
    on: bool | None = None
    """Flags only: switched on in this environment."""
    phase: Phase = Phase.UNKNOWN
    detail: str = ""
    """One line worth showing beside the number ("weights 5/95", "strategy 01J..")."""
    problem: str | None = None
    """Why this target cannot be driven as it stands ("2 strategies", "nodes disagree"); forward moves are refused."""
    canary_version: str | None = None
    baseline_version: str | None = None
    release: str | None = None
    """What its owner asks for now, in words that differ with it ("cart:2 (template 5d41402a)"), from a backend whose
    `canary_version` has a name only once it was begun; None where that is not known."""
    revision: str | None = None
    """The backend's own version token, where it has one."""
    changed_by: str | None = None
    """Who the backend says changed it last."""
    step: int | None = None
    """For a backend that owns its steps: the step it stands on, 0-based; the number of steps when all are done."""
    steps: int | None = None
    """How many steps there are. None: the backend has no steps of its own."""
    own_steps: tuple[OwnStep, ...] = ()
    """The steps themselves."""
    at_rest: bool = False
    """Nothing is being rolled out: `canary_version` has everything."""
    waits: Wait | None = None
    """What it waits for; None while it goes on by itself, or has nothing to go on with."""
    until: datetime | None = None
    """When a timed pause ends, UTC."""
    desired: float | None = None
    """The exposure asked for, 0..100, where `percent` is what is really there and may lag behind."""
    skipped: str | None = None
    """A step that was left though it was not done, in words; None where none was, as far as can be told."""
    cannot: Mapping[str, str] = field(default_factory=dict)
    """Verb -> why the backend cannot be asked for it as it stands, one line ("you lack patch on rollouts/status")."""
    revisions: tuple[str, ...] = ()
    """Earlier versions that an undo can name, newest first."""
    notes: tuple[str, ...] = ()
    """What somebody has to know before doing anything to it, one line each."""
    asks_s: float | None = None
    """For a backend that is not called but asks us whether it may go on: how often it asks."""

    @property
    def exposure(self) -> float | None:
        """Share that really gets the new thing, 0..100: nothing while a flag is off."""
        return 0.0 if self.on is False else self.percent

    def satisfies(self, setting: Setting) -> bool:
        """Whether this reading is what `setting` asked for. A reading with a problem satisfies only `off`."""
        if setting.on is False:
            return self.on is False
        if setting.version is not None:
            return self._gone_back(setting.version)
        if self.problem is not None or self.percent is None:
            return False
        if self.steps is not None:
            return self._stands_at(setting)
        if setting.on is True and self.on is False:
            return False
        return setting.percent is None or abs(self.percent - setting.percent) < 0.5

    def _stands_at(self, setting: Setting) -> bool:
        """Whether the steps up to the one asked for are done. Nothing begun, or undone, is no step."""
        if self.phase in (Phase.ABORTED, Phase.ROLLED_BACK) or (self.at_rest and not self.percent):
            return False
        if self.at_rest:
            return setting.step is not None or setting.percent == 100
        if setting.step is None:
            wanted = self.percent if self.desired is None else self.desired
            return wanted is not None and setting.percent != 100 and abs(wanted - (setting.percent or 0)) < 0.5
        return setting.step != LAST_STEP and self.step is not None and self.step >= setting.step

    def _gone_back(self, version: str) -> bool:
        """Whether `version` has all the traffic, and nothing is under way that would take it away again."""
        if self.percent is None or self.percent >= 0.5:
            return False
        unbegun = self.steps is not None and self.canary_version is None  # what is to come has not even a name yet
        return self.phase is Phase.ABORTED or unbegun or (self.at_rest and self.canary_version == version)

    def same_as(self, other: TargetReading) -> bool:
        """Whether two readings show the same; times and details do not count."""
        return self._shows() == other._shows()

    def _shows(self) -> tuple[object, ...]:
        return (
            self.percent,
            self.on,
            self.problem,
            self.phase,
            self.step,
            self.own_steps,
            self.at_rest,
            self.waits,
            self.until,
            self.desired,
            self.canary_version,
            self.baseline_version,
            self.release,
            self.revision,
            self.skipped,
            self.cannot,
            self.revisions,
            self.notes,
            self.asks_s,
        )

    def __str__(self) -> str:
        if self.on is False:
            return "off"
        if not self.steps or self.step is None:
            return "?" if self.percent is None else f"{self.percent:g} %"
        share = "?" if self.percent is None else f"{self.percent:.3g} %"
        held = f" ({self.waits})" if self.waits is not None else " (aborted)" if self.phase is Phase.ABORTED else ""
        waiting = f" with {self.release}" if self.release is not None and self.canary_version is None else ""
        return f"{share}, step {self.step}/{self.steps}{held}{waiting}"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend can do with a target, declared before a key is offered."""

    advances: bool = False
    """Moves on by itself (a controller with its own steps): halt must pause it, never abort it."""
    can_pause: bool = False
    repeatable: bool = False
    """A second call for the same setting does no harm, even if the first arrives after it."""
    owns_steps: bool = False
    """The stages are the backend's: promote releases its step instead of setting a weight."""
    meaning: Mapping[str, str] = field(default_factory=dict)
    """Verb -> what it means at this backend, one line, shown on the decision card."""
    orders: tuple[Order, ...] = ()
    """What else it can be told. Which of them it can be told now, a reading's `cannot` says."""


@dataclass(frozen=True, slots=True)
class Order:
    """One of a backend's own verbs, beyond going on and going back."""

    name: str
    """One word: "skip", "retry"."""
    meaning: str
    """What it does there, one line."""
    risky: bool = True
    """It takes on risk: refused while halted or after a rollback, and confirmed by typing its name."""


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to write, given by the engine for one request and looked at just before bytes leave.

    An adapter calls `check` right before every write it sends; the transport does so for HTTP.
    """

    trace: str
    """W3C traceparent of the decision: the same trace id on every call of one decision."""
    lapsed: Callable[[], str | None] = lambda: None
    """Why nothing may be sent any more (send_by passed, a rollback overtook it), or None."""

    def check(self, source: str, verb: str) -> None:
        """Raise Withdrawn if the permit has lapsed."""
        reason = self.lapsed()
        if reason is not None:
            raise Withdrawn(source, verb, f"not sent: {reason}")


# -- metrics ---------------------------------------------------------------------------------------------------------


class Shape(StrEnum):
    """What a metric's numbers are."""

    COUNTS = "counts"
    """bad events among total events"""
    GOOD_TOTAL = "good_total"
    """good events among total events; the adapter answers with Counts, bad = total - good"""
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    """requests by how long they took, in cumulative buckets"""


@dataclass(frozen=True, slots=True)
class ArmLabels:
    """How a backend's series are split into the two arms: one label, two values."""

    label: str
    canary: str
    baseline: str
    of: str | None = None
    """The target whose versions the values are; they are put in before a backend is asked. "" matches nothing."""


@dataclass(frozen=True, slots=True)
class MetricQuery:
    """One metric to read. The query texts are the operator's own and are shown as typed."""

    metric: str
    shape: Shape
    arms: ArmLabels | None = None
    total: str | None = None
    bad: str | None = None
    good: str | None = None
    value: str | None = None
    buckets: str | None = None
    target: TargetRef | None = None
    """Whose own measurements `value` names, at a backend that measures its targets itself."""

    def texts(self) -> tuple[tuple[str, str], ...]:
        """(part, query) pairs that are set, for the drill-down."""
        parts = (
            ("bad", self.bad),
            ("good", self.good),
            ("total", self.total),
            ("value", self.value),
            ("buckets", self.buckets),
        )
        return tuple((name, text) for name, text in parts if text is not None)


@dataclass(frozen=True, slots=True)
class Window:
    """Which ticks to read: [start, end) in UTC, cut into ticks of `tick_s` seconds aligned to the epoch."""

    start: datetime
    end: datetime
    tick_s: float


@dataclass(frozen=True, slots=True)
class Counts:
    """Events of one arm within one tick."""

    total: float
    bad: float


@dataclass(frozen=True, slots=True)
class Gauge:
    """A level of one arm within one tick: its last value."""

    value: float
    """The mean over the arm's instances."""
    instances: tuple[float, ...] = ()
    """The same per instance, always in the same order, where the backend tells several apart."""


@dataclass(frozen=True, slots=True)
class Buckets:
    """Requests of one arm within one tick by how long they took: a cumulative histogram."""

    total: float
    within: tuple[tuple[float, float], ...]
    """(edge, requests that took at most `edge`) by rising edge, in the histogram's own unit; without the last, +Inf."""


Sample = Counts | Gauge | Buckets


@dataclass(frozen=True, slots=True)
class Reading:
    """One tick of one metric for both arms. An arm that said nothing in this tick is None: a gap, never a zero."""

    at: datetime
    """Start of the tick, UTC."""
    canary: Sample | None
    baseline: Sample | None


@dataclass(frozen=True, slots=True)
class MetricReply:
    """A backend's answer for one metric. Ticks near `end` may be incomplete and are read again by the next poll."""

    metric: str
    readings: tuple[Reading, ...] = ()
    canary_at: datetime | None = None
    """Newest sample's own time, per arm; None when that arm has no series at all."""
    baseline_at: datetime | None = None
    partial: str | None = None
    """Why this answer is not whole (a warning, a truncation): never a pass."""
    problem: str | None = None
    """Why this metric could not be read at all though its source answered (a query error)."""
    spacing_s: float | None = None
    """Observed time between samples (the scrape interval), where it can be told."""
    tick_s: float = 10.0
    """Length of the ticks in `readings`: that of the window that was asked for."""


# -- what a backend is -----------------------------------------------------------------------------------------------


class Clock(Protocol):
    """Time as an input: the real one, a faster one for demos, a hand-stepped one for tests."""

    def now(self) -> datetime:
        """UTC, timezone-aware."""

    def monotonic(self) -> float:
        """Seconds that never go back and that count suspend."""

    async def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Context:
    """What the engine lends an adapter when it connects."""

    source: str
    """The plan's name of this backend; every error starts with it."""
    rollout: str
    clock: Clock
    read_deadline_s: float
    write_deadline_s: float
    state_dir: Path
    """A private folder (0700) in which the embedded world keeps what was done to it."""
    changed: Callable[[], None] = lambda: None
    """Called in the engine's loop by a backend that is told of changes: its targets are read again at once."""


@runtime_checkable
class Backend(Protocol):
    """What every backend has.

    One that does not verify whom it talks to has `cautions: tuple[str, ...]` besides: a line in every decision.
    """

    source: str

    async def aclose(self) -> None: ...


class DeployBackend(Backend, Protocol):
    """A backend that sends a share of the traffic to the canary."""

    def capabilities(self, target: TargetRef) -> Capabilities: ...

    async def read_target(self, target: TargetRef) -> TargetReading:
        """What the target reads now. Raises BackendError."""

    def calls(self, target: TargetRef, setting: Setting) -> tuple[str, ...]:
        """What `set_weight` would send, in order, one line each, for the decision card. Sends nothing."""

    async def set_weight(self, target: TargetRef, percent: int, permit: Permit) -> None:
        """Make the canary's share `percent` (0..100). Returns when the backend accepted it; raises BackendError."""

    async def pause(self, target: TargetRef, permit: Permit) -> None:
        """Stop a backend that advances by itself, without undoing anything. Raises BackendError."""

    async def resume(self, target: TargetRef, permit: Permit) -> None:
        """Let a paused backend go on. Raises BackendError."""


@runtime_checkable
class SteppedBackend(Protocol):
    """What a deploy backend has besides that owns its steps (`Capabilities.owns_steps`).

    `seen` is the `revision` of the reading that somebody looked at when they decided: it is the guard of the call, and
    a backend that is not there any more refuses with Moved.
    """

    async def advance(self, target: TargetRef, setting: Setting, seen: str, permit: Permit) -> None:
        """Release the pause that `seen` shows, and nothing else. Raises BackendError; Moved where it is over."""

    async def withdraw(self, target: TargetRef, version: str | None, permit: Permit) -> None:
        """Give `version` all the traffic again: an abort, or the way back to it. Needs no guard: it never loses.

        Harmless when repeated. Raises BackendError; HalfDone when it takes several calls and one of them failed.
        """

    async def order(self, target: TargetRef, order: str, seen: str, permit: Permit) -> None:
        """One of `Capabilities.orders`, with its subject after a blank where it has one ("undo 4")."""

    def step_calls(self, target: TargetRef, setting: Setting, seen: str | None) -> tuple[str, ...]:
        """What `advance`, or with a version `withdraw`, would send to what was seen, one line each. Sends nothing."""

    def order_calls(self, target: TargetRef, order: str, seen: str | None) -> tuple[str, ...]:
        """What `order` would send to what was seen, one line each. Sends nothing."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One question of a backend that asks whether it may go on."""

    target: str
    """The plan's name of the target it is about."""
    gate: str
    """Which of its gates asks, in the backend's own word."""
    back: bool = False
    """It asks whether to go back, not on."""
    token: str | None = field(default=None, repr=False)
    """What it shows to be who it is."""


@runtime_checkable
class AskingBackend(Protocol):
    """What a backend has besides that asks at gates instead of being called."""

    def asked(self, target: TargetRef, gate: str, body: bytes) -> Ask | None:
        """What it asks in `body` at `gate`; None where it is not about `target`. Raises BadReply."""


class FlagBackend(Backend, Protocol):
    """A backend that holds feature flags for one environment."""

    def capabilities(self, target: TargetRef) -> Capabilities: ...

    async def read_target(self, target: TargetRef) -> TargetReading:
        """What the flag reads now. Raises BackendError."""

    def calls(self, target: TargetRef, setting: Setting) -> tuple[str, ...]:
        """What `set_flag` would send, in order, one line each, for the decision card. Sends nothing."""

    async def set_flag(self, target: TargetRef, setting: Setting, permit: Permit) -> None:
        """Make the flag read as `setting`.

        The percentage is set and read back before the flag is switched on; `off` is one call and leaves the
        percentage alone. Raises BackendError; HalfDone when an earlier call of several was accepted.
        """


class MetricsBackend(Backend, Protocol):
    """A backend that is only read."""

    async def read_metrics(self, queries: Sequence[MetricQuery], window: Window) -> tuple[MetricReply, ...]:
        """One reply per query, in order. Raises BackendError when the source as a whole cannot be read."""


# -- errors ----------------------------------------------------------------------------------------------------------


class BackendError(Exception):
    """One plain line about one backend. Never holds a secret, a body or a control character."""

    outcome = Outcome.UNKNOWN
    """How a write that ended with this error is settled."""
    status: int | None = None
    """The HTTP status, where an answer had one."""

    def __init__(self, source: str, verb: str, reason: str) -> None:
        super().__init__(source, verb, reason)
        self.source = source
        self.verb = verb
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.source}: {self.reason}"


class NotSent(BackendError):
    """Our bytes never left."""

    outcome = Outcome.REFUSED


class Unreachable(NotSent):
    """No connection: refused, no such name, TLS not accepted, no free connection in time."""


class Withdrawn(NotSent):
    """The permit had lapsed before the bytes could leave."""


class Refused(BackendError):
    """The backend answered, and said no."""

    outcome = Outcome.REFUSED


class AuthFailed(Refused):
    """401: the token is bad or has expired."""


class Forbidden(Refused):
    """403: the token may not do this; the reason names the permission where the backend does."""


class NeedsApproval(Refused):
    """The backend wants somebody's approval first; the reason carries where."""


class Missing(Refused):
    """404: wrong project, environment, name."""


class Moved(Refused):
    """409 or a failed guard: somebody changed it since it was read."""


class Throttled(Refused):
    """429. `retry_after_s` is how long the backend asks us to wait, where it says so."""

    def __init__(self, source: str, verb: str, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(source, verb, reason)
        self.retry_after_s = retry_after_s


class Rejected(Refused):
    """400, 422 and every other refusal."""


class OutcomeUnknown(BackendError):
    """The world may have changed; only a read can tell."""


class TimedOut(OutcomeUnknown):
    """No whole answer within the deadline."""


class ServerFailed(OutcomeUnknown):
    """5xx. `retry_after_s` as for Throttled."""

    def __init__(self, source: str, verb: str, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(source, verb, reason)
        self.retry_after_s = retry_after_s


class BadReply(OutcomeUnknown):
    """An answer that is not what this API says: HTML, garbage, too large, a field missing."""


class Cut(OutcomeUnknown):
    """The connection broke, or we hung up, before the answer was whole."""


class HalfDone(OutcomeUnknown):
    """Several calls were needed; an earlier one was accepted and a later one was not."""
