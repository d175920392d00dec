"""Join the run that the journal says is open, or begin one.

The journal is asked in the thread that goes on writing it, so that a halt or a rollback can stop waiting: the call is
then still answered before the next one.
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
from console.engine.journal_thread import JournalThread
from console.engine.opening import Resumed, begin, opening_event, resume
from console.engine.store import PATIENCE_S
from console.events.evidence import Actor
from console.events.kinds import Event
from console.journal.contract import Journal, JournalError, JournalTimeout, JournalUnavailable
from console.journal.unavailable import UnavailableJournal
from console.plan.nouns import Plan
from console.state.folding import blank, fold

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Joined:
    """The start of a console."""

    resumed: Resumed
    unwritten: tuple[Event, ...] = ()
    """Events that could not be written yet."""
    is_new: bool = False
    """No run was open: this console began one."""
    broken: str | None = None
    """Why the journal cannot be written; None if it can."""


class Joining:
    """Join or begin one console's run.

    Args:
        thread: the one in which the journal is used.
        hurry_s: how long the journal may take to say which run is open, after which an opening waits for its append
            no longer than any other event of a rollback does; None: as long as the journal itself allows.
    """

    def __init__(self, journal: Journal, thread: JournalThread, hurry_s: float | None) -> None:
        self._journal = journal
        self._thread = thread
        self._hurry_s = hurry_s
        self._known_runs: tuple[str | None, str] | None = None
        """(open run, next run) as the journal had them before it was written to."""

    async def join(self, plan: Plan, backends: Backends, clock: Clock, actor: Actor, version: str) -> Joined:
        """Return the state to go on from. Sends nothing.

        Raises:
            JournalUnavailable: the journal cannot be read. One that cannot be written is no reason not to begin.
        """
        rollout, coming = await self._runs_of(plan)
        if rollout is not None:
            return Joined(await self._ask_journal(partial(resume, self._journal, rollout, plan.path), None))
        event = await opening_event(plan, backends, clock, actor, version)
        absent = self._journal.reason if isinstance(self._journal, UnavailableJournal) else None
        patience_s = None if absent is None and self._hurry_s is None else PATIENCE_S
        try:
            return Joined(await self._ask_journal(partial(begin, self._journal, plan, event), patience_s), is_new=True)
        except JournalUnavailable as error:
            broken = absent if isinstance(error, JournalTimeout) else str(error)
        return Joined(Resumed(fold(blank(plan, coming), event)), (event,), is_new=True, broken=broken)

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
            self._known_runs = await self._ask_journal(partial(_runs, self._journal, plan), self._hurry_s)
        with contextlib.suppress(JournalTimeout):
            await self._ask_journal(work, self._hurry_s)
            self._known_runs = None  # it may have opened a run

    async def _runs_of(self, plan: Plan) -> tuple[str | None, str]:
        if self._known_runs is not None:
            return self._known_runs
        return await self._ask_journal(partial(_runs, self._journal, plan.rollout), self._hurry_s)

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
    rollout = journal.open_run(plan)
    return rollout, rollout or journal.next_run(plan)


def _retrieve(call: asyncio.Future[_T]) -> None:
    """Retrieve the error of a call that is not awaited: an event it wrote is recognized by its id."""
    with contextlib.suppress(JournalError, asyncio.CancelledError):
        call.result()
