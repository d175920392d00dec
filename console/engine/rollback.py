"""Run the rollback checklist.

Send the automatic steps, check before each, watch that they stay rolled back.

Steps begin as soon as what they need reads as rolled back, those that need nothing of each other at once. A step is
done when its targets have read as rolled back for the longest write deadline plus one poll since they were last
touched. If a target moves after it had read as rolled back, its step is sent once more, as a new request. A step that
was refused, whose outcome is unknown or whose time is up is not sent again by itself: the operator continues with `r`.

Durations are measured on the monotonic clock: a jump of the host's clock changes none of them.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Any

from adapters.contract import Clock, Outcome
from console.engine.backend_set import BackendSet
from console.engine.clock import wait_or_wake
from console.engine.pollers import Pollers
from console.engine.requests import Requests
from console.engine.stability import StabilityTimers
from console.engine.store import StateStore
from console.engine.supervisor import cancel_and_wait
from console.events.kinds import StepDone
from console.logs.context import report_internal_error
from console.plan.nouns import Target
from console.state.checklist import is_rolled_back, reads_as, timeout_s
from console.state.raising import why_held
from console.state.values import StepMark, StepState

_log = logging.getLogger("warroom.engine.rollback")

CHECK_S = 1.0
"""How long the read before a step may take: a backend that does not answer must not hold up its own rollback."""
PASS_S = 0.5
"""How often the runner goes through the checklist while something is under way."""
HEAD_START_S = 1.0
"""How long a derived step waits for the call of the one before it: their order is kept, but not for a dead backend."""
CUT_S = 1.0
"""How long calls that were cut off may take to end."""


class RollbackRunner:
    """Run one rollback at a time; `start` again continues it."""

    def __init__(
        self, store: StateStore, requests: Requests, clock: Clock, *, backends: BackendSet, pollers: Pollers
    ) -> None:
        self._store = store
        self._requests = requests
        self._clock = clock
        self._backends = backends
        self._pollers = pollers
        self._task: asyncio.Task[None] | None = None
        self._decision: tuple[str, str] | None = None
        """(id of the rollback decision, trace of its calls)."""
        self._sending: dict[str, asyncio.Task[None]] = {}
        """Steps whose calls are under way."""
        self._reads: dict[str, asyncio.Task[bool]] = {}
        """Targets whose read is under way."""
        self._began: dict[str, float] = {}
        """Steps sent under the decision in force, and when on the monotonic clock."""
        self._resent: set[str] = set()
        """Steps sent once more because their target moved again."""
        self._stability = StabilityTimers(clock)
        self.idle = asyncio.Event()
        """Set while nothing is left that the runner can do without a person."""
        self.idle.set()
        self._woken = asyncio.Event()
        """Set when a person did something or a call ended: the next pass begins at once."""

    @property
    def has_begun(self) -> bool:
        """Whether this console carries the rollback out."""
        return self._decision is not None

    def start(self, decision: str, trace: str) -> None:
        """Begin or continue the rollback `decision`; failed steps are tried again, those in flight not."""
        flying = {request.step for request in self._requests.in_flight if request.step is not None}
        self._began = {step: at for step, at in self._began.items() if step in flying or step in self._sending}
        if self._decision is None:
            self._stability.begin(self._store.state)
        self._decision = (decision, trace)
        self.proceed()

    def proceed(self) -> None:
        """Begin a pass now if a rollback was started here."""
        if self._decision is None:
            return
        self.idle.clear()
        self._store.set_local(running=True)
        self._woken.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="rollback")
            self._task.add_done_callback(self._report)

    async def stop(self) -> None:
        """Cancel the runner; a call in flight is settled as unknown."""
        tasks = (self._task, *self._sending.values(), *self._reads.values())
        await cancel_and_wait({task for task in tasks if task is not None and not task.done()}, CUT_S)

    async def _run(self) -> None:
        try:
            while self._store.state.closed is None:
                self._send_steps()
                await self._record_done_steps()
                pending = self._is_pending()
                self._set_idle(not pending)
                await wait_or_wake(self._woken, self._clock, self._pass_pause_s(pending))
        finally:
            self._set_idle(True)

    def _report(self, task: asyncio.Task[Any]) -> None:
        """Show the error of a task that ended: a rollback that stops half way must not look as if it ran."""
        if not task.cancelled() and (error := task.exception()) is not None:
            words = report_internal_error(_log, error)
            self._store.set_local(fault=f"rollback: {words}; r continues")

    def _pass_pause_s(self, pending: bool) -> float:
        """Seconds until the next pass. While steps are pending, reads of their targets are begun."""
        if not pending:
            return 4 * PASS_S
        state = self._store.state
        needed = {need for entry in state.checklist if not entry.is_over for need in entry.step.needs}
        awaited = False
        for entry in self._open_steps():
            self._read_targets(entry)
            awaited = awaited or (
                entry.step.id in needed.intersection(self._began) and not is_rolled_back(entry, state)
            )
        return PASS_S / 5 if awaited else PASS_S

    def _read_targets(self, entry: StepState) -> None:
        """Begin reads of the targets of a step, one at a time each; their answers are not waited for."""
        for name in entry.step.sets:
            if name not in self._reads:
                target = self._store.state.plan.targets[name]
                read = self._pollers.read_now(target, self._store.state.plan.timing.read_deadline_s)
                task = self._reads[name] = asyncio.create_task(read, name=f"read {name}")
                task.add_done_callback(partial(self._forget_read, name))

    def _forget_read(self, name: str, task: asyncio.Task[bool]) -> None:
        self._report(task)
        self._reads.pop(name, None)

    def _set_idle(self, idle: bool) -> None:
        if idle != self.idle.is_set() or self._store.state.local.running is idle:
            (self.idle.set if idle else self.idle.clear)()
            self._store.set_local(running=not idle)

    def _send_steps(self) -> None:
        """Begin to send every automatic step that may and must be sent now."""
        held_back: dict[str, str] = {}
        for entry in self._sendable():
            if self._must_wait_turn():
                break
            if (reason := self._hold_back_reason(entry)) is not None:
                held_back[entry.step.id] = reason
                continue
            step = entry.step.id
            if entry.mark is StepMark.RELAPSED:
                self._resent.add(step)
            self._began[step] = self._clock.monotonic()
            task = asyncio.create_task(self._send_step(entry), name=f"rollback {step}")
            self._sending[step] = task
            task.add_done_callback(partial(self._end_step, step))
        self._store.set_local(held_back=held_back)

    def _end_step(self, step: str, task: asyncio.Task[None]) -> None:
        self._report(task)
        self._sending.pop(step, None)
        self._woken.set()

    def _open_steps(self) -> list[StepState]:
        """The automatic steps that are not over."""
        return [entry for entry in self._store.state.checklist if entry.step.manual is None and not entry.is_over]

    def _sendable(self) -> list[StepState]:
        """The automatic steps that are not rolled back, whose needs are met, and that were not tried yet."""
        state = self._store.state
        return [
            entry
            for entry in self._open_steps()
            if entry.step.id not in self._sending
            and not entry.is_held
            and not is_rolled_back(entry, state)
            and self._stability.needs_met(entry.step, state)
            and self._is_untried(entry)
        ]

    def _is_untried(self, entry: StepState) -> bool:
        return entry.step.id not in (self._resent if entry.mark is StepMark.RELAPSED else self._began)

    def _must_wait_turn(self) -> bool:
        """Whether the next step has to wait for the call of one before it."""
        plan = self._store.state.plan
        if plan.rollback is not None:
            return plan.one_by_one and bool(self._sending)
        now = self._clock.monotonic()
        return any(now - self._began[step] < HEAD_START_S for step in self._sending)

    def _hold_back_reason(self, entry: StepState) -> str | None:
        """Why a step must not be sent yet: an earlier call for it may still arrive. None: it may."""
        for name in entry.step.sets:
            if self._is_repeatable(entry, self._store.state.plan.targets[name]):
                continue
            if (request := self._requests.last_unexpired(name)) is not None:
                return f"{request.asks} of {request.at:%H:%M:%S}Z may still arrive, and is not repeatable"
        return None

    def _is_repeatable(self, entry: StepState, target: Target) -> bool:
        said = entry.step.repeatable
        return self._backends.current.capabilities(target).repeatable if said is None else said

    async def _send_step(self, entry: StepState) -> None:
        """Send one request per target of the step that does not read as rolled back."""
        if self._decision is None:
            return
        decision, trace = self._decision
        for name, setting in entry.step.sets.items():
            target = self._store.state.plan.targets[name]
            await self._pollers.read_now(target, CHECK_S)
            if reads_as(self._store.state, name, setting):
                continue
            # The read shows that it would raise exposure, or another console sent it meanwhile.
            if why_held(self._store.state, entry) is not None or self._hold_back_reason(entry) is not None:
                self._forget_attempt(entry)
                return
            ended = await self._requests.send(
                self._backends.current,
                target,
                setting,
                decision=decision,
                trace=trace,
                step=entry.step.id,
                within_s=entry.step.timeout_s,
                alone=not self._is_repeatable(entry, target),
            )
            if ended.outcome is Outcome.REFUSED and self._hold_back_reason(entry) is not None:
                self._forget_attempt(entry)
            self._pollers.poll_soon(target.backend)

    def _forget_attempt(self, entry: StepState) -> None:
        """Forget that a step was tried: another console's call is under way, and may leave nothing to send."""
        self._began.pop(entry.step.id, None)
        self._resent.discard(entry.step.id)

    async def _record_done_steps(self) -> None:
        """Record every step whose targets have read as rolled back for long enough."""
        for entry in self._open_steps():
            if self._stability.is_stable(entry, self._store.state):
                how = f"reads {self._readings_text(entry)}"
                await self._store.append_soon(StepDone(at=self._clock.now(), step=entry.step.id, how=how))

    def _readings_text(self, entry: StepState) -> str:
        readings = (self._store.state.targets[name].reading for name in entry.step.sets)
        return ", ".join(f"{reading.target} {reading}" for reading in readings if reading is not None)

    def _is_pending(self) -> bool:
        """Whether anything is going to happen without a person."""
        state = self._store.state
        if self._sending or self._requests.in_flight or self._sendable():
            return True
        for entry in self._open_steps():
            if is_rolled_back(entry, state):
                if not self._stability.is_given_up(entry, state):
                    return True
            elif entry.mark in (StepMark.REQUESTED, StepMark.IN_DOUBT) and self._is_in_time(entry):
                return True
        return False

    def _is_in_time(self, entry: StepState) -> bool:
        began = self._began.get(entry.step.id)
        return began is not None and self._clock.monotonic() - began < timeout_s(entry.step, self._store.state.plan)
