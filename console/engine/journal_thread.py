"""The one thread in which a console uses its journal.

Urgent work goes before everything else.

A rollback waits 200 ms for its events; polls, presence and the tail of a busy or distant journal must not use them up.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from console.journal.contract import JournalUnavailable
from console.journal.deferred import run_into

_T = TypeVar("_T")


class JournalThread:
    """Run one piece of work at a time, urgent ones first."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self._urgent: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._other: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._is_shut_down = False

    def run(self, work: Callable[[], _T], *, urgent: bool = False) -> asyncio.Future[_T]:
        """Return the result of `work`, to be awaited in the running loop.

        Raises:
            JournalUnavailable: after `shutdown`. Awaiting the result raises what `work` raises.
        """
        if self._is_shut_down:
            raise JournalUnavailable("this console has ended")
        future: Future[_T] = Future()
        (self._urgent if urgent else self._other).append((future, work))
        self._thread.submit(self._run_next)
        return asyncio.wrap_future(future)

    def _run_next(self) -> None:
        run_into(*(self._urgent or self._other).popleft())  # submitted once per entry, so there is one

    @property
    def waiting(self) -> int:
        """Number of pieces of work that have not begun."""
        return len(self._urgent) + len(self._other)

    def shutdown(self, *, wait: bool) -> None:
        """Accept nothing more; `wait` for what was handed over."""
        self._is_shut_down = True
        self._thread.shutdown(wait=wait)
