"""The one place where state changes.

An event is appended to the journal, then folded.

The journal is used in one thread. An event goes to the journal first and is folded when it comes back through the
tail, together with the events other consoles recorded before it. An event that must not wait for the journal (a halt,
a rollback and everything they lead to) waits at most `PATIENCE_S`, then is folded in memory and written later.

An observation by polling is written under the fence of the polling lease: once another console polls, the journal
refuses it, and it is dropped. A console without the lease folds the samples that the other one writes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from console.engine.event_log import EventLog
from console.engine.journal_tail import Tail, append_and_read, read_tail
from console.engine.lease import PollingLease
from console.engine.sample_writer import SampleWriter
from console.engine.spooler import SpoolWriter, UnwrittenEvent, UnwrittenEvents
from console.engine.workers import JournalThread
from console.events.kinds import DecisionTaken, Event, RequestMade, RequestSettled, SourceRead, Unbelieved
from console.journal.contract import Conflict, Fenced, Journal, JournalUnavailable
from console.plan.nouns import Plan
from console.state.belief import fold_stored
from console.state.checkpoint import SampleParts, with_sample_parts, with_unjudged
from console.state.folding import fold, skip_event, with_plan
from console.state.local import JournalHealth, LocalState
from console.state.unbelieved import unbelieved_line
from console.state.values import RolloutState, State

_log = logging.getLogger("warroom.engine.journal")

PATIENCE_S = 0.2
"""How long an urgent event waits for its append before the caller goes ahead."""

_FOLDED_AGAIN = (DecisionTaken, RequestMade, RequestSettled)
"""Events folded again when the journal returns them: folded early, they may have found nothing to act on."""

_T = TypeVar("_T")


class StateStore:
    """State and journal of one rollout, moved on together.

    Args:
        journal: used in one thread.
        rollout: to go on from.
        on_change: called after every change of the state.
        unwritten: events that are folded already and could not be written yet.
        thread: the journal's thread, if it was used before; ended by `close`. None: a new one.
        spooler: keeps what the journal cannot take yet; None: it is in memory alone.
        lease: of this console; None: one that was never granted.
        last_sample: number of the last sample that is folded already.
        broken: why the journal cannot be written; None if it can.
    """

    def __init__(
        self,
        journal: Journal,
        rollout: RolloutState,
        on_change: Callable[[], None],
        unwritten: Sequence[Event] = (),
        thread: JournalThread | None = None,
        spooler: SpoolWriter | None = None,
        lease: PollingLease | None = None,
        last_sample: int = 0,
        broken: str | None = None,
    ) -> None:
        self._rollout = rollout
        self._local = LocalState(journal=JournalHealth(broken=broken, held=len(unwritten)))
        self.state = State.of(self._rollout, self._local)
        self.lease = lease or PollingLease()
        self._journal = journal
        self.thread = thread or JournalThread()
        self._on_change = on_change
        self.unwritten = UnwrittenEvents(spooler or SpoolWriter(None), unwritten)
        self._ahead: set[str] = {event.id for event in unwritten}
        """Ids of events folded before they were seen in the journal's tail."""
        self._background: set[asyncio.Task[None]] = set()
        self._order = asyncio.Lock()
        """One append after the other: an event that comes after one that has to be held is held behind it."""
        self._samples = SampleWriter(journal, self.thread, self.lease, last_sample, self.report_journal)
        self._flush: asyncio.Task[None] | None = None
        self._events = EventLog()

    async def write(self, work: Callable[[Journal], _T]) -> _T:
        """Run `work` on the journal in its thread, behind urgent events."""
        return await self.thread.run(partial(work, self._journal))

    async def append(self, event: Event) -> None:
        """Append, then fold. Nothing happened if it raises.

        Raises:
            JournalUnavailable: the journal cannot be written, or events are still held in memory.
            Conflict: another console recorded this move first; its events are folded by now.
        """
        async with self._order:
            if self.unwritten.held:
                raise JournalUnavailable(self.state.local.journal.broken or "events are waiting to be journalled")
            try:
                tail = await self._append_to_journal(event)
            except JournalUnavailable as error:
                self._set_health(str(error))
                raise
            except Conflict:
                await self.catch_up()
                raise
            self._fold_tail(tail)

    async def append_soon(self, event: Event) -> None:
        """Fold in any case; append within PATIENCE_S or once possible."""
        await self._append_soon(event, None, is_observation=False)

    async def append_observation(self, event: Event) -> None:
        """As `append_soon`; dropped if another console polls by then."""
        if self.lease.may_record_observations:
            await self._append_soon(event, self.lease.fence, is_observation=True)

    async def _append_soon(self, event: Event, fence: int | None, *, is_observation: bool) -> None:
        if self.unwritten.held or (is_observation and fence is None and self.lease.is_standalone):
            await self._hold(event, is_observation)
            return
        task = self._run_in_background(self._append_or_hold(event, fence, is_observation=is_observation))
        await asyncio.wait({task}, timeout=0 if self.unwritten.overdue else PATIENCE_S)
        if not task.done():
            entry = self.unwritten.overdue[task] = UnwrittenEvent(event, is_observation)
            task.add_done_callback(self._forget_overdue)
            self._fold_ahead(event)
            await self.unwritten.spool(self.state.rollout, entry)
            self._set_health(self.state.local.journal.broken)

    def _forget_overdue(self, task: asyncio.Task[None]) -> None:
        self.unwritten.overdue.pop(task, None)
        self._set_health(self.state.local.journal.broken)

    def _run_in_background(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def _append_or_hold(self, event: Event, fence: int | None, *, is_observation: bool) -> None:
        async with self._order:
            if self.unwritten.held:
                await self._hold(event, is_observation)
                return
            try:
                tail = await self._append_to_journal(event, fence, urgent=not is_observation)
            except Fenced:
                self.lease.lose(fence)
                return
            except JournalUnavailable as error:
                self._set_health(str(error))
                await self._hold(event, is_observation)
                return
            self._fold_tail(tail)
            self.unwritten.mark_written(event)
            self.report_journal(None)

    def record_sample(self, event: SourceRead) -> None:
        """Fold a sample, and write it if this console polls."""
        self._fold(event, None)
        if self.lease.fence is None:
            return
        self._samples.add(event, self.lease.fence)
        if self._flush is None or self._flush.done():
            self._flush = self._run_in_background(self._samples.flush(self.state.rollout))

    def report_journal(self, broken: str | None) -> None:
        """Note why the journal could not be used. None (it works again) is ignored while events are held."""
        if broken is not None or not self.unwritten.held:
            self._set_health(broken)

    async def catch_up(self) -> None:
        """Fold what other consoles recorded; an unreadable journal is shown."""
        sample = self._samples.last if self.lease.reads_samples else None
        try:
            tail = await self.write(partial(read_tail, state=self.state, sample=sample))
        except JournalUnavailable as error:
            self._set_health(str(error))
            return
        self._fold_tail(tail)

    async def retry(self) -> None:
        """Try to write what is held, in order."""
        if not self.unwritten.held:
            return
        async with self._order:
            while self.unwritten.held:
                first = self.unwritten.held[0]
                if first.is_observation and self.lease.fence is None:
                    if self.lease.is_standalone:  # only the journal can say whether another console polls
                        return
                    self.unwritten.held.pop(0)
                    continue
                try:
                    tail = await self._append_to_journal(
                        first.event, self.lease.fence if first.is_observation else None
                    )
                except Fenced:
                    self.lease.release()
                    continue
                except JournalUnavailable as error:
                    self._set_health(str(error))
                    return
                except Conflict as error:
                    self._set_health(f"{error} while this console could not write; start it again")
                    return
                self.unwritten.held.pop(0)
                self._fold_tail(tail)
                self.unwritten.mark_written(first.event)
        self._set_health(None)

    async def wait_background(self) -> None:
        """Wait for the appends and samples under way."""
        while self._background:
            await asyncio.wait(set(self._background))

    async def drain(self) -> None:
        """Wait for writes under way, then try to write held events."""
        await self.wait_background()
        if self.unwritten.held:
            await self.retry()

    def close(self) -> None:
        """End the journal's thread; called once, last."""
        self.thread.shutdown(wait=True)

    def set_local(self, **changes: object) -> None:
        """Set fields of the State's local part, its only way to change; equal values change nothing."""
        local = replace(self._local, **changes)  # type: ignore[arg-type]
        if local != self._local:
            self._local = local
            self._publish()

    def _set_rollout(self, rollout: RolloutState) -> None:
        if rollout.plan.digest != self._rollout.plan.digest:  # `edited` compared the file with the old plan
            self._local = replace(self._local, edited=None, moves=())
        self._rollout = rollout
        self._publish()

    def _publish(self) -> None:
        self.state = State.of(self._rollout, self._local)
        self._on_change()

    @property
    def rollout(self) -> RolloutState:
        """The part of the state that events make, without this console's own."""
        return self._rollout

    @property
    def last_sample(self) -> int:
        """Number of the last sample that is folded, or that this console wrote."""
        return self._samples.last

    def count_unjudged(self, count: int) -> None:
        """Show that `count` recorded samples are not judged yet."""
        self._set_rollout(with_unjudged(self._rollout, count))

    def lay_over(self, parts: SampleParts, seq: int, sample: int) -> bool:
        """Take over what the samples up to one place of the record make; False unless the state is at that place."""
        is_there = (self._rollout.last_seq, self._samples.last) == (seq, sample)
        if not is_there or self.unwritten.count or not self._samples.is_idle:
            return False
        self._set_rollout(with_sample_parts(self._rollout, parts))
        return True

    def know_plan(self, plan: Plan) -> None:
        """Add a plan that an event may name by its digest."""
        self._set_rollout(with_plan(self._rollout, plan))

    async def _append_to_journal(self, event: Event, fence: int | None = None, *, urgent: bool = False) -> Tail:
        work = partial(append_and_read, self._journal, self.state, event, fence)
        return await self.thread.run(work, urgent=urgent)

    def _fold_tail(self, tail: Tail) -> None:
        if tail.problem is not None:
            self.set_local(fault=f"the accepted plan cannot be read by this version: {tail.problem}")
        for plan in tail.plans.values():
            self.know_plan(plan)
        for entry in tail.entries:
            if entry.sample is not None:
                if entry.sample > self._samples.last:
                    self._samples.last = entry.sample
                    if isinstance(entry.event, Unbelieved):
                        self.set_local(dropped_samples=self._local.dropped_samples + 1)
                        continue
                    self._fold_stored(entry.event, None)
                continue
            if entry.seq <= self.state.last_seq:
                continue
            if entry.event.id in self._ahead and not isinstance(entry.event, _FOLDED_AGAIN):
                self._set_rollout(skip_event(self._rollout, entry.seq))
                continue
            self._fold_stored(entry.event, entry.seq)

    async def _hold(self, event: Event, is_observation: bool) -> None:
        entry = UnwrittenEvent(event, is_observation)
        self.unwritten.held.append(entry)
        self._fold_ahead(event)
        await self.unwritten.spool(self.state.rollout, entry)
        self._set_health(self.state.local.journal.broken)

    def _fold_ahead(self, event: Event) -> None:
        if event.id not in self._ahead:
            self._ahead.add(event.id)
            self._fold(event, None)

    def _fold(self, event: Event, seq: int | None) -> None:
        if seq is None or event.id not in self._ahead:  # else it was logged when it was folded ahead
            self._events.log(self.state.rollout, event)
        self._set_rollout(fold(self._rollout, event, seq))

    def _fold_stored(self, event: Event, seq: int | None) -> None:
        """Fold an event that the journal returned, if it can be believed."""
        before = self._rollout.unbelieved_count
        after = fold_stored(self._rollout, event, seq)
        if after.unbelieved_count > before:
            _log.warning("%s", unbelieved_line(after), extra={"seq": seq})
        elif seq is None or event.id not in self._ahead:  # else it was logged when it was folded ahead
            self._events.log(self.state.rollout, event)
        self._set_rollout(after)

    def _set_health(self, broken: str | None) -> None:
        late = (
            len(self.unwritten.overdue) if broken is not None else 0
        )  # in a journal that works they are a moment behind
        health = JournalHealth(broken=broken, held=len(self.unwritten.held) + late, kept=self.unwritten.is_spooled)
        if health != self.state.local.journal:
            _log_health(health)
            self.set_local(journal=health)


def _log_health(health: JournalHealth) -> None:
    level = logging.INFO if health.broken is None else logging.WARNING
    words = "the journal can be written" if health.broken is None else f"the journal is in trouble: {health.broken}"
    _log.log(level, "%s; %d events wait", words, health.held, extra={"held": health.held})
