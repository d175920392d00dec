"""A look without a trace: a rollout as its journal and its backends tell it now. Records nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from console.engine.backends import Backends
from console.engine.clock import SystemClock
from console.engine.identity import actor
from console.engine.membership import roster_fields
from console.engine.opening import opened, resumed
from console.engine.pollers import Pollers
from console.engine.previews import previews_for
from console.engine.store import StateStore
from console.journal.contract import Journal, JournalUnavailable
from console.journal.unavailable import UnavailableJournal
from console.plan.nouns import Plan
from console.state.assessment import assess
from console.state.folding import blank, unopened_rollout
from console.state.values import State


async def read_once(plan: Plan, journal: Journal | None, state_dir: Path) -> State:
    """The assessed state after every source was asked once.

    Raises:
        JournalUnavailable, ConnectError, UnknownAdapter: as Engine.open.
    """
    clock = SystemClock()
    rollout = journal.open_run(plan.rollout) if journal is not None else None
    if journal is not None and rollout is not None:
        state = resumed(journal, rollout, plan.path).rollout
        plan = state.plan
    else:
        state = blank(plan, f"{plan.rollout}/-")
    backends = Backends(plan, clock, state_dir)
    try:
        if rollout is None:
            state = unopened_rollout(plan, f"{plan.rollout}/-", await opened(plan, backends, clock, actor(), ""))
        record = StateStore(UnavailableJournal(_nowhere, "status writes nothing"), state, lambda: None)
        record.standalone = True
        await _poll_once(record, backends, clock)
        if journal is not None and rollout is not None:
            record.set_local(**roster_fields(journal, rollout, clock.now()))
        record.set_local(
            journal=replace(record.state.local.journal, broken=None, held=0),
            cautions=(*backends.cautions, *(journal.cautions if journal is not None else ())),
        )
        read = assess(record.state, clock.now())
        record.set_local(previews=previews_for(read, backends))
        return replace(read, local=record.state.local)
    finally:
        await backends.aclose()


async def _poll_once(record: StateStore, backends: Backends, clock: SystemClock) -> None:
    pollers = Pollers(record, backends, clock)
    task = asyncio.create_task(pollers.run())
    try:
        await pollers.answered()
    finally:
        task.cancel()
        await asyncio.wait({task})


def _nowhere() -> Journal:
    raise JournalUnavailable("status writes nothing")
