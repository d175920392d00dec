"""The checklist runner: carries out the automatic rollback steps, checks before it acts, watches that they hold.

Steps begin as soon as what they need reads as rolled back, those that need nothing of each other at once. A step is
done when its targets have read as rolled back for the longest write deadline plus one poll since they were last
touched. If a target moves after it had read as rolled back, its step is sent once more, as a new request. A step that
was refused, whose outcome is unknown or whose time is up is not sent again by itself: the operator continues with `r`.

Durations are reckoned on the monotonic clock: a host's clock that jumps neither shortens nor prolongs anything here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial

from adapters.contract import Clock, Outcome
from console.engine.backends import Backends
from console.engine.requests import Requests
from console.engine.stability import StabilityTimers
from console.engine.store import StateStore
from console.events.kinds import DecisionTaken, StepDone
from console.logs.context import report_internal_error
from console.plan.nouns import Target
from console.state.checklist import is_rolled_back, reads_as, timeout_s
from console.state.values import StepMark, StepState

CHECK_S = 1.0
"""How long the read before a step may take: a backend that does not answer must not hold up its own rollback."""
BEAT_S = 0.5
"""How often the runner looks at the state while something is under way."""
HEAD_START_S = 1.0
"""How long a derived step waits for the call of the one before it: their order is kept, but not for a dead backend."""
CUT_S = 1.0
"""How long calls that were cut off may take to end."""


class Runner:
    """Runs one rollback at a time. `start` again, after a refusal or a restart, goes on where it stands."""

    def __init__(
        self,
        record: StateStore,
        requests: Requests,
        clock: Clock,
        *,
        backends: Callable[[], Backends],
        hurry: Callable[[str | None], None],
        look: Callable[[Target, float], Coroutine[None, None, bool]],
    ) -> None:
        self._record = record
        self._requests = requests
        self._clock = clock
        self._backends = backends
        self._hurry = hurry
        self._look = look
        self._task: asyncio.Task[None] | None = None
        self._decision: DecisionTaken | None = None
        self._under_way: dict[str, asyncio.Task[None]] = {}
        """Steps whose calls are being made now."""
        self._looking: dict[str, asyncio.Task[bool]] = {}
        """Targets that are being read."""
        self._began: dict[str, float] = {}
        """Steps sent under the decision in force, and when on the monotonic clock."""
        self._resent: set[str] = set()
        """Steps sent once more because their target moved again."""
        self._holds = StabilityTimers(clock)
        self.idle = asyncio.Event()
        """Set while there is nothing left that the runner can do by itself."""
        self.idle.set()
        self._asked = asyncio.Event()
        """Set when a person did something or a call ended: the runner looks again before its pause is over."""

    @property
    def begun(self) -> bool:
        """Whether this console carries the rollback out."""
        return self._decision is not None

    def start(self, decision: DecisionTaken) -> None:
        """Begin, or go on under a new decision: what was tried and failed is tried again, what is in flight is not."""
        flying = {request.step for request in self._requests.in_flight if request.step is not None}
        self._began = {step: at for step, at in self._began.items() if step in flying or step in self._under_way}
        if self._decision is None:
            self._holds.begin(self._record.state)
        self._decision = decision
        self.go_on()

    def go_on(self) -> None:
        """Look again, now that a person confirmed or skipped a step. Nothing if no rollback was started here."""
        if self._decision is None:
            return
        self.idle.clear()
        self._record.set_local(running=True)
        self._asked.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="rollback")

    async def stop(self) -> None:
        """Cut the runner off; a call in flight is settled as unknown."""
        tasks = {
            task
            for task in (self._task, *self._under_way.values(), *self._looking.values())
            if task is not None and not task.done()
        }
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CUT_S)

    async def _run(self) -> None:
        try:
            while self._record.state.closed is None:
                self._launch()
                await self._mark_done()
                pending = self._pending()
                self._set_idle(not pending)
                await self._pause(self._beat(pending))
        except Exception as error:  # the last net: a rollback that stops half way must not look as if it ran
            self._fault(error)
        finally:
            self._set_idle(True)

    def _fault(self, error: Exception) -> None:
        words = report_internal_error(logging.getLogger("warroom.engine.rollback"), error)
        self._record.set_local(fault=f"rollback: {words}; r continues")

    async def _pause(self, seconds: float) -> None:
        waiting = {asyncio.ensure_future(self._asked.wait()), asyncio.ensure_future(self._clock.sleep(seconds))}
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            self._asked.clear()

    def _beat(self, pending: bool) -> float:
        """How long to pause; while something is pending every target it is about is looked at meanwhile."""
        if not pending:
            return 4 * BEAT_S
        state = self._record.state
        needed = {need for entry in state.checklist if not entry.is_over for need in entry.step.needs}
        awaited = False
        for entry in state.checklist:
            if entry.step.manual is not None or entry.is_over:
                continue
            self._look_at(entry)
            awaited = awaited or (
                entry.step.id in needed.intersection(self._began) and not is_rolled_back(entry, state)
            )
        return BEAT_S / 5 if awaited else BEAT_S

    def _look_at(self, entry: StepState) -> None:
        """Have the targets of a step read, each by one reader at a time: here nobody waits for an answer."""
        for name in entry.step.sets:
            if name not in self._looking:
                target = self._record.state.plan.targets[name]
                look = self._look(target, self._record.state.plan.timing.read_deadline_s)
                task = self._looking[name] = asyncio.create_task(look, name=f"look at {name}")
                task.add_done_callback(partial(self._looked, name))

    def _looked(self, name: str, _task: asyncio.Task[bool]) -> None:
        self._looking.pop(name, None)

    def _set_idle(self, idle: bool) -> None:
        if idle != self.idle.is_set() or self._record.state.local.running is idle:
            (self.idle.set if idle else self.idle.clear)()
            self._record.set_local(running=not idle)

    # -- sending -----------------------------------------------------------------------------------------------------

    def _launch(self) -> None:
        """Begin every automatic step that may and must be sent now."""
        held_back: dict[str, str] = {}
        for entry in self._ready():
            if self._out_of_turn():
                break
            if (reason := self._may_land(entry)) is not None:
                held_back[entry.step.id] = reason
                continue
            step = entry.step.id
            if entry.mark is StepMark.RELAPSED:
                self._resent.add(step)
            self._began[step] = self._clock.monotonic()
            task = asyncio.create_task(self._sent(entry), name=f"rollback {step}")
            self._under_way[step] = task
            task.add_done_callback(partial(self._ended, step))
        if held_back != self._record.state.local.held_back:
            self._record.set_local(held_back=held_back)

    def _ended(self, step: str, _task: asyncio.Task[None]) -> None:
        self._under_way.pop(step, None)
        self._asked.set()

    def _ready(self) -> list[StepState]:
        """The automatic steps that are not undone, whose needs are met, and that were not tried yet."""
        state = self._record.state
        return [
            entry
            for entry in state.checklist
            if entry.step.manual is None
            and not entry.is_over
            and entry.step.id not in self._under_way
            and not is_rolled_back(entry, state)
            and self._holds.needs_met(entry.step, state)
            and self._untried(entry)
        ]

    def _untried(self, entry: StepState) -> bool:
        if entry.mark is StepMark.RELAPSED:
            return entry.step.id not in self._resent
        return entry.step.id not in self._began

    def _out_of_turn(self) -> bool:
        """Whether another step has to wait for the call of one before it."""
        plan = self._record.state.plan
        if plan.rollback is not None:
            return plan.one_by_one and bool(self._under_way)
        now = self._clock.monotonic()
        return any(now - self._began[step] < HEAD_START_S for step in self._under_way)

    def _may_land(self, entry: StepState) -> str | None:
        """Why a step waits although nothing else holds it: its call was made before, and may arrive only now."""
        for name in entry.step.sets:
            if self._repeatable(entry, self._record.state.plan.targets[name]):
                continue
            if (request := self._requests.under_way(name)) is not None:
                return f"{request.asks} of {request.at:%H:%M:%S}Z may still arrive, and is not repeatable"
        return None

    def _repeatable(self, entry: StepState, target: Target) -> bool:
        said = entry.step.repeatable
        return self._backends().capabilities(target).repeatable if said is None else said

    async def _sent(self, entry: StepState) -> None:
        """One request per target of the step that does not read as rolled back."""
        decision = self._decision
        if decision is None:
            return
        try:
            backends = self._backends()
            for name, setting in entry.step.sets.items():
                target = self._record.state.plan.targets[name]
                await self._look(target, CHECK_S)
                if reads_as(self._record.state, name, setting):
                    continue
                if self._may_land(entry) is not None:  # another console sent it while this one was looking
                    self._try_later(entry)
                    return
                ended = await self._requests.send(
                    backends,
                    target,
                    setting,
                    decision=decision.id,
                    trace=decision.trace,
                    step=entry.step.id,
                    within_s=entry.step.timeout_s,
                    alone=not self._repeatable(entry, target),
                )
                if ended.outcome is Outcome.REFUSED and self._may_land(entry) is not None:
                    self._try_later(entry)
                self._hurry(target.backend)
        except Exception as error:  # one step's fault must not keep the others from being sent
            self._fault(error)

    def _try_later(self, entry: StepState) -> None:
        """Another console's call is under way: whether anything is left to send shows once that can arrive no more."""
        self._began.pop(entry.step.id, None)
        self._resent.discard(entry.step.id)

    # -- watching ----------------------------------------------------------------------------------------------------

    async def _mark_done(self) -> None:
        """StateStore every step whose targets have read as rolled back for long enough."""
        for entry in self._record.state.checklist:
            if entry.step.manual is not None or entry.is_over:
                continue
            if self._holds.is_stable(entry, self._record.state):
                how = f"reads {self._reads(entry)}"
                await self._record.append_soon(StepDone(at=self._clock.now(), step=entry.step.id, how=how))

    def _reads(self, entry: StepState) -> str:
        readings = (self._record.state.targets[name].reading for name in entry.step.sets)
        return ", ".join(f"{reading.target} {reading}" for reading in readings if reading is not None)

    def _pending(self) -> bool:
        """Whether something is still going to happen without a person."""
        state = self._record.state
        if self._under_way or self._requests.in_flight or self._ready():
            return True
        for entry in state.checklist:
            if entry.step.manual is not None or entry.is_over:
                continue
            if is_rolled_back(entry, state):
                if not self._holds.is_given_up(entry, state):
                    return True
            elif entry.mark in (StepMark.REQUESTED, StepMark.IN_DOUBT) and self._in_time(entry):
                return True
        return False

    def _in_time(self, entry: StepState) -> bool:
        began = self._began.get(entry.step.id)
        return began is not None and self._clock.monotonic() - began < timeout_s(entry.step, self._record.state.plan)
