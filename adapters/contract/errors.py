"""Errors between the console and a backend, and how a write that ended with one is settled.

The tree is cut along the one line a caller acts on, whether the world may have changed:

    ConnectError                 the options cannot be used: nothing was tried
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

from enum import StrEnum


class Outcome(StrEnum):
    """How one write ended. `accepted` is not yet `done`: only a later read says so."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class ConnectError(Exception):
    """A backend's options cannot be used (a secret is missing, a file is not there). One plain line."""


class BackendError(Exception):
    """One plain line about one backend. Never holds a secret, a body or a control character."""

    outcome = Outcome.UNKNOWN
    """How a write that ended with this error is settled."""
    status: int | None = None
    """The HTTP status, where an answer had one."""

    def __init__(self, source: str, verb: str, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(source, verb, reason)
        self.source = source
        self.verb = verb
        self.reason = reason
        self.retry_after_s = retry_after_s
        """How long the backend asks us to wait, where it says so (429 and 5xx)."""

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
    """The backend wants an approval first; the reason says where to get it."""


class Missing(Refused):
    """404: wrong project, environment, name."""


class Moved(Refused):
    """409 or a failed guard: it was changed since it was read."""


class Throttled(Refused):
    """429: too many requests."""


class Rejected(Refused):
    """400, 422 and every other refusal."""


class OutcomeUnknown(BackendError):
    """The world may have changed; only a read shows it."""


class TimedOut(OutcomeUnknown):
    """No whole answer within the deadline."""


class ServerFailed(OutcomeUnknown):
    """5xx."""


class BadReply(OutcomeUnknown):
    """An answer that is not what this API says: HTML, garbage, too large, a field missing."""


class Cut(OutcomeUnknown):
    """The connection broke, or we hung up, before the answer was whole."""


class HalfDone(OutcomeUnknown):
    """Several calls were needed; an earlier one was accepted and a later one was not."""
