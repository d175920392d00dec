"""The one HTTP client: deadlines, size cap, retries for reads only, redaction.

Every HTTP adapter builds its Options on `HttpOptions` and talks through one `Transport`. httpx is imported here and
nowhere else, so a console whose plan names no HTTP backend never pays for it. The meaning of a path or a body is the
adapter's business, not this package's.
"""

from adapters.transport.backend import HttpBackend
from adapters.transport.client import MAX_BYTES, Transport
from adapters.transport.identity import Credentials, FixedIdentity, Identity
from adapters.transport.options import Basic, HttpOptions
from adapters.transport.reply import Explain, Reply
from adapters.transport.tls import Certificate, Tls
from adapters.transport.trace import child_span, new_trace

__all__ = [
    "MAX_BYTES",
    "Basic",
    "Certificate",
    "Credentials",
    "Explain",
    "FixedIdentity",
    "HttpBackend",
    "HttpOptions",
    "Identity",
    "Reply",
    "Tls",
    "Transport",
    "child_span",
    "new_trace",
]
