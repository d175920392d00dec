"""What backends say of themselves: that something changed there. Passed on at once, then not oftener than is shown."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

REST_S = 0.2
"""How long a source is left alone after it was asked; what changes there meanwhile is asked for once, after that."""


class ChangeDebouncer:
    """Lets a source be asked now, for backends that are told of changes. Called in the engine's loop."""

    def __init__(self, hurry: Callable[[str], None]) -> None:
        self._hurry = hurry
        self._resting: dict[str, bool] = {}
        """Source -> whether it changed again meanwhile."""

    def __call__(self, source: str) -> None:
        if source in self._resting:
            self._resting[source] = True
            return
        self._resting[source] = False
        asyncio.get_running_loop().call_later(REST_S, self._rested, source)
        self._hurry(source)

    def _rested(self, source: str) -> None:
        if self._resting.pop(source):
            self(source)
