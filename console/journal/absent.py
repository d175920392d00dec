"""A journal that could not be opened: refuses every append, and opens the real one once that works.

So that a console still starts, shows UNJOURNALED, and can halt and roll back when its disk is full. What can still be
read is read, because only the journal knows what "before" was; a journal that cannot be read either is taken for empty.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence

from console.events.kinds import Event, SourceRead
from console.journal.contract import Broken, Decided, Entry, Journal, Run


class AbsentJournal:
    """Stands in for `connect()`, which raised Broken when it was tried first."""

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

    def append(self, rollout: str, event: Event) -> int:
        return self._real().append(rollout, event)

    def append_samples(self, rollout: str, samples: Sequence[SourceRead]) -> None:
        self._real().append_samples(rollout, samples)

    def tail(self, rollout: str, after: int) -> list[Entry]:
        return [] if self._journal is None else self._journal.tail(rollout, after)

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

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()


def open_or_absent(connect: Callable[[], Journal], read: Callable[[], Journal] | None = None) -> Journal:
    """The journal, or its stand-in when it cannot be opened; `read` opens it without writing a byte."""
    try:
        return connect()
    except Broken as error:
        readable = None
        if read is not None:
            with contextlib.suppress(Broken):
                readable = read()
        return AbsentJournal(connect, str(error), readable)
