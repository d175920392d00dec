"""Work whose result another thread awaits."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

_T = TypeVar("_T")


def run_into(future: Future[_T], work: Callable[[], _T]) -> None:
    """Run `work` in this thread and put its result, or what it raises, into `future`; not if that was cancelled."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(work())
    except BaseException as error:  # belongs to the thread that awaits the future, interrupts included
        future.set_exception(error)
