"""Write samples to the journal in batches; a sample may be lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from console.engine.lease import PollingLease
from console.engine.workers import JournalThread
from console.events.kinds import SourceRead
from console.journal.contract import Fenced, Journal, JournalUnavailable

MAX_WAITING_SAMPLES = 1000
"""Samples that wait for a slow journal at most; beyond that the oldest are lost."""


class SampleWriter:
    """The samples of one console on their way to the journal.

    Args:
        last: number of the last sample that is folded.
        on_health: called with why the journal could not be written, or None once it could.
    """

    def __init__(
        self,
        journal: Journal,
        thread: JournalThread,
        lease: PollingLease,
        last: int,
        on_health: Callable[[str | None], None],
    ) -> None:
        self._journal = journal
        self._thread = thread
        self._lease = lease
        self._on_health = on_health
        self.last = last
        """Number of the last sample that is folded, or that this console wrote."""
        self._waiting: list[tuple[int, SourceRead]] = []
        """Each with the fence under which it was taken."""
        self._is_writing = False

    @property
    def is_idle(self) -> bool:
        """Whether no sample waits or is being written."""
        return not self._waiting and not self._is_writing

    def add(self, event: SourceRead, fence: int) -> None:
        """Have a sample written by the next `flush`."""
        self._waiting = [*self._waiting, (fence, event)][-MAX_WAITING_SAMPLES:]

    async def flush(self, rollout: str) -> None:
        """Write all that waits, in few writes to a slow journal."""
        while self._waiting:
            fence = self._waiting[0][0]
            batch = [event for of, event in self._waiting if of == fence]
            self._waiting = [entry for entry in self._waiting if entry[0] != fence]
            work = partial(_append, self._journal, rollout=rollout, batch=batch, fence=fence, after=self.last)
            self._is_writing = True
            try:
                self.last = max(self.last, await self._thread.run(work))
            except Fenced:
                self._lease.lose(fence)
            except JournalUnavailable as error:
                self._on_health(str(error))
                return
            finally:
                self._is_writing = False
        self._on_health(None)


def _append(journal: Journal, *, rollout: str, batch: Sequence[SourceRead], fence: int, after: int) -> int:
    """Write a batch; returns the number of the newest sample. No other console writes any under this fence."""
    journal.append_samples(rollout, batch, fence=fence)
    return max((entry.sample or 0 for entry in journal.tail_samples(rollout, after)), default=after)
