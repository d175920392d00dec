"""The one thread in which a console uses its journal. What may not wait goes before everything else.

A rollback waits 200 ms for its events; polls, presence and the tail of a busy or distant journal must not use them up.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from console.journal.contract import JournalUnavailable

_T = TypeVar("_T")


class Writer:
    """Runs one piece of work at a time; urgent ones first, each kind in the order in which it was handed over."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self._urgent: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._other: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._over = False

    def run(self, work: Callable[[], _T], *, urgent: bool = False) -> asyncio.Future[_T]:
        """What `work` returns, to be awaited in the loop that is running. Raises JournalUnavailable once it was shut down."""
        if self._over:
            raise JournalUnavailable("this console has ended")
        made: Future[_T] = Future()
        (self._urgent if urgent else self._other).append((made, work))
        self._thread.submit(self._next)
        return asyncio.wrap_future(made)

    def _next(self) -> None:
        made, work = (self._urgent or self._other).popleft()  # one for every call: there is something
        if not made.set_running_or_notify_cancel():
            return
        try:
            made.set_result(work())
        except BaseException as error:  # belongs to whoever awaits it
            made.set_exception(error)

    @property
    def waiting(self) -> int:
        """How much has been handed over and not begun."""
        return len(self._urgent) + len(self._other)

    def shutdown(self, *, wait: bool) -> None:
        """Take nothing more; what was handed over is still done, and waited for with `wait`."""
        self._over = True
        self._thread.shutdown(wait=wait)
