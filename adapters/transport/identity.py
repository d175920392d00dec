"""Who we are to one server, where that changes while we run: a token that expires, a certificate that is renewed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from adapters.transport.tls import Certificate


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is shown to the server with one request."""

    authorization: str | None = field(default=None, repr=False)
    """The whole Authorization header."""
    certificate: Certificate | None = None
    extra_headers: tuple[tuple[str, str], ...] = ()
    """Further headers that say on whose behalf (Kubernetes' impersonation)."""


ANONYMOUS = Credentials()


class Identity(Protocol):
    """Gives the credentials of the moment. One identity may serve several transports."""

    @property
    def waiting(self) -> str | None:
        """What it is waiting for right now, in words, for a call that ran out of time meanwhile."""

    async def credentials(self, verb: str) -> Credentials:
        """What to show now. Raises NotSent where there is nothing to show; must end by itself.

        `verb` says what for: whoever polls ("read", "watch") can be put off, somebody who decided cannot.
        """

    def reject(self, shown: Credentials, verb: str) -> bool:
        """The server answered 401 to `shown`. True: other credentials can be had, and asking again may help."""


class FixedIdentity:
    """The same credentials for ever."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self.waiting: str | None = None

    async def credentials(self, verb: str) -> Credentials:
        return self._credentials

    def reject(self, shown: Credentials, verb: str) -> bool:
        return False
