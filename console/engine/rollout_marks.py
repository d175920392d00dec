"""Marks of this journal's rollout at its targets: consoles of other journals on the same backend see them.

A mark is set once a forward call was accepted and removed at the closing, both in the background. One that cannot be
written stops nothing; a note says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

from adapters.contract import BackendError, Clock, Permit, Withdrawn
from adapters.sanitize import one_line
from adapters.transport.trace import new_trace
from console.engine.backend_set import BackendSet
from console.engine.mark_owner import MarkOwner
from console.engine.store import StateStore
from console.events.evidence import Actor
from console.events.kinds import DecisionTaken, Noted
from console.journal.contract import JournalUnavailable
from console.plan.nouns import Target


class RolloutMarks:
    """Set and remove the marks of one console's rollout."""

    def __init__(
        self, store: StateStore, clock: Clock, actor: Actor, *, backends: BackendSet, owner: MarkOwner
    ) -> None:
        self._store = store
        self._clock = clock
        self._actor = actor
        self._backends = backends
        self._owner = owner
        self._set: set[str] = set()
        """Targets that this console has marked."""
        self._noted: set[str] = set()
        """Targets of which a note says that a mark could not be written."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_fenced = False

    def set_soon(self, target: Target, decision: DecisionTaken) -> None:
        """Mark a target in the background: a forward call of `decision` was accepted."""
        if target.name not in self._set:
            self._set.add(target.name)
            self._start(self._set_mark(target, decision.trace), target)

    def remove_soon(self) -> None:
        """Remove the marks of this rollout in the background: it was closed."""
        for target in self._store.state.plan.targets.values():
            self._start(self._remove_marks(target), target)

    def fence(self) -> None:
        """Stop marking, also what is under way: a rollback has begun."""
        self._is_fenced = True
        for task in self._tasks:
            task.cancel()

    async def close(self) -> None:
        """Wait for the marks under way, within the write deadline; drop the rest."""
        if tasks := set(self._tasks):
            await asyncio.wait(tasks, timeout=self._store.state.plan.timing.write_deadline_s)
        for task in tasks:
            task.cancel()

    def _start(self, work: Coroutine[None, None, None], target: Target) -> None:
        task = asyncio.create_task(work, name=f"mark {target.name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _set_mark(self, target: Target, trace: str) -> None:
        if not self._backends.current.has_marks(target):
            return
        try:
            journal = await self._journal_id()
            if journal is None:
                return
            text = one_line(f"{journal} {self._store.state.rollout} {self._actor.host}", 120)
            permit = Permit(trace, lambda: "a rollback was begun" if self._is_over() else None)
            await self._backends.current.mark(target, text, permit)
        except Withdrawn:
            return
        except (BackendError, TimeoutError, JournalUnavailable) as error:
            self._set.discard(target.name)
            await self._note(target, "could not be marked for consoles of other journals", error)

    def _is_over(self) -> bool:
        return self._is_fenced or self._store.state.rollback is not None or self._store.state.closed is not None

    async def _remove_marks(self, target: Target) -> None:
        """Remove every mark of this rollout's plan in this journal, whichever host set it."""
        if not self._backends.current.has_marks(target):
            return
        try:
            journal = await self._journal_id()
            plan = self._store.state.rollout.rpartition("/")[0]
            for text in await self._backends.current.own_marks(target):
                if text.startswith(f"{journal} {plan}/"):
                    await self._backends.current.unmark(target, text, Permit(new_trace()))
        except (BackendError, TimeoutError, JournalUnavailable) as error:
            await self._note(target, "still has the mark of this rollout", error)

    async def _journal_id(self) -> str | None:
        """The journal's id in marks; None while it holds no event. Raises JournalUnavailable."""
        if not self._owner.journal:
            self._owner.learn(await self._store.write(lambda journal: journal.first_hash()))
        return self._owner.journal or None

    async def _note(self, target: Target, what: str, error: Exception) -> None:
        """Note once per target that a mark could not be written."""
        if target.name in self._noted:
            return
        self._noted.add(target.name)
        within = f"no answer within {self._store.state.plan.timing.write_deadline_s:g} s"
        why = error.reason if isinstance(error, BackendError) else str(error) or within
        text = one_line(f"{target.name} {what}: {why}", 300)
        await self._store.append_soon(Noted(at=self._clock.now(), text=text))
