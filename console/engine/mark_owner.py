"""The journal whose marks are our own; readings show those of other journals alone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from adapters.sanitize import one_line
from console.engine.workers import JournalThread
from console.journal.contract import Journal, JournalError

_ID_DIGITS = 12
_MOST = 8
_WIDTH = 160


class MarkOwner:
    """Tell the marks of one journal from those of others by the start of its first event's hash."""

    def __init__(self) -> None:
        self.journal: str | None = None
        """Its id; empty while the journal holds no event, None while it is not known."""

    def learn(self, first_hash: str | None) -> None:
        """Take note of the hash of the journal's first event."""
        self.journal = None if first_hash is None else first_hash[:_ID_DIGITS]

    def own(self, marks: Sequence[str]) -> tuple[str, ...]:
        """The marks of this journal."""
        return tuple(mark for mark in marks if self.journal and mark.startswith(f"{self.journal} "))

    def foreign(self, marks: Sequence[str]) -> tuple[str, ...]:
        """The marks of other journals, bounded; none while it is not known which are our own."""
        if self.journal is None:
            return ()
        own = self.own(marks)
        return tuple(one_line(mark, _WIDTH) for mark in marks if mark not in own)[:_MOST]


async def learn_owner(owner: MarkOwner, journal: Journal, thread: JournalThread, within_s: float) -> None:
    """Ask the journal for its first event; one that is silent for `within_s` is not waited for."""
    call = thread.run(journal.first_hash)

    def take(done: asyncio.Future[str | None]) -> None:
        with contextlib.suppress(JournalError, asyncio.CancelledError):
            owner.learn(done.result())

    call.add_done_callback(take)
    await asyncio.wait({call}, timeout=within_s)
