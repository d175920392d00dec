"""Credentials for one server, which may change while we run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from adapters.transport.tls import Certificate


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials that one request carries."""

    authorization: str | None = field(default=None, repr=False)
    """The whole Authorization header."""
    certificate: Certificate | None = None
    extra_headers: tuple[tuple[str, str], ...] = ()
    """Further headers that name the user we act for (Kubernetes' impersonation)."""


class Identity(Protocol):
    """A source of current credentials. One identity may serve several transports."""

    @property
    def waiting(self) -> str | None:
        """The thing it waits for now, in words; None: nothing. For the error of a call that times out meanwhile."""

    async def credentials(self, verb: str) -> Credentials:
        """Return the credentials to use now; must end by itself. Raises NotSent where there are none.

        `verb` is the purpose: a poll ("read", "watch") can be put off, a decision cannot.
        """

    def reject(self, shown: Credentials, verb: str) -> bool:
        """Note that the server answered 401 to `shown`. True: others can be had, and another try may help."""


class FixedIdentity:
    """An identity whose credentials never change."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self.waiting: str | None = None

    async def credentials(self, verb: str) -> Credentials:
        """Return the fixed credentials."""
        return self._credentials

    def reject(self, shown: Credentials, verb: str) -> bool:
        """Return False: there are no others."""
        return False
