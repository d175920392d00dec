"""The threads in which an engine does slow work: the journal's, and those not waited for at the end.

A rollback waits 200 ms for its events; polls, presence and the tail of a busy or distant journal must not use them up.
Therefore urgent work on the journal goes before everything else.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any, TypeVar

from console.journal.contract import JournalUnavailable
from console.journal.deferred import run_into

_T = TypeVar("_T")
_Entry = tuple[Future[Any], Callable[[], Any]]


class JournalThread:
    """Run one piece of work at a time, urgent ones first."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self._urgent: deque[_Entry] = deque()
        self._other: deque[_Entry] = deque()
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


class DaemonWorker:
    """Run one piece of work after the other in a daemon thread."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._work: SimpleQueue[_Entry | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def run(self, work: Callable[[], _T]) -> asyncio.Future[_T]:
        """Return the result of `work`, to be awaited in the running loop."""
        future: Future[_T] = Future()
        self._work.put((future, work))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        return asyncio.wrap_future(future)

    def end(self, within_s: float | None = 0.0) -> None:
        """Stop after the work handed over, waited for `within_s` (None: fully)."""
        self._work.put(None)
        if self._thread is not None:
            self._thread.join(within_s)

    def _run(self) -> None:
        while (item := self._work.get()) is not None:
            run_into(*item)
