"""The one place where state changes: record(event) appends it, then folds it.

The journal is owned by one writer thread. An event goes to the journal first and is folded when it comes back through
the tail, together with whatever other consoles recorded before it. What must not wait for bookkeeping (a halt, a
rollback and everything they lead to) waits at most `PATIENCE_S`, then goes on in memory and is written when it can be.

What a console observes by polling is written under the fence of its lease: once another console polls, the journal
refuses it, and it is dropped. A console without the lease folds the samples that the other one writes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from console.engine.event_log import EventLog
from console.engine.spooler import SpoolWriter
from console.engine.writer import Writer
from console.events.kinds import DecisionTaken, Event, RequestMade, RequestSettled, SourceRead
from console.journal.contract import Conflict, Fenced, Journal, JournalEntry, JournalUnavailable
from console.plan.loader import parse
from console.plan.nouns import Plan
from console.plan.problems import PlanError
from console.state.folding import fold, skip_event, with_plan
from console.state.local import JournalHealth, LocalState
from console.state.values import RolloutState, State

_log = logging.getLogger("warroom.engine.journal")

PATIENCE_S = 0.2
"""How long an event that may not wait does wait for its append."""
SAMPLES_KEPT = 1000
"""Samples that wait for a slow journal at most; beyond that the oldest are lost."""

_TWICE = (DecisionTaken, RequestMade, RequestSettled)
"""Events that may be folded twice. One folded ahead may have come before the event it speaks of, so it is repeated."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Held:
    """An event that the journal could not take yet."""

    event: Event
    observed: bool = False
    """By polling: not worth writing once another console polls."""


class StateStore:
    """State and journal of one rollout, moved on together.

    Args:
        journal: read and written in one thread.
        rollout: to go on from.
        on_change: called whenever the state is another one.
        held: what is folded already and could not be written yet.
        writer: that thread, if the journal was used in it before; ended by `drain`.
        keeper: puts aside what the journal cannot take yet; None: it is in memory alone.
        last_sample: number of the last sample that is folded already.
        broken: why the journal cannot be written; None if it can.
    """

    def __init__(
        self,
        journal: Journal,
        rollout: RolloutState,
        on_change: Callable[[], None],
        held: Sequence[Event] = (),
        writer: Writer | None = None,
        keeper: SpoolWriter | None = None,
        last_sample: int = 0,
        broken: str | None = None,
    ) -> None:
        self._rollout = rollout
        self._local = LocalState(journal=JournalHealth(broken=broken, held=len(held)))
        self.state = State.of(self._rollout, self._local)
        self._journal = journal
        self._writer = writer or Writer()
        self._keeper = keeper or SpoolWriter(None)
        self._on_change = on_change
        self.fence: int | None = None
        """Of the lease under which this console polls; None while another one does."""
        self.standalone = False
        """The journal cannot say who polls, so this console polls for itself."""
        self._sample = last_sample
        """Number of the last sample that is folded, or that this console wrote."""
        self._held: list[_Held] = [_Held(event) for event in held]
        """Events folded in memory that the journal refused; retried in order."""
        self._ahead: set[str] = {event.id for event in held}
        """Ids of events folded before they were seen in the journal's tail."""
        self._background: set[asyncio.Task[None]] = set()
        self._overdue: dict[asyncio.Task[None], _Held] = {}
        """Appends that took longer than PATIENCE_S and are still under way."""
        self._order = asyncio.Lock()
        """One append after the other: what comes after an event that has to be held is held behind it."""
        self._samples: list[tuple[int, SourceRead]] = []
        """Samples that wait to be written, each with the fence under which it was taken."""
        self._flush: asyncio.Task[None] | None = None
        self._events = EventLog()

    @property
    def behind(self) -> int:
        """How many events are in memory alone by now: held, or taking longer to be written than they are waited for."""
        return len(self._held) + len(self._overdue)

    @property
    def kept(self) -> bool:
        """Whether what was decided or done and is not in the journal yet, if anything, is all in the keeper's file."""
        waiting = [held.event for held in (*self._held, *self._overdue.values()) if not held.observed]
        return bool(waiting) and self._keeper.holds(waiting)

    async def write(self, work: Callable[[Journal], _T]) -> _T:
        """Run `work` on the journal in its thread, behind what may not wait. Raises what `work` raises."""
        return await self._writer.run(partial(work, self._journal))

    async def append(self, event: Event) -> None:
        """Append, then fold. Nothing happened if it raises.

        Raises:
            JournalUnavailable: the journal cannot be written, or events are still held in memory.
            Conflict: somebody else recorded this move first; their events are folded by now.
        """
        async with self._order:
            if self._held:
                raise JournalUnavailable(self.state.local.journal.broken or "events are waiting to be journalled")
            try:
                entries = await self._append_to_journal(event)
            except JournalUnavailable as error:
                self._health(str(error))
                raise
            except Conflict:
                await self.catch_up()
                raise
            self._take(entries)

    async def append_soon(self, event: Event) -> None:
        """Fold without fail, and append: within PATIENCE_S if possible, else as soon as the journal can be written."""
        await self._append_soon(event, None, observed=False)

    async def append_observation(self, event: Event) -> None:
        """As `append_soon`, for what this console saw by polling: dropped if another console polls by then."""
        if self.fence is None and not self.standalone:
            return
        await self._append_soon(event, self.fence, observed=True)

    async def _append_soon(self, event: Event, fence: int | None, *, observed: bool) -> None:
        if self._held or (observed and fence is None and self.standalone):
            await self._hold(event, observed)
            return
        task = self._later(self._append_or_hold(event, fence, observed=observed))
        await asyncio.wait({task}, timeout=0 if self._overdue else PATIENCE_S)
        if not task.done():
            self._overdue[task] = _Held(event, observed)
            task.add_done_callback(self._over)
            self._fold_ahead(event)
            await self._aside(event, observed)
            self._health(self.state.local.journal.broken)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._overdue.pop(task, None)
        self._health(self.state.local.journal.broken)

    def _later(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def _append_or_hold(self, event: Event, fence: int | None, *, observed: bool) -> None:
        async with self._order:
            if self._held:
                await self._hold(event, observed)
                return
            try:
                entries = await self._append_to_journal(event, fence, urgent=not observed)
            except Fenced:
                self._overtaken(fence)
                return
            except JournalUnavailable as error:
                self._health(str(error))
                await self._hold(event, observed)
                return
            self._take(entries)
            self._keeper.mark_written(event.id)
            self.report_journal(None)

    def _overtaken(self, fence: int | None) -> None:
        """Another console polls: this one does not any more, and what it saw is not written."""
        if self.fence == fence:
            self.fence = None

    def sample(self, event: SourceRead) -> None:
        """Fold a sample at once; write it in the background if this console polls. A sample may be lost."""
        self._fold(event, None)
        if self.fence is None:
            return
        self._samples = [*self._samples, (self.fence, event)][-SAMPLES_KEPT:]
        if self._flush is None or self._flush.done():
            self._flush = self._later(self._write_samples(self.state.rollout))

    async def _write_samples(self, rollout: str) -> None:
        """Write what waits, in batches: a slow journal gets one write for many polls, not a queue of them."""
        while self._samples:
            fence = self._samples[0][0]
            batch = [event for of, event in self._samples if of == fence]
            self._samples = [entry for entry in self._samples if entry[0] != fence]
            work = partial(_append_samples, rollout=rollout, batch=batch, fence=fence, after=self._sample)
            try:
                self._sample = max(self._sample, await self.write(work))
            except Fenced:
                self._overtaken(fence)
            except JournalUnavailable as error:
                self._health(str(error))
                return
        if not self._held:
            self._health(None)

    def report_journal(self, broken: str | None) -> None:
        """The journal was asked for something else and could not be written, or could: None, unless events wait."""
        if broken is not None or not self._held:
            self._health(broken)

    async def catch_up(self) -> None:
        """Fold what other consoles recorded. A journal that cannot be read is shown, not raised."""
        sample = self._sample if self.fence is None and not self.standalone else None
        work = partial(_news, rollout=self.state.rollout, after=self.state.last_seq, sample=sample)
        try:
            entries = await self.write(work)
        except JournalUnavailable as error:
            self._health(str(error))
            return
        self._take(entries)

    async def retry(self) -> None:
        """Try to write what is held, in order. Does nothing while nothing is."""
        if not self._held:
            return
        async with self._order:
            while self._held:
                held = self._held[0]
                if held.observed and self.fence is None:
                    if self.standalone:  # whether it is worth writing is known once the journal says who polls
                        return
                    self._held.pop(0)
                    continue
                try:
                    entries = await self._append_to_journal(held.event, self.fence if held.observed else None)
                except Fenced:
                    self._overtaken(self.fence)
                    continue
                except JournalUnavailable as error:
                    self._health(str(error))
                    return
                except Conflict as error:
                    self._health(f"{error} while this console could not write; start it again")
                    return
                self._held.pop(0)
                self._take(entries)
                self._keeper.mark_written(held.event.id)
        self._health(None)

    async def settled(self) -> None:
        """Wait for what is being written."""
        while self._background:
            await asyncio.wait(set(self._background))

    async def drain(self) -> None:
        """Wait for what is being written, and write what is held, if the journal can be written by now."""
        await self.settled()
        if self._held:
            await self.retry()

    def end(self) -> None:
        """Nothing is written any more; called once, last."""
        self._writer.shutdown(wait=True)

    def set_local(self, **changes: object) -> None:
        """Set fields of the State's local part; the only way in which it changes."""
        local = replace(self._local, **changes)  # type: ignore[arg-type]
        if local != self._local:
            self._local = local
            self._publish()

    def _set_rollout(self, rollout: RolloutState) -> None:
        if rollout.plan.digest != self._rollout.plan.digest:  # the difference was against the plan before
            self._local = replace(self._local, edited=None)
        self._rollout = rollout
        self._publish()

    def _publish(self) -> None:
        self.state = State.of(self._rollout, self._local)
        self._on_change()

    @property
    def rollout(self) -> RolloutState:
        """The state folded from events, without this console's own part."""
        return self._rollout

    def know_plan(self, plan: Plan) -> None:
        """Make a plan known that an event may name by its digest."""
        self._set_rollout(with_plan(self._rollout, plan))

    async def _append_to_journal(
        self, event: Event, fence: int | None = None, *, urgent: bool = False
    ) -> list[JournalEntry]:
        work = partial(_append, self._journal, self.state.rollout, event, self.state.last_seq, fence)
        return await self._writer.run(work, urgent=urgent)

    def _take(self, entries: list[JournalEntry]) -> None:
        for entry in entries:
            if entry.sample is not None:
                if entry.sample > self._sample:
                    self._sample = entry.sample
                    self._fold(entry.event, None)
                continue
            if entry.seq <= self.state.last_seq:
                continue
            if entry.event.id in self._ahead and not isinstance(entry.event, _TWICE):
                self._set_rollout(skip_event(self._rollout, entry.seq))
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
            self.set_local(fault=f"the accepted plan cannot be read by this version: {error.problems[0]}")
            return
        self.know_plan(plan)

    async def _hold(self, event: Event, observed: bool) -> None:
        self._held.append(_Held(event, observed))
        self._fold_ahead(event)
        await self._aside(event, observed)
        self._health(self.state.local.journal.broken)

    async def _aside(self, event: Event, observed: bool) -> None:
        """Into the keeper's file, before anything is done on the strength of it."""
        if not observed:
            await self._keeper.keep(self.state.rollout, event)

    async def keep_held(self) -> None:
        """Put aside what was held from the beginning."""
        for held in self._held:
            await self._aside(held.event, held.observed)

    def _fold_ahead(self, event: Event) -> None:
        if event.id not in self._ahead:
            self._ahead.add(event.id)
            self._fold(event, None)

    def _fold(self, event: Event, seq: int | None) -> None:
        if seq is None or event.id not in self._ahead:  # else it was logged when it was folded ahead
            self._events.log(self.state.rollout, event)
        self._set_rollout(fold(self._rollout, event, seq))

    def _health(self, broken: str | None) -> None:
        late = len(self._overdue) if broken is not None else 0  # in a journal that works they are a moment behind
        health = JournalHealth(broken=broken, held=len(self._held) + late, kept=self.kept)
        if health != self.state.local.journal:
            _log_health(health)
            self.set_local(journal=health)


def _log_health(health: JournalHealth) -> None:
    level = logging.INFO if health.broken is None else logging.WARNING
    words = "the journal can be written" if health.broken is None else f"the journal is in trouble: {health.broken}"
    _log.log(level, "%s; %d events wait", words, health.held, extra={"held": health.held})


def _append_samples(journal: Journal, *, rollout: str, batch: Sequence[SourceRead], fence: int, after: int) -> int:
    """Write a batch; the number of the newest sample. Nobody else writes any under this fence."""
    journal.append_samples(rollout, batch, fence=fence)
    return max((entry.sample or 0 for entry in journal.tail_samples(rollout, after)), default=after)


def _append(journal: Journal, rollout: str, event: Event, after: int, fence: int | None) -> list[JournalEntry]:
    journal.append(rollout, event, fence=fence)
    return journal.tail(rollout, after)


def _news(journal: Journal, *, rollout: str, after: int, sample: int | None) -> list[JournalEntry]:
    """Events after `after`, and samples after number `sample` unless it is None, in the order they were recorded."""
    events = journal.tail(rollout, after)
    if sample is None:
        return events
    return sorted([*events, *journal.tail_samples(rollout, sample)], key=lambda entry: (entry.seq, entry.sample or 0))
