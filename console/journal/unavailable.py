"""Stand-in for a journal that does not open; retries opening on each write.

With it a console still starts, shows UNJOURNALED, and can halt and roll back when its disk is full. It reads the
journal where that is possible, because only the journal has the readings from before the rollout; an unreadable journal
counts as empty.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import datetime
from functools import wraps
from itertools import chain, repeat
from typing import Concatenate, ParamSpec, TypeVar

from console.events.evidence import Actor
from console.journal.contract import Journal, JournalUnavailable, SampleTail, TimedJournal, Watch
from console.journal.deferred import run_into
from console.journal.watch import NOTICED_S

_P = ParamSpec("_P")
_T = TypeVar("_T")


def _reading(
    method: Callable[Concatenate[Journal, _P], _T], unreadable: Callable[[], _T]
) -> Callable[Concatenate[UnavailableJournal, _P], _T]:
    """A method that reads the readable journal; without one it returns `unreadable()`."""

    @wraps(method)
    def read(self: UnavailableJournal, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        if self._journal is None:
            return unreadable()
        found: _T = getattr(self._journal, method.__name__)(*args, **kwargs)
        return found

    return read


def _writing(method: Callable[Concatenate[Journal, _P], _T]) -> Callable[Concatenate[UnavailableJournal, _P], _T]:
    """A method that writes the real journal, opening it first."""

    @wraps(method)
    def write(self: UnavailableJournal, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        done: _T = getattr(self._real(), method.__name__)(*args, **kwargs)
        return done

    return write


class UnavailableJournal:
    """A Journal that stands in for `connect()` after it raised JournalUnavailable."""

    def __init__(self, connect: Callable[[], Journal], reason: str, readable: Journal | None = None) -> None:
        self._connect = connect
        self._journal = readable
        """None while unreadable, else the read-only journal, else the real one."""
        self._writable = False
        self.reason = reason

    @property
    def unreadable_reason(self) -> str | None:
        """Reason why the journal cannot be read; None if it can."""
        return self.reason if self._journal is None else None

    def _real(self) -> Journal:
        if self._journal is None or not self._writable:
            before, self._journal = self._journal, self._connect()
            self._writable = True
            if before is not None:
                before.close()
        return self._journal

    @property
    def cautions(self) -> tuple[str, ...]:
        return () if self._journal is None else self._journal.cautions

    def identity(self, actor: Actor) -> str:
        """The identity of `actor` in the journal, or of its uid while unreadable."""
        return f"uid:{actor.uid}" if self._journal is None else self._journal.identity(actor)

    def next_run(self, plan: str) -> str:
        """The id of a plan's next rollout; run 1 while unreadable."""
        return f"{plan}/1" if self._journal is None else self._journal.next_run(plan)

    def reader(self) -> Journal:
        """A reader of the readable journal. Raises JournalUnavailable while there is none."""
        if self._journal is None:
            raise JournalUnavailable(self.reason)
        return self._journal.reader()

    def server_time(self) -> datetime | None:
        """The time of the readable journal's server; None without one."""
        return self._journal.server_time() if isinstance(self._journal, TimedJournal) else None

    def watch(self, noticed_s: float = NOTICED_S) -> Watch:
        """A watch over the readable journal, else an idle one."""
        return _IdleWatch() if self._journal is None else self._journal.watch(noticed_s)

    def close(self) -> None:
        """Close the journal that was opened, if any."""
        if self._journal is not None:
            self._journal.close()

    tail = _reading(Journal.tail, list)
    tail_samples = _reading(Journal.tail_samples, list)
    newest_samples = _reading(Journal.newest_samples, lambda: SampleTail([], 0))
    checkpoint = _reading(Journal.checkpoint, lambda: None)
    history = _reading(Journal.history, list)
    plan_runs = _reading(Journal.plan_runs, list)
    has_rows = _reading(Journal.has_rows, lambda: False)
    open_run = _reading(Journal.open_run, lambda: None)
    first_hash = _reading(Journal.first_hash, lambda: None)
    runs = _reading(Journal.runs, list)
    decisions = _reading(Journal.decisions, list)
    rows = _reading(Journal.rows, list)
    alterations = _reading(Journal.alterations, list)
    current_lease = _reading(Journal.current_lease, lambda: None)
    present = _reading(Journal.present, list)
    present_count = _reading(Journal.present_count, int)
    approvals = _reading(Journal.approvals, list)
    append = _writing(Journal.append)
    append_samples = _writing(Journal.append_samples)
    save_checkpoint = _writing(Journal.save_checkpoint)
    lease = _writing(Journal.lease)
    release = _writing(Journal.release)
    heartbeat = _writing(Journal.heartbeat)
    leave = _writing(Journal.leave)
    approve = _writing(Journal.approve)
    prune = _writing(Journal.prune)


class _IdleWatch:
    """A Watch that reports a change after each timeout."""

    def __init__(self) -> None:
        self._closed = threading.Event()

    def wait(self, timeout_s: float) -> bool:
        return not self._closed.wait(timeout_s)

    def close(self) -> None:
        self._closed.set()


def open_or_unavailable(
    connect: Callable[[], Journal], read: Callable[[], Journal] | None = None, within_s: float | None = None
) -> Journal:
    """The journal, or an UnavailableJournal if it cannot be opened.

    Args:
        connect: opens the journal.
        read: opens it without writing a byte.
        within_s: time limit in seconds, after which opening goes on in the background; None for no limit.
    """
    if within_s is not None:
        made: Future[Journal] = Future()
        # A lookup at a silent name server has no timeout of ours, but the process can end without a daemon thread.
        threading.Thread(target=run_into, args=[made, connect], name="opening", daemon=True).start()
        try:
            return made.result(within_s)
        except TimeoutError:
            attempts: Iterator[Callable[[], Journal]] = chain([made.result], repeat(connect))
            return UnavailableJournal(lambda: next(attempts)(), f"the journal has not answered within {within_s:g} s")
        except JournalUnavailable as error:
            return UnavailableJournal(connect, str(error))
    try:
        return connect()
    except JournalUnavailable as error:
        readable = None
        if read is not None:
            with contextlib.suppress(JournalUnavailable):
                readable = read()
        return UnavailableJournal(connect, str(error), readable)
