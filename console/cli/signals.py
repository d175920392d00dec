"""How a console ends that did not end by itself: told to by a signal, or because its terminal is gone.

The engine ends first: a rollback under way finishes its automatic steps, everything else is cut off and settled as
unknown, and what cannot be settled in time stands in the journal as a request without an end, which the next console
settles by reading. Then the process ends, whatever the screen's loop is stuck in.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import signal
import threading
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.app import WarRoom
    from console.engine.thread import EngineThread

_SIGNALS = (signal.SIGHUP, signal.SIGTERM)
SETTLE_S = 1.0
"""How long the engine may take to settle what is in flight, a rollback aside."""
RESTORE_S = 0.4
"""How long the screen may take to put the terminal back."""


def stop_with_terminal(desk: EngineThread, app: WarRoom, terminal: int) -> threading.Event:
    """End on SIGHUP, SIGTERM and SIGINT, and once the terminal (a file descriptor) is hung up, signal or not.

    The screen is asked to put the terminal back, but not waited for: its loop may be blocked for ever. Returns the
    event that says that the screen has ended.
    """
    left = threading.Event()
    once = threading.Lock()

    def leave(code: int) -> None:
        with contextlib.suppress(RuntimeError):  # it is not running, or not any more
            app.call_from_thread(app.exit, None, code)

    def end(signum: int) -> None:
        if not once.acquire(blocking=False):
            return
        logging.getLogger("warroom.cli").info("ended by signal %d", signum)
        desk.stop(leave=True)
        desk.finish(SETTLE_S)
        threading.Thread(target=leave, args=(128 + signum,), name="leave", daemon=True).start()
        left.wait(RESTORE_S)
        logging.shutdown()
        os._exit(128 + signum)

    def begin(signum: int, _frame: FrameType | None) -> None:
        threading.Thread(target=end, args=(signum,), name="end", daemon=True).start()

    def watch() -> None:
        _wait_for_hangup(terminal)
        end(signal.SIGHUP)

    for signum in (*_SIGNALS, signal.SIGINT):
        signal.signal(signum, begin)
    threading.Thread(target=watch, name="hang-up", daemon=True).start()
    return left


class Terminated(Exception):
    """A headless verb was told to end before it was through."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


class TaskCanceller:
    """Ends the task that made it when the process is told to end: what is in flight is then settled as unknown."""

    def __init__(self) -> None:
        self._task = asyncio.current_task()
        self.signum: int | None = None
        """By which signal; None: not told."""
        for signum in _SIGNALS:
            asyncio.get_running_loop().add_signal_handler(signum, self._tell, signum)

    def _tell(self, signum: int) -> None:
        if self.signum is not None or self._task is None:
            return
        self.signum = signum
        limit = threading.Timer(SETTLE_S + RESTORE_S, os._exit, [128 + signum])
        limit.daemon = True
        limit.start()
        self._task.cancel()


def ignore_signals() -> None:
    """Nothing ends this process before its rollback is through, which is bounded by its deadlines."""
    for signum in _SIGNALS:
        asyncio.get_running_loop().add_signal_handler(signum, lambda: None)


def _wait_for_hangup(terminal: int) -> None:
    """Return once nobody holds the other end of a terminal: also where no SIGHUP tells of it."""
    poll = select.poll()
    poll.register(terminal, 0)  # POLLHUP and POLLERR are told whether asked for or not
    while not poll.poll():
        continue
