"""A thread for slow work, not waited for when the process ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

from console.journal.deferred import run_into

_T = TypeVar("_T")


class DaemonWorker:
    """Run one piece of work after the other in a daemon thread."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._work: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
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
