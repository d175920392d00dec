"""Replies, and the contract's error for each HTTP status."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from adapters.contract import (
    AuthFailed,
    BackendError,
    BadReply,
    Forbidden,
    Missing,
    Moved,
    Rejected,
    ServerFailed,
    Throttled,
)

Explain = Callable[[bytes], str | None]
"""Finds the backend's own message in an error body; None where there is none."""

_KINDS = {401: AuthFailed, 403: Forbidden, 404: Missing, 409: Moved}
_MEANING = {
    401: "the token is missing, wrong or expired",
    403: "not allowed to do this",
    404: "not found",
    409: "another client changed it",
    429: "too many requests",
    502: "bad gateway",
    503: "unavailable",
    504: "gateway timeout",
}


@dataclass(frozen=True)
class Reply:
    """One successful reply (2xx), whole and within the size cap. Its repr shows neither headers nor body."""

    status: int
    headers: httpx.Headers = field(repr=False)
    body: bytes = field(repr=False)
    date: datetime | None
    """The server's own clock (Date header), UTC."""
    source: str = ""
    verb: str = "read"

    def json(self) -> object:
        """Parse the body as JSON. Raises BadReply: it is not JSON; the reason says so where it looks like HTML."""
        try:
            value: object = json.loads(self.body)
        except (ValueError, RecursionError):
            raise BadReply(self.source, self.verb, _not_json(self)) from None
        return value


def _not_json(reply: Reply) -> str:
    if not reply.body.strip():
        return "empty answer where JSON was expected"
    if "html" in reply.headers.get("content-type", "") or reply.body.lstrip()[:1] == b"<":
        return "answered HTML where JSON was expected (a login page or a proxy?)"
    return "the answer is not JSON"


def server_date(headers: httpx.Headers) -> datetime | None:
    """The Date header as UTC, or None where it is absent or unreadable."""
    return _http_date(headers.get("date", ""))


def retry_after_s(headers: httpx.Headers) -> float | None:
    """Retry-After in seconds from now, or None. RFC 9110 10.2.3: a number or a date."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    until = _http_date(text)
    now = server_date(headers) or datetime.now(UTC)
    return None if until is None else max(0.0, (until - now).total_seconds())


def refusal(source: str, verb: str, status: int, headers: httpx.Headers, words: str) -> BackendError:
    """Make the contract's error for `status`, which is not 2xx.

    Args:
        words: the backend's own message, already clean and without secrets; may be empty.
    """
    why = words or _MEANING.get(status, "")
    reason = f"answered {status}: {why}" if why else f"answered {status}"
    error: BackendError
    if status < 400:
        error = BadReply(source, verb, f"{reason} (a login page, or the URL is not right)")
    elif status == 429 or status >= 500:
        error = (Throttled if status == 429 else ServerFailed)(source, verb, reason, retry_after_s(headers))
    else:
        error = _KINDS.get(status, Rejected)(source, verb, reason)
    error.status = status
    return error


def _http_date(text: str) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
