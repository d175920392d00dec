"""Open a rollout: resume the open run of a plan, or begin one with a snapshot of every target.

The journal is asked in the thread that goes on writing it, so that a halt or a rollback can stop waiting: the call is
then still answered before the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from adapters.contract import BackendError, Clock, TargetReading
from console.engine.backends import Backends
from console.engine.replay import Depth, ReplayPoint, replay_rollout
from console.engine.runs import runs_of
from console.engine.store import PATIENCE_S
from console.engine.workers import JournalThread
from console.events.evidence import Actor
from console.events.kinds import Event, RolloutOpened
from console.journal.contract import Conflict, Journal, JournalError, JournalTimeout, JournalUnavailable
from console.journal.unavailable import UnavailableJournal
from console.plan.nouns import Plan, Target
from console.state.derived_stages import with_stages
from console.state.folding import blank, fold
from console.state.inference import infer
from console.state.values import RolloutState
from console.state.versions import as_exposure

_T = TypeVar("_T")


async def snapshot(backends: Backends) -> tuple[dict[str, TargetReading], dict[str, str]]:
    """Read every target: (readings, why the rest could not be read)."""
    readings: dict[str, TargetReading] = {}
    unread: dict[str, str] = {}

    async def read(target: Target) -> None:
        try:
            readings[target.name] = as_exposure(await backends.read_target(target), None)
        except BackendError as error:
            unread[target.name] = str(error)
        except TimeoutError:
            unread[target.name] = f"{target.backend}: no answer within {backends.plan.timing.read_deadline_s:g} s"

    await asyncio.gather(*(read(target) for target in backends.plan.targets.values()))
    return readings, unread


async def opening_event(plan: Plan, backends: Backends, clock: Clock, actor: Actor, version: str) -> RolloutOpened:
    """Read every target and make the event that begins a rollout."""
    readings, unread = await snapshot(backends)
    reached, candidates = infer(with_stages(plan, readings), readings)
    return RolloutOpened(
        at=clock.now(),
        who=actor,
        plan_digest=plan.digest,
        plan_text=plan.text,
        readings=tuple(readings[name] for name in plan.targets if name in readings),
        unread=unread,
        reached=reached,
        candidates=candidates,
        asks_before=True,
        warroom=version,
    )


@dataclass(frozen=True, slots=True)
class Joined:
    """A rollout to go on from."""

    rollout: RolloutState
    last_sample: int = 0
    """Number of the last sample that is folded: the tail is read from there."""
    unwritten: tuple[Event, ...] = ()
    """Events that could not be written yet."""
    is_new: bool = False
    """No run was open: this console began one."""
    judged: ReplayPoint | None = None
    """Where many samples had to be judged first: the place of the record that was reached."""
    broken: str | None = None
    """Why the journal cannot be written; None if it can."""
    dropped_samples: int = 0
    """Samples that were read and are not believed."""


def resume(
    journal: Journal,
    rollout: str,
    path: str,
    depth: Depth = Depth.ALL,
    on_judging: Callable[[int], None] | None = None,
) -> Joined:
    """Return the state of a rollout in the journal.

    Its own plan, with every event folded, and samples as far as `depth` says.

    Args:
        on_judging: called with the number of samples that are judged first, where that takes a moment.

    Raises:
        JournalUnavailable: the journal cannot be read, or the plan it holds is not one this version can read.
    """
    counts: list[int] = []

    def note(count: int) -> None:
        counts.append(count)
        if on_judging is not None:
            on_judging(count)

    found = replay_rollout(journal, rollout, path, depth, note)
    judged = found if counts else None
    return Joined(found.state, found.sample, judged=judged, dropped_samples=found.dropped)


def begin(journal: Journal, plan: Plan, event: RolloutOpened, depth: Depth = Depth.SHOWN) -> Joined:
    """Record the opening, or resume a run that another console opened first.

    Raises:
        JournalUnavailable: the journal cannot be written.
    """
    while (runs := runs_of(journal, plan.rollout)).open is None:
        try:
            seq = journal.append(runs.next, event)
        except Conflict:
            continue
        return Joined(fold(blank(plan, runs.next), event, seq))
    return resume(journal, runs.open, plan.path, depth)


class Joining:
    """Join or begin one console's run.

    Args:
        thread: the one in which the journal is used.
        hurry_s: how long the journal may take to say which run is open, after which an opening waits for its append
            no longer than any other event of a rollback does; None: as long as the journal itself allows.
        depth: how much of the recorded samples to take in.
        on_judging: see `resume`; called in the journal's thread.
    """

    def __init__(
        self,
        journal: Journal,
        thread: JournalThread,
        hurry_s: float | None,
        depth: Depth = Depth.SHOWN,
        on_judging: Callable[[int], None] | None = None,
    ) -> None:
        self._journal = journal
        self._thread = thread
        self._hurry_s = hurry_s
        self._depth = depth
        self._on_judging = on_judging
        self._known_runs: tuple[str | None, str] | None = None
        """(open run, next run) as the journal had them before it was written to."""

    async def join(self, plan: Plan, backends: Backends, clock: Clock, actor: Actor, version: str) -> Joined:
        """Return the state to go on from. Sends nothing.

        Raises:
            JournalUnavailable: the journal cannot be read. One that cannot be written is no reason not to begin.
        """
        if self._known_runs is None:
            self._known_runs = await self._ask_runs(plan.rollout)
        rollout, coming = self._known_runs
        if rollout is not None:
            work = partial(resume, self._journal, rollout, plan.path, self._depth, self._on_judging)
            return await self._ask_journal(work, None)
        event = await opening_event(plan, backends, clock, actor, version)
        absent = self._journal.reason if isinstance(self._journal, UnavailableJournal) else None
        patience_s = None if absent is None and self._hurry_s is None else PATIENCE_S
        try:
            begun = await self._ask_journal(partial(begin, self._journal, plan, event, self._depth), patience_s)
            return replace(begun, is_new=True)
        except JournalUnavailable as error:
            broken = absent if isinstance(error, JournalTimeout) else str(error)
        return Joined(fold(blank(plan, coming), event), unwritten=(event,), is_new=True, broken=broken)

    async def adopt(self, plan: str, work: Callable[[], int]) -> None:
        """Run `work` before the state is read: it adopts the spools of gone consoles.

        It is waited for `hurry_s` at most, and does not run without a journal to write to. In a hurry the open run is
        read first: a journal that takes no writes, and holds up this one, can still be read.

        Raises:
            JournalUnavailable: the journal cannot be read.
        """
        if isinstance(self._journal, UnavailableJournal):
            return
        if self._hurry_s is not None:
            self._known_runs = await self._ask_runs(plan)
        with contextlib.suppress(JournalTimeout):
            await self._ask_journal(work, self._hurry_s)
            self._known_runs = None  # it may have opened a run

    async def _ask_runs(self, plan: str) -> tuple[str | None, str]:
        """(open run of a plan or None, that run or the next one).

        A journal that names its runs within `hurry_s` is waited for: to believe thousands of rows takes time, and to
        give up on them would take the way back from everyone. Its own deadlines bound each of its calls.

        Raises:
            JournalUnavailable: the journal cannot be read, or has not answered in time.
        """
        if self._hurry_s is not None:
            await self._ask_journal(partial(self._journal.plan_runs, plan), self._hurry_s)
        return await self._ask_journal(partial(_runs, self._journal, plan), None)

    async def _ask_journal(self, work: Callable[[], _T], within_s: float | None) -> _T:
        """Return the result of `work`. Raises JournalTimeout after `within_s`, and what `work` raises."""
        call = self._thread.run(work)
        await asyncio.wait({call}, timeout=within_s)
        if not call.done():
            call.add_done_callback(_retrieve)
            raise JournalTimeout(f"the journal has not answered within {within_s:g} s")
        return call.result()


def _runs(journal: Journal, plan: str) -> tuple[str | None, str]:
    """(open run of a plan or None, that run or the next one)."""
    runs = runs_of(journal, plan)
    return runs.open, runs.open or runs.next


def _retrieve(call: asyncio.Future[_T]) -> None:
    """Retrieve the error of a call that is not awaited: an event it wrote is recognized by its id."""
    with contextlib.suppress(JournalError, asyncio.CancelledError):
        call.result()
