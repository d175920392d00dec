"""Debounce change notifications: poll at once, then once per REST_S."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

REST_S = 0.2
"""How long a source is not polled again after a notification; changes meanwhile are polled for once, after that."""


class ChangeDebouncer:
    """Poll sources after notifications, in the engine's loop."""

    def __init__(self) -> None:
        self._poll_soon: Callable[[str], None] | None = None
        self._resting: dict[str, bool] = {}
        """Source -> whether it changed again meanwhile."""

    def connect(self, poll_soon: Callable[[str], None]) -> None:
        """Poll through `poll_soon` from now on; earlier changes need no poll."""
        self._poll_soon = poll_soon

    def notify(self, source: str) -> None:
        """Note that something changed at a source."""
        if source in self._resting:
            self._resting[source] = True
            return
        self._resting[source] = False
        asyncio.get_running_loop().call_later(REST_S, self._end_rest, source)
        if self._poll_soon is not None:
            self._poll_soon(source)

    def _end_rest(self, source: str) -> None:
        if self._resting.pop(source):
            self.notify(source)
