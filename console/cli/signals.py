"""End a console on a signal or after its terminal is gone.

The engine ends first. A rollback under way finishes its automatic steps; every other call is canceled and settled as
unknown. A request that cannot be settled in time stays open in the journal, and the next console settles it by
reading. Then the process ends, even if the screen's loop is blocked.
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
"""How long the engine may take to settle calls in flight, other than a rollback's."""
RESTORE_S = 0.4
"""How long the screen may take to put the terminal back."""


def stop_with_terminal(engine: EngineThread, app: WarRoom, terminal: int) -> threading.Event:
    """End the process on SIGHUP, SIGTERM, SIGINT or a hang-up of the `terminal` (a file descriptor).

    The engine ends first. Then the screen gets RESTORE_S to restore the terminal, and no more: its loop may be
    blocked for good. Returns an event that the caller sets once the screen has ended.
    """
    left = threading.Event()
    once = threading.Lock()

    def leave(code: int) -> None:
        with contextlib.suppress(RuntimeError):  # it is not running yet, or no longer
            app.call_from_thread(app.exit, None, code)

    def end(signum: int) -> None:
        if not once.acquire(blocking=False):
            return
        logging.getLogger("warroom.cli").info("ended by signal %d", signum)
        engine.stop(leave=True)
        engine.finish(SETTLE_S)
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
    """A signal ended a headless verb before it was done."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


class TaskCanceller:
    """Cancels the task that made it on SIGTERM or SIGHUP; a call in flight is then settled as unknown."""

    def __init__(self) -> None:
        self._task = asyncio.current_task()
        self.signum: int | None = None
        """The signal that canceled it; None: none."""
        for signum in _SIGNALS:
            asyncio.get_running_loop().add_signal_handler(signum, self._cancel, signum)

    def _cancel(self, signum: int) -> None:
        if self.signum is not None or self._task is None:
            return
        self.signum = signum
        limit = threading.Timer(SETTLE_S + RESTORE_S, os._exit, [128 + signum])
        limit.daemon = True
        limit.start()
        self._task.cancel()


def ignore_signals() -> None:
    """Ignore SIGHUP and SIGTERM, so that a rollback is completed; its deadlines bound it."""
    for signum in _SIGNALS:
        asyncio.get_running_loop().add_signal_handler(signum, lambda: None)


def _wait_for_hangup(terminal: int) -> None:
    """Return once the terminal hangs up, which a SIGHUP does not always announce."""
    poll = select.poll()
    poll.register(terminal, 0)  # POLLHUP and POLLERR are always reported
    while not poll.poll():
        continue
