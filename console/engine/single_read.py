"""Read a rollout once, from its journal and its backends. Records nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from console.engine.backend_set import BackendSet
from console.engine.backends import Backends
from console.engine.clock import SystemClock
from console.engine.identity import actor
from console.engine.lease import PollingLease
from console.engine.membership import with_roster
from console.engine.opening import opening_event, resume
from console.engine.pollers import Pollers
from console.engine.previews import previews_for
from console.engine.store import StateStore
from console.journal.contract import Journal, JournalUnavailable
from console.journal.unavailable import UnavailableJournal
from console.plan.nouns import Plan
from console.state.assessment import assess
from console.state.folding import blank, fold
from console.state.values import State


async def read_once(plan: Plan, journal: Journal | None, state_dir: Path) -> State:
    """The assessed state after every source was polled once.

    Raises:
        JournalUnavailable, ConnectError, UnknownAdapter: as Engine.open.
    """
    clock = SystemClock()
    rollout = journal.open_run(plan.rollout) if journal is not None else None
    if journal is not None and rollout is not None:
        state = resume(journal, rollout, plan.path)
        plan = state.plan
    else:
        state = blank(plan, f"{plan.rollout}/-")
    backend_set = BackendSet(lambda plan: Backends(plan, clock, state_dir), plan)
    backends = backend_set.current
    try:
        if rollout is None:
            event = await opening_event(plan, backends, clock, actor(), "")
            state = replace(fold(state, event), opened_at=None)
        lease = PollingLease()
        lease.go_standalone()
        store = StateStore(UnavailableJournal(_no_journal, "status writes nothing"), state, lambda: None, lease=lease)
        read = await _read(store, backend_set, clock)
        if journal is not None and rollout is not None:
            read = with_roster(read, journal, clock.now())
        return replace(
            read,
            previews=previews_for(read, backends),
            cautions=(*backends.cautions, *getattr(journal, "cautions", ())),
        )
    finally:
        await backends.aclose()


async def _read(store: StateStore, backends: BackendSet, clock: SystemClock) -> State:
    pollers = Pollers(store, backends, clock)
    task = asyncio.create_task(pollers.run())
    try:
        await pollers.wait_polled()
    finally:
        task.cancel()
        await asyncio.wait({task})
    return replace(assess(store.state, clock.now()), journal=replace(store.state.journal, broken=None, held=0))


def _no_journal() -> Journal:
    raise JournalUnavailable("status writes nothing")
