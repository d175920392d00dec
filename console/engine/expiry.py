"""Requests whose end has still to be told, as this process saw them: may bytes still arrive, was the target read since.

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
    at: float
    """On the monotonic clock."""
    offset_s: float
    """How far the host's clock was ahead of the monotonic one."""
    read_at: datetime | None
    """When its target had been read last."""
    over_read_at: datetime | None = None
    """As `read_at`, when nothing of it could arrive any more."""
    over: bool = False


class RequestExpiry:
    """What this process knows of the time of requests."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[str, _SeenRequest] = {}

    def see(self, request: RequestState, state: State) -> None:
        """Look at a request; to be called for every one that is not settled or in doubt, again and again."""
        entry = state.targets.get(request.target)
        read_at = entry.read_at if entry is not None else None
        seen = self._seen.get(request.id)
        if seen is None:
            seen = self._seen[request.id] = _SeenRequest(self._clock.monotonic(), self._offset_s(), read_at)
        if not seen.over and self._over(request, seen):
            seen.over, seen.over_read_at = True, read_at

    def forget(self, request: str) -> None:
        """It has ended, and its end is known."""
        self._seen.pop(request, None)

    def over(self, request: RequestState) -> bool:
        """Whether nothing of it can arrive any more."""
        seen = self._seen.get(request.id)
        return seen is not None and seen.over

    def read_since(self, request: RequestState, state: State, *, over: bool = False) -> bool:
        """Whether its target was read since it was first seen, or, with `over`, since it is over.

        By difference, not by order: a clock that was put back goes on from less.
        """
        seen = self._seen.get(request.id)
        entry = state.targets.get(request.target)
        if seen is None or entry is None or entry.read_at is None:
            return False
        return (seen.over and entry.read_at != seen.over_read_at) if over else entry.read_at != seen.read_at

    def _over(self, request: RequestState, seen: _SeenRequest) -> bool:
        if self._clock.monotonic() - seen.at > request.may_land_s:
            return True
        steady = abs(self._offset_s() - seen.offset_s) < JUMP_S
        return steady and self._clock.now() > request.last_word

    def _offset_s(self) -> float:
        return self._clock.now().timestamp() - self._clock.monotonic()
