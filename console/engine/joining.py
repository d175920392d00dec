"""How a console comes into a rollout: it joins the run that the journal says is open, or begins one.

The journal is asked in the thread that will go on writing it, so that whoever cannot wait (a halt, a rollback) can stop
waiting: what was asked of it is then still answered before anything else is asked.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from adapters.contract import Clock
from console.engine.backends import Backends
from console.engine.opening import Resumed, begin, opened, resumed
from console.engine.store import PATIENCE_S
from console.engine.writer import Writer
from console.events.evidence import Actor
from console.events.kinds import Event
from console.journal.contract import Journal, JournalError, JournalTimeout, JournalUnavailable
from console.journal.unavailable import UnavailableJournal
from console.plan.nouns import Plan
from console.state.folding import blank, fold

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Joined:
    """Where a console begins."""

    resumed: Resumed
    held: tuple[Event, ...] = ()
    """What could not be written yet."""
    began: bool = False
    """No run was open: this console began one."""
    broken: str | None = None
    """Why the journal cannot be written; None if it can."""


class Joining:
    """One console's way in.

    Args:
        journal, writer: the journal, and the one thread in which it is used.
        hurry_s: how long the journal may take to say which run is open, after which an opening waits for its append
            no longer than any other event of a rollback does; None: as long as the journal itself allows.
    """

    def __init__(self, journal: Journal, writer: Writer, hurry_s: float | None) -> None:
        self._journal = journal
        self._writer = writer
        self._hurry_s = hurry_s
        self._said: tuple[str | None, str] | None = None
        """What the journal said about the plan's runs before it was written to."""

    async def into(self, plan: Plan, backends: Backends, clock: Clock, actor: Actor, version: str) -> Joined:
        """The state to go on from. Sends nothing.

        Raises:
            JournalUnavailable: the journal cannot be read. One that cannot be written is no reason not to begin.
        """
        rollout, coming = await self._runs_of(plan)
        if rollout is not None:
            return Joined(await self._ask_journal(partial(resumed, self._journal, rollout, plan.path), None))
        event = await opened(plan, backends, clock, actor, version)
        absent = self._journal.reason if isinstance(self._journal, UnavailableJournal) else None
        patience_s = None if absent is None and self._hurry_s is None else PATIENCE_S
        try:
            return Joined(await self._ask_journal(partial(begin, self._journal, plan, event), patience_s), began=True)
        except JournalUnavailable as error:
            broken = absent if isinstance(error, JournalTimeout) else str(error)
        return Joined(Resumed(fold(blank(plan, coming), event)), (event,), began=True, broken=broken)

    async def adopt(self, plan: str, work: Callable[[], int]) -> None:
        """Have `work` write what consoles that are gone could not: before the state is read, but no longer than
        `hurry_s`, and not where there is no journal to write to.

        Raises:
            JournalUnavailable: the journal cannot be read. Who is in a hurry asks it first: one that takes no writes, and holds up
                this one, still says which run is open.
        """
        if isinstance(self._journal, UnavailableJournal):
            return
        if self._hurry_s is not None:
            self._said = await self._ask_journal(partial(_runs, self._journal, plan), self._hurry_s)
        with contextlib.suppress(JournalTimeout):
            await self._ask_journal(work, self._hurry_s)
            self._said = None  # it may have opened one

    async def _runs_of(self, plan: Plan) -> tuple[str | None, str]:
        if self._said is not None:
            return self._said
        return await self._ask_journal(partial(_runs, self._journal, plan.rollout), self._hurry_s)

    async def _ask_journal(self, work: Callable[[], _T], within_s: float | None) -> _T:
        """What `work` finds. Raises Late after `within_s`, and what `work` raises."""
        call = self._writer.run(work)
        await asyncio.wait({call}, timeout=within_s)
        if not call.done():
            call.add_done_callback(_forgotten)
            raise JournalTimeout(f"the journal has not answered within {within_s:g} s")
        return call.result()


def _runs(journal: Journal, plan: str) -> tuple[str | None, str]:
    """The open run of a plan, and the run that begins if there is none."""
    rollout = journal.open_run(plan)
    return rollout, rollout or journal.next_run(plan)


def _forgotten(call: asyncio.Future[_T]) -> None:
    """Take note of how a call ended that nobody waits for any more: what it wrote is looked for by its id."""
    with contextlib.suppress(JournalError, asyncio.CancelledError):
        call.result()
