"""A journal that could not be opened: refuses every append, and opens the real one once that works.

So that a console still starts, shows UNJOURNALED, and can halt and roll back when its disk is full. What can still be
read is read, because only the journal knows what "before" was; a journal that cannot be read either is taken for empty.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from console.events.evidence import Actor
from console.events.kinds import Event, SourceRead
from console.journal.chain import Row
from console.journal.contract import (
    Approval,
    Approved,
    Decided,
    Entry,
    Journal,
    JournalUnavailable,
    Lease,
    Presence,
    Run,
    Watch,
)
from console.journal.deferred import run_into


class UnavailableJournal:
    """Stands in for `connect()`, which raised JournalUnavailable when it was tried first."""

    def __init__(self, connect: Callable[[], Journal], reason: str, readable: Journal | None = None) -> None:
        self._connect = connect
        self._journal = readable
        """What is read: nothing, or what can only be read, or the real one."""
        self._writable = False
        self.reason = reason

    @property
    def unread(self) -> str | None:
        """Why nothing at all can be read; None if something can be."""
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
        return f"uid:{actor.uid}" if self._journal is None else self._journal.identity(actor)

    def append(self, rollout: str, event: Event, *, fence: int | None = None) -> int:
        return self._real().append(rollout, event, fence=fence)

    def append_samples(self, rollout: str, samples: Sequence[SourceRead], *, fence: int | None = None) -> None:
        self._real().append_samples(rollout, samples, fence=fence)

    def tail(self, rollout: str, after: int) -> list[Entry]:
        return [] if self._journal is None else self._journal.tail(rollout, after)

    def tail_samples(self, rollout: str, after: int) -> list[Entry]:
        return [] if self._journal is None else self._journal.tail_samples(rollout, after)

    def history(self, rollout: str) -> list[Entry]:
        return [] if self._journal is None else self._journal.history(rollout)

    def open_run(self, plan: str) -> str | None:
        return None if self._journal is None else self._journal.open_run(plan)

    def next_run(self, plan: str) -> str:
        return f"{plan}/1" if self._journal is None else self._journal.next_run(plan)

    def runs(self) -> list[Run]:
        return [] if self._journal is None else self._journal.runs()

    def decisions(self, rollout: str | None = None) -> list[Decided]:
        return [] if self._journal is None else self._journal.decisions(rollout)

    def rows(self, rollout: str | None, after: int | None) -> Sequence[Row]:
        return [] if self._journal is None else self._journal.rows(rollout, after)

    def altered(self) -> Sequence[str]:
        return [] if self._journal is None else self._journal.altered()

    def lease(self, rollout: str, holder: str, ttl_s: float) -> Lease:
        return self._real().lease(rollout, holder, ttl_s)

    def release(self, rollout: str, holder: str) -> None:
        self._real().release(rollout, holder)

    def current_lease(self, rollout: str) -> Lease | None:
        return None if self._journal is None else self._journal.current_lease(rollout)

    def heartbeat(self, rollout: str, presence: Presence) -> None:
        self._real().heartbeat(rollout, presence)

    def leave(self, rollout: str, session: str) -> None:
        self._real().leave(rollout, session)

    def present(self, rollout: str, within_s: float) -> list[Presence]:
        return [] if self._journal is None else self._journal.present(rollout, within_s)

    def approve(self, rollout: str, approval: Approval) -> Approved:
        return self._real().approve(rollout, approval)

    def approvals(self, rollout: str) -> list[Approved]:
        return [] if self._journal is None else self._journal.approvals(rollout)

    def watch(self) -> Watch:
        return _Blind() if self._journal is None else self._journal.watch()

    def prune(self, rollout: str, *, dry_run: bool = False) -> int:
        return self._real().prune(rollout, dry_run=dry_run)

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()


class _Blind:
    """A Watch over nothing: every wait is as long as it may be, and then there may be something."""

    def __init__(self) -> None:
        self._closed = threading.Event()

    def wait(self, timeout_s: float) -> bool:
        return not self._closed.wait(timeout_s)

    def close(self) -> None:
        self._closed.set()


class _Attempt:
    """One try at opening a journal, in a thread of its own: a name server that is silent cannot be told to hurry.

    The thread is a daemon: a process that has done what it had to do need not wait for it.
    """

    def __init__(self, connect: Callable[[], Journal]) -> None:
        self._connect = connect
        self._made: Future[Journal] | None = Future()
        threading.Thread(target=run_into, args=[self._made, self._connect], name="opening", daemon=True).start()

    def journal(self, within_s: float | None = None) -> Journal:
        """What came of it, or once that was told what comes of another one. Raises JournalUnavailable, TimeoutError."""
        if self._made is None:
            return self._connect()
        made = self._made.result(within_s)
        self._made = None
        return made


def open_or_unavailable(
    connect: Callable[[], Journal], read: Callable[[], Journal] | None = None, within_s: float | None = None
) -> Journal:
    """The journal, or its stand-in when it cannot be opened.

    Args:
        connect: opens the journal.
        read: opens it without writing a byte.
        within_s: how long opening may take before it is left to itself; None: as long as it does.
    """
    if within_s is not None:
        attempt = _Attempt(connect)
        try:
            return attempt.journal(within_s)
        except TimeoutError:
            return UnavailableJournal(attempt.journal, f"the journal has not answered within {within_s:g} s")
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
