"""The checklist runner: carries out the automatic rollback steps, checks before it acts, watches that they hold.

A step is done when its targets have read as rolled back for the longest write deadline plus one poll since they were
last touched. If a target moves after it had read as rolled back, its step is sent once more, as a new request. A step
that was refused or whose outcome is unknown is not sent again by itself: the operator continues with `r`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from adapters.contract import Clock, Outcome
from adapters.foreign import clean
from console.engine.backends import Backends
from console.engine.record import Record
from console.engine.requests import Requests
from console.events.kinds import DecisionTaken, StepDone
from console.plan.nouns import Target
from console.state.checklist import needs_met, stands, undone
from console.state.values import StepMark, StepState

CHECK_S = 1.0
"""How long the read before a step may take: a backend that does not answer must not hold up its own rollback."""
BEAT_S = 0.5
"""How often the runner looks at the state while something is under way."""


class Runner:
    """Runs one rollback at a time. `start` again, after a refusal or a restart, goes on where it stands."""

    def __init__(
        self,
        record: Record,
        requests: Requests,
        clock: Clock,
        *,
        backends: Callable[[], Backends],
        hurry: Callable[[str | None], None],
        look: Callable[[Target, float], Awaitable[None]],
    ) -> None:
        self._record = record
        self._requests = requests
        self._clock = clock
        self._backends = backends
        self._hurry = hurry
        self._look = look
        self._task: asyncio.Task[None] | None = None
        self._decision: DecisionTaken | None = None
        self._tried: set[str] = set()
        """Steps sent under the decision in force."""
        self._resent: set[str] = set()
        """Steps sent once more because their target moved again."""
        self.idle = asyncio.Event()
        """Set while there is nothing left that the runner can do by itself."""
        self.idle.set()
        self._asked = asyncio.Event()
        """Set when a person did something: the runner looks again before its pause is over."""

    def start(self, decision: DecisionTaken) -> None:
        """Begin, or go on under a new decision: what was tried and failed is tried again, what is in flight is not."""
        self._decision = decision
        self._tried = {request.step for request in self._requests.in_flight if request.step is not None}
        self.go_on()

    def go_on(self) -> None:
        """Look again, now that a person confirmed a manual step. Does nothing if no rollback was started here."""
        if self._decision is None:
            return
        self.idle.clear()
        self._record.replace(running=True)
        self._asked.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(self._decision), name="rollback")

    async def stop(self) -> None:
        """Cut the runner off; a call in flight is settled as unknown."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self, decision: DecisionTaken) -> None:
        try:
            while self._record.state.closed is None:
                decision = self._decision or decision
                step = self._next_to_send()
                if step is not None:
                    await self._send(step, decision)
                    continue
                await self._mark_done(decision.at)
                self._set_idle(not self._pending(decision.at))
                if self._pending(decision.at):
                    self._hurry(None)
                await self._pause(BEAT_S if self._pending(decision.at) else 4 * BEAT_S)
        except Exception as error:  # the last net: a rollback that stops half way must not look as if it ran
            self._record.replace(fault=f"rollback: {type(error).__name__}: {clean(error)}; r continues")
        finally:
            self._set_idle(True)

    async def _pause(self, seconds: float) -> None:
        waiting = {asyncio.ensure_future(self._asked.wait()), asyncio.ensure_future(self._clock.sleep(seconds))}
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            self._asked.clear()

    def _set_idle(self, idle: bool) -> None:
        if idle != self.idle.is_set() or self._record.state.running is idle:
            (self.idle.set if idle else self.idle.clear)()
            self._record.replace(running=not idle)

    def _next_to_send(self) -> StepState | None:
        """The first automatic step that may and must be sent now."""
        state = self._record.state
        for entry in state.checklist:
            if entry.step.manual is not None or undone(entry, state):
                continue
            if not needs_met(entry.step, state.checklist):
                continue
            if entry.mark is StepMark.RELAPSED and entry.step.id not in self._resent:
                self._resent.add(entry.step.id)
                return entry
            if entry.step.id not in self._tried and entry.mark is not StepMark.RELAPSED:
                return entry
        return None

    async def _send(self, entry: StepState, decision: DecisionTaken) -> None:
        """One request per target of the step that does not read as rolled back."""
        self._tried.add(entry.step.id)
        backends = self._backends()
        for name, setting in entry.step.sets.items():
            target = self._record.state.plan.targets[name]
            await self._look(target, CHECK_S)
            if stands(self._record.state, name, setting):
                continue
            outcome = await self._requests.send(
                backends, target, setting, decision=decision.id, trace=decision.trace, step=entry.step.id
            )
            self._hurry(target.backend)
            if outcome is Outcome.ACCEPTED and entry.step.id in self._needed():
                await self._until_read(entry)

    def _needed(self) -> set[str]:
        return {need for entry in self._record.state.checklist for need in entry.step.needs}

    async def _until_read(self, entry: StepState) -> None:
        """Wait a little for a step that others need to read as rolled back."""
        deadline = self._clock.monotonic() + self._record.state.plan.hold_s
        while self._clock.monotonic() < deadline and not undone(entry, self._record.state):
            self._hurry(None)
            await self._clock.sleep(BEAT_S / 5)

    async def _mark_done(self, begun: datetime) -> None:
        """Record every step whose targets have read as rolled back for long enough."""
        now = self._clock.now()
        for entry in self._record.state.checklist:
            if entry.step.manual is not None or entry.mark is StepMark.DONE:
                continue
            since = self._held_since(entry, begun)
            if since is not None and now - since >= timedelta(seconds=self._record.state.plan.hold_s):
                how = f"reads {self._reads(entry)}"
                await self._record.now(StepDone(at=now, step=entry.step.id, how=how))

    def _held_since(self, entry: StepState, begun: datetime) -> datetime | None:
        """Since when a step's targets have read as rolled back and nothing of ours was sent to them; None if not so.

        A reading counts only if it was taken after the rollback began.
        """
        state = self._record.state
        if not undone(entry, state):
            return None
        moments: list[datetime] = []
        for name in entry.step.sets:
            target = state.targets[name]
            if target.read_at is None or target.read_at <= begun:
                return None
            if target.held_since is not None:
                moments.append(target.held_since)
            moments.extend(
                request.settled_at or self._clock.now()
                for request in state.requests.values()
                if request.target == name and request.outcome is not Outcome.REFUSED
            )
        return max(moments, default=begun)

    def _reads(self, entry: StepState) -> str:
        readings = (self._record.state.targets[name].reading for name in entry.step.sets)
        return ", ".join(f"{reading.target} {reading}" for reading in readings if reading is not None)

    def _pending(self, begun: datetime) -> bool:
        """Whether something is still going to happen without a person."""
        state = self._record.state
        if self._next_to_send() is not None or self._requests.in_flight:
            return True
        patience = timedelta(seconds=2 * state.plan.hold_s)
        now = self._clock.now()
        for entry in state.checklist:
            if entry.step.manual is not None or entry.mark is StepMark.DONE:
                continue
            if undone(entry, state):
                return True
            asked = entry.mark in (StepMark.REQUESTED, StepMark.IN_DOUBT)
            if asked and entry.since is not None and now - entry.since < patience:
                return True
        return False
