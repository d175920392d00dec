"""The one HTTP client: deadlines, size cap, retries for reads only, redaction.

Every HTTP adapter builds its Options on `HttpOptions` and talks through one `Transport`. httpx is imported here and
nowhere else, so a console whose plan names no HTTP backend never pays for it. The meaning of a path or a body is the
adapter's business, not this package's.
"""

from adapters.transport.backend import HttpBackend as HttpBackend
from adapters.transport.client import MAX_BYTES as MAX_BYTES
from adapters.transport.client import Transport as Transport
from adapters.transport.identity import Credentials as Credentials
from adapters.transport.identity import FixedIdentity as FixedIdentity
from adapters.transport.identity import Identity as Identity
from adapters.transport.options import Basic as Basic
from adapters.transport.options import HttpOptions as HttpOptions
from adapters.transport.reply import Explain as Explain
from adapters.transport.reply import Reply as Reply
from adapters.transport.tls import Certificate as Certificate
from adapters.transport.tls import Tls as Tls
from adapters.transport.trace import child_span as child_span
from adapters.transport.trace import new_trace as new_trace
