"""Stand-in for a journal that does not open; retries opening on each write.

With it a console still starts, shows UNJOURNALED, and can halt and roll back when its disk is full. It reads the
journal where that is possible, because only the journal has the readings from before the rollout; an unreadable journal
counts as empty.
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
    DecisionRow,
    Journal,
    JournalEntry,
    JournalUnavailable,
    Lease,
    Presence,
    Run,
    SignedApproval,
    UnsignedApproval,
    Watch,
)
from console.journal.deferred import run_into


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

    def append(self, rollout: str, event: Event, *, fence: int | None = None) -> int:
        """Append to the real journal, opening it first."""
        return self._real().append(rollout, event, fence=fence)

    def append_samples(self, rollout: str, samples: Sequence[SourceRead], *, fence: int | None = None) -> None:
        """Append to the real journal, opening it first."""
        self._real().append_samples(rollout, samples, fence=fence)

    def tail(self, rollout: str, after: int) -> list[JournalEntry]:
        """Events of the readable journal; none while unreadable."""
        return [] if self._journal is None else self._journal.tail(rollout, after)

    def tail_samples(self, rollout: str, after: int) -> list[JournalEntry]:
        """Samples of the readable journal; none while unreadable."""
        return [] if self._journal is None else self._journal.tail_samples(rollout, after)

    def history(self, rollout: str) -> list[JournalEntry]:
        """Events and samples of the readable journal; none while unreadable."""
        return [] if self._journal is None else self._journal.history(rollout)

    def open_run(self, plan: str) -> str | None:
        """The open rollout of a plan; None while unreadable."""
        return None if self._journal is None else self._journal.open_run(plan)

    def next_run(self, plan: str) -> str:
        """The id of a plan's next rollout; run 1 while unreadable."""
        return f"{plan}/1" if self._journal is None else self._journal.next_run(plan)

    def runs(self) -> list[Run]:
        """Rollouts of the readable journal; none while unreadable."""
        return [] if self._journal is None else self._journal.runs()

    def decisions(self, rollout: str | None = None) -> list[DecisionRow]:
        """Decisions of the readable journal; none while unreadable."""
        return [] if self._journal is None else self._journal.decisions(rollout)

    def rows(self, rollout: str | None, after: int | None) -> Sequence[Row]:
        """Stored events of the readable journal; none while unreadable."""
        return [] if self._journal is None else self._journal.rows(rollout, after)

    def alterations(self) -> Sequence[str]:
        """Differences of the readable journal; none while unreadable."""
        return [] if self._journal is None else self._journal.alterations()

    def lease(self, rollout: str, holder: str, ttl_s: float) -> Lease:
        """Take the lease of the real journal, opening it first."""
        return self._real().lease(rollout, holder, ttl_s)

    def release(self, rollout: str, holder: str) -> None:
        """Release the lease of the real journal, opening it first."""
        self._real().release(rollout, holder)

    def current_lease(self, rollout: str) -> Lease | None:
        """The lease of the readable journal; None while unreadable."""
        return None if self._journal is None else self._journal.current_lease(rollout)

    def heartbeat(self, rollout: str, presence: Presence) -> None:
        """Store presence in the real journal, opening it first."""
        self._real().heartbeat(rollout, presence)

    def leave(self, rollout: str, session: str) -> None:
        """Drop presence from the real journal, opening it first."""
        self._real().leave(rollout, session)

    def present(self, rollout: str, within_s: float) -> list[Presence]:
        """Present consoles of the readable journal; none while unreadable."""
        return [] if self._journal is None else self._journal.present(rollout, within_s)

    def approve(self, rollout: str, approval: UnsignedApproval) -> SignedApproval:
        """Approve in the real journal, opening it first."""
        return self._real().approve(rollout, approval)

    def approvals(self, rollout: str) -> list[SignedApproval]:
        """Approvals of the readable journal; none while unreadable."""
        return [] if self._journal is None else self._journal.approvals(rollout)

    def watch(self) -> Watch:
        """A watch over the readable journal, else an idle one."""
        return _IdleWatch() if self._journal is None else self._journal.watch()

    def prune(self, rollout: str, *, dry_run: bool = False) -> int:
        """Prune the real journal, opening it first."""
        return self._real().prune(rollout, dry_run=dry_run)

    def close(self) -> None:
        """Close the journal that was opened, if any."""
        if self._journal is not None:
            self._journal.close()


class _IdleWatch:
    """A Watch that reports a change after each timeout."""

    def __init__(self) -> None:
        self._closed = threading.Event()

    def wait(self, timeout_s: float) -> bool:
        return not self._closed.wait(timeout_s)

    def close(self) -> None:
        self._closed.set()


class _OpeningAttempt:
    """One attempt to open a journal, in a thread of its own.

    A lookup at a silent name server has no timeout of ours. The thread is a daemon: the process can end without it.
    """

    def __init__(self, connect: Callable[[], Journal]) -> None:
        self._connect = connect
        self._made: Future[Journal] | None = Future()
        threading.Thread(target=run_into, args=[self._made, self._connect], name="opening", daemon=True).start()

    def journal(self, within_s: float | None = None) -> Journal:
        """The result of this attempt at the first call, of a new one later.

        Raises:
            JournalUnavailable: the journal did not open.
            TimeoutError: the attempt is still running after `within_s`.
        """
        if self._made is None:
            return self._connect()
        made = self._made.result(within_s)
        self._made = None
        return made


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
        attempt = _OpeningAttempt(connect)
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
