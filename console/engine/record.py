"""The one place where state changes: record(event) appends it, then folds it.

The journal is owned by one writer thread. An event goes to the journal first and is folded when it comes back through
the tail, together with whatever other consoles recorded before it. What must not wait for bookkeeping (a halt, a
rollback and everything they lead to) waits at most `PATIENCE_S`, then goes on in memory and is written when it can be.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from console.events.kinds import DecisionTaken, Event, SourceRead
from console.journal.contract import Broken, Entry, Journal, Raced
from console.state.fold import fold
from console.state.values import JournalHealth, State

PATIENCE_S = 0.2
"""How long an event that may not wait does wait for its append."""

_T = TypeVar("_T")


class Record:
    """State and journal of one rollout, moved on together."""

    def __init__(
        self, journal: Journal, state: State, on_change: Callable[[], None], held: Sequence[Event] = ()
    ) -> None:
        self.state = state
        self._journal = journal
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self._on_change = on_change
        self._held: list[Event] = list(held)
        """Events folded in memory that the journal refused; retried in order."""
        self._ahead: set[str] = {event.id for event in held}
        """Ids of events folded before they were seen in the journal's tail."""
        self._background: set[asyncio.Task[None]] = set()

    async def write(self, work: Callable[[Journal], _T]) -> _T:
        """Run `work` on the journal in the writer thread. Raises what the journal raises."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, work, self._journal)

    async def strict(self, event: Event) -> None:
        """Append, then fold. Nothing happened if it raises.

        Raises:
            Broken: the journal cannot be written, or events are still held in memory.
            Raced: somebody else recorded this move first; their events are folded by now.
        """
        if self._held:
            raise Broken(self.state.journal.broken or "events are waiting to be journalled")
        try:
            entries = await self._append(event)
        except Broken as error:
            self._health(str(error))
            raise
        except Raced:
            await self.catch_up()
            raise
        self._take(entries)

    async def now(self, event: Event) -> None:
        """Fold without fail, and append: within PATIENCE_S if possible, else as soon as the journal can be written."""
        if self._held:
            self._hold(event)
            return
        task = asyncio.create_task(self._append_or_hold(event))
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        await asyncio.wait({task}, timeout=PATIENCE_S)
        if not task.done() and event.id not in self._ahead:
            self._fold_ahead(event)

    async def _append_or_hold(self, event: Event) -> None:
        try:
            entries = await self._append(event)
        except Broken as error:
            self._health(str(error))
            self._hold(event)
            return
        self._take(entries)

    def sample(self, event: SourceRead) -> None:
        """Fold a sample at once; write it in the background. A sample may be lost."""
        self._fold(event, None)
        rollout = self.state.rollout
        task = asyncio.create_task(self._append_sample(rollout, event))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _append_sample(self, rollout: str, event: SourceRead) -> None:
        try:
            await self.write(lambda journal: journal.append_samples(rollout, [event]))
        except Broken as error:
            self._health(str(error))
        else:
            if not self._held:
                self._health(None)

    async def catch_up(self) -> None:
        """Fold what other consoles recorded. A journal that cannot be read is shown, not raised."""
        rollout, after = self.state.rollout, self.state.last_seq
        try:
            entries = await self.write(lambda journal: journal.tail(rollout, after))
        except Broken as error:
            self._health(str(error))
            return
        self._take(entries)

    async def retry(self) -> None:
        """Try to write what is held, in order. Does nothing while nothing is."""
        if not self._held:
            return
        while self._held:
            event = self._held[0]
            try:
                entries = await self._append(event)
            except Broken as error:
                self._health(str(error))
                return
            except Raced as error:
                self._health(f"{error} while this console could not write; start it again")
                return
            self._held.pop(0)
            self._take(entries)
        self._health(None)

    async def drain(self) -> None:
        """Wait for what is being written; called once before the end."""
        while self._background:
            await asyncio.wait(set(self._background))
        if self._held:
            await self.retry()
        self._writer.shutdown(wait=True)

    def replace(self, **changes: object) -> None:
        """Set what no event carries: previews, the plan's difference, who is at the keyboard."""
        self.state = replace(self.state, **changes)  # type: ignore[arg-type]
        self._on_change()

    async def _append(self, event: Event) -> list[Entry]:
        rollout, after = self.state.rollout, self.state.last_seq
        return await self.write(lambda journal: _append(journal, rollout, event, after))

    def _take(self, entries: list[Entry]) -> None:
        for entry in entries:
            if entry.seq <= self.state.last_seq:
                continue
            if entry.event.id in self._ahead and not isinstance(entry.event, DecisionTaken):
                self.state = replace(self.state, last_seq=entry.seq)
                continue
            self._fold(entry.event, entry.seq)

    def _hold(self, event: Event) -> None:
        self._held.append(event)
        self._fold_ahead(event)
        self._health(self.state.journal.broken)

    def _fold_ahead(self, event: Event) -> None:
        if event.id not in self._ahead:
            self._ahead.add(event.id)
            self._fold(event, None)

    def _fold(self, event: Event, seq: int | None) -> None:
        self.state = fold(self.state, event, seq)
        self._on_change()

    def _health(self, broken: str | None) -> None:
        health = JournalHealth(broken=broken, held=len(self._held))
        if health != self.state.journal:
            self.replace(journal=health)


def _append(journal: Journal, rollout: str, event: Event, after: int) -> list[Entry]:
    journal.append(rollout, event)
    return journal.tail(rollout, after)
