"""The one place where state changes: record(event) appends it, then folds it.

The journal is owned by one writer thread. An event goes to the journal first and is folded when it comes back through
the tail, together with whatever other consoles recorded before it. What must not wait for bookkeeping (a halt, a
rollback and everything they lead to) waits at most `PATIENCE_S`, then goes on in memory and is written when it can be.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TypeVar

from console.events.kinds import DecisionTaken, Event, RequestMade, RequestSettled, SourceRead
from console.journal.contract import Broken, Entry, Journal, Raced
from console.plan.load import parse
from console.plan.problems import PlanError
from console.state.fold import fold
from console.state.values import JournalHealth, State

PATIENCE_S = 0.2
"""How long an event that may not wait does wait for its append."""
SAMPLES_KEPT = 1000
"""Samples that wait for a slow journal at most; beyond that the oldest are lost."""

_TWICE = (DecisionTaken, RequestMade, RequestSettled)
"""Events that may be folded twice. One folded ahead may have come before the event it speaks of, so it is repeated."""

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
        self._overdue: set[asyncio.Task[None]] = set()
        """Appends that took longer than PATIENCE_S and are still under way."""
        self._order = asyncio.Lock()
        """One append after the other: what comes after an event that has to be held is held behind it."""
        self._samples: list[SourceRead] = []
        """Samples that wait to be written."""
        self._flush: asyncio.Task[None] | None = None

    async def write(self, work: Callable[[Journal], _T]) -> _T:
        """Run `work` on the journal in the writer thread. Raises what the journal raises."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, work, self._journal)

    async def strict(self, event: Event) -> None:
        """Append, then fold. Nothing happened if it raises.

        Raises:
            Broken: the journal cannot be written, or events are still held in memory.
            Raced: somebody else recorded this move first; their events are folded by now.
        """
        async with self._order:
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
        task = self._later(self._append_or_hold(event))
        await asyncio.wait({task}, timeout=0 if self._overdue else PATIENCE_S)
        if not task.done():
            self._overdue.add(task)
            task.add_done_callback(self._overdue.discard)
            self._fold_ahead(event)

    def _later(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def _append_or_hold(self, event: Event) -> None:
        async with self._order:
            if self._held:
                self._hold(event)
                return
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
        self._samples = [*self._samples, event][-SAMPLES_KEPT:]
        if self._flush is None or self._flush.done():
            self._flush = self._later(self._write_samples(self.state.rollout))

    async def _write_samples(self, rollout: str) -> None:
        """Write what waits, in batches: a slow journal gets one write for many polls, not a queue of them."""
        while batch := self._samples:
            self._samples = []
            try:
                await self.write(partial(_append_samples, rollout=rollout, batch=batch))
            except Broken as error:
                self._health(str(error))
                return
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
        async with self._order:
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
            if entry.event.id in self._ahead and not isinstance(entry.event, _TWICE):
                self.state = replace(self.state, last_seq=entry.seq)
                continue
            self._learn_plan(entry.event)
            self._fold(entry.event, entry.seq)

    def _learn_plan(self, event: Event) -> None:
        """A plan accepted by another console is known by its text alone: fold looks it up by its digest."""
        if not isinstance(event, DecisionTaken) or event.plan_text is None or event.plan_digest in self.state.plans:
            return
        try:
            plan = parse(event.plan_text, self.state.plan.path)
        except PlanError as error:  # written by a newer version: this console goes on under the plan it can read
            self.replace(fault=f"the accepted plan cannot be read by this version: {error.problems[0]}")
            return
        self.state = replace(self.state, plans={**self.state.plans, plan.digest: plan})

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


def _append_samples(journal: Journal, rollout: str, batch: Sequence[SourceRead]) -> None:
    journal.append_samples(rollout, batch)


def _append(journal: Journal, rollout: str, event: Event, after: int) -> list[Entry]:
    journal.append(rollout, event)
    return journal.tail(rollout, after)
