"""Children forked from a parent that has imported everything: a console starts in milliseconds.

A process may only fork while it has one thread: what a child does with threads and loops is its own.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable


def fork(work: Callable[[], object]) -> int:
    """A child that does `work` and ends, with code 0 if nothing was raised; its pid."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        work()
        code = 0
    except BaseException:  # whoever waits knows where the words are, if there are any
        code = 1
    finally:
        os._exit(code)


def reap(pid: int) -> None:
    """End a child of ours, whatever it does."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
