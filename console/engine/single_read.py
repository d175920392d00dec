"""Read a rollout once, from its journal and its backends. Records nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from console.engine.backend_set import BackendSet
from console.engine.backends import Backends
from console.engine.clock import SystemClock
from console.engine.corrected_clock import CorrectedClock, clock_line
from console.engine.identity import actor
from console.engine.journal_time import learn_journal_time, read_journal_time
from console.engine.lease import PollingLease
from console.engine.mark_owner import MarkOwner
from console.engine.membership import roster_fields
from console.engine.opening import Joined, opening_event, resume
from console.engine.pollers import Pollers
from console.engine.previews import previews_for
from console.engine.replay import Depth
from console.engine.runs import open_run
from console.engine.store import StateStore
from console.engine.supervisor import cancel_and_wait
from console.journal.contract import Journal, JournalUnavailable
from console.journal.unavailable import UnavailableJournal
from console.plan.nouns import Plan
from console.state.assessment import assess
from console.state.folding import blank, unopened_rollout
from console.state.values import State


async def read_once(plan: Plan, journal: Journal | None, state_dir: Path) -> State:
    """The assessed state after every source was polled once.

    Raises:
        JournalUnavailable, ConnectError, UnknownAdapter: as Engine.open.
    """
    clock = CorrectedClock(SystemClock())
    if journal is not None:
        learn_journal_time(clock, read_journal_time(journal))
    run = open_run(journal, plan.rollout) if journal is not None else None
    if journal is not None and run is not None:
        joined = resume(journal, run, plan.path, Depth.NEWEST)
        plan = joined.rollout.plan
    else:
        joined = Joined(blank(plan, f"{plan.rollout}/-"))
    rollout = joined.rollout
    owner = MarkOwner()
    owner.learn(journal.first_hash() if journal is not None else "")
    backends = BackendSet(lambda plan: Backends(plan, clock, state_dir, owner=owner), plan)
    try:
        if run is None:
            event = await opening_event(plan, backends.current, clock, actor(), "")
            rollout = unopened_rollout(plan, f"{plan.rollout}/-", event)
        lease = PollingLease()
        lease.go_standalone()
        store = StateStore(UnavailableJournal(_no_journal, "status writes nothing"), rollout, lambda: None, lease=lease)
        await _poll_once(store, backends, clock)
        if journal is not None and run is not None:
            store.set_local(**roster_fields(journal, run, clock.now()))
        store.set_local(
            clock=clock_line(clock.error()),
            journal=replace(store.state.local.journal, broken=None, held=0),
            dropped_samples=joined.dropped_samples,
            cautions=(*backends.current.cautions, *(journal.cautions if journal is not None else ())),
        )
        read = assess(store.state, clock.now())
        store.set_local(previews=previews_for(read, backends.current))
        return replace(read, local=store.state.local)
    finally:
        await backends.aclose()


async def _poll_once(store: StateStore, backends: BackendSet, clock: CorrectedClock) -> None:
    pollers = Pollers(store, backends, clock)
    task = asyncio.create_task(pollers.run())
    try:
        await pollers.wait_polled()
    finally:
        await cancel_and_wait({task})


def _no_journal() -> Journal:
    raise JournalUnavailable("status writes nothing")
