"""Request expiry, as this process sees it.

May bytes still arrive, and was the target read since.

The moments in a request are those of the clock of the console that made it. They count as long as this host's clock
goes on steadily; once it was seen to jump, only the monotonic time that passed since this process first saw the
request does, which is longer and never wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adapters.contract import Clock
from console.state.requests import RequestState
from console.state.values import State

JUMP_S = 1.0
"""A clock that moved by more than this against the monotonic one has jumped."""


@dataclass
class _SeenRequest:
    """A request that is not settled, or in doubt."""

    at: float
    """On the monotonic clock."""
    offset_s: float
    """How far the host's clock was ahead of the monotonic one."""
    read_at: datetime | None
    """When its target had been read last before it was seen."""
    expiry_read_at: datetime | None = None
    """When its target had been read last before it expired."""
    has_expired: bool = False
    """None of its bytes can arrive now."""


class RequestExpiry:
    """Track the time of requests on the clocks of this process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[str, _SeenRequest] = {}

    def observe(self, request: RequestState, state: State) -> None:
        """Update what is known of a request until its end is."""
        read_at, seen = self._read_at(request, state), self._seen.get(request.id)
        if seen is None:
            seen = self._seen[request.id] = _SeenRequest(self._clock.monotonic(), self._offset_s(), read_at)
        if not seen.has_expired and self._expires(request, seen):
            seen.has_expired, seen.expiry_read_at = True, read_at

    def forget(self, request: str) -> None:
        """Drop a request whose end is known."""
        self._seen.pop(request, None)

    def has_expired(self, request: RequestState) -> bool:
        """Whether none of its bytes can arrive now."""
        seen = self._seen.get(request.id)
        return seen is not None and seen.has_expired

    def read_since_seen(self, request: RequestState, state: State) -> bool:
        """Whether its target was read after it was first seen.

        By difference, not by order: a clock that was put back goes on from less.
        """
        seen, read_at = self._seen.get(request.id), self._read_at(request, state)
        return seen is not None and read_at is not None and read_at != seen.read_at

    def read_since_expiry(self, request: RequestState, state: State) -> bool:
        """Whether it has expired, and its target was read after that."""
        seen, read_at = self._seen.get(request.id), self._read_at(request, state)
        return seen is not None and read_at is not None and seen.has_expired and read_at != seen.expiry_read_at

    def _read_at(self, request: RequestState, state: State) -> datetime | None:
        entry = state.targets.get(request.target)
        return entry.read_at if entry is not None else None

    def _expires(self, request: RequestState, seen: _SeenRequest) -> bool:
        if self._clock.monotonic() - seen.at > request.may_land_s:
            return True
        steady = abs(self._offset_s() - seen.offset_s) < JUMP_S
        return steady and self._clock.now() > request.last_word

    def _offset_s(self) -> float:
        return self._clock.now().timestamp() - self._clock.monotonic()
