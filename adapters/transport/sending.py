"""One call under way: its body, its progress, and its retry."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from adapters.contract import BackendError, ServerFailed
from adapters.failpoints import failpoint
from adapters.transport.identity import Credentials

ATTEMPTS = 4
"""Most times that a read is sent."""
_FIRST_PAUSE_S = 0.25
_TRANSIENT = (502, 503, 504)

Params = Mapping[str, str] | Sequence[tuple[str, str]]


@dataclass
class Sending:
    """A request, and how far it got by httpcore's trace events. A stub transport has none and counts as sent."""

    verb: str
    method: str
    path: str
    params: Params | None
    deadline_s: float
    sent: bool
    headers: dict[str, str] = field(default_factory=dict)
    form: Mapping[str, str] | None = None
    content: bytes | None = None
    check: Callable[[], None] | None = None
    """Raises Withdrawn where the permit of a write has lapsed."""
    status: int | None = None
    shown: Credentials = field(default_factory=Credentials)
    """The credentials that the request carries."""

    def set_json(self, value: object, content_type: str = "application/json") -> None:
        """Give the request a JSON body."""
        self.headers["content-type"] = content_type
        self.content = json.dumps(value, separators=(",", ":")).encode()

    async def trace(self, event: str, info: object) -> None:
        """Take one trace event of httpcore. Raises Withdrawn right before a write whose permit has lapsed."""
        if event.endswith("send_request_headers.started"):
            if self.check is not None:
                self.check()
                failpoint("request leaves")
            self.sent = True
        elif self.check is not None and event.endswith("send_request_body.complete"):
            failpoint("request left")
        elif self.check is not None and event.endswith("receive_response_headers.complete"):
            failpoint("answer begins")


def pause_s(error: BackendError, status: int | None, attempt: int) -> float | None:
    """Seconds to wait before a read is retried. None where it is not retried."""
    if attempt + 1 >= ATTEMPTS or (isinstance(error, ServerFailed) and status not in _TRANSIENT):
        return None
    jittered_s = _FIRST_PAUSE_S * 2.0**attempt * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, hides nothing
    return jittered_s + (error.retry_after_s or 0.0)
