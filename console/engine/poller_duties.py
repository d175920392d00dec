"""Record what the polling console notices, and carry out `on_fail`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from adapters.contract import Clock
from console.engine.actions import Actions
from console.engine.answer import Answer, Result
from console.engine.store import StateStore
from console.engine.supervisor import Supervisor
from console.events.kinds import Escalated, GateLapsed, VerdictChanged
from console.judge.verdict import VerdictState
from console.state import escalation, gate_answers, pen
from console.state.intent import Intent
from console.state.on_fail import due_intent
from console.state.values import State


class PollerDuties:
    """The duties of the console that polls.

    Args:
        act: carries out an intent like a key press.
    """

    def __init__(
        self,
        store: StateStore,
        actions: Actions,
        supervisor: Supervisor,
        clock: Clock,
        act: Callable[[Intent], Awaitable[Answer]],
    ) -> None:
        self._store = store
        self._actions = actions
        self._supervisor = supervisor
        self._clock = clock
        self._act = act
        self._failed_stage_since: datetime | None = None
        """Beginning of the stage in which `on_fail` was carried out here."""

    async def record(self, assessed: State) -> None:
        """Record changed verdicts, released pens, lapsed gates and due rungs."""
        await self._record_verdicts(assessed)
        if pen.is_gone(assessed):
            await self._actions.release_pen()
        for request, reason in gate_answers.overdue_promotes(assessed, self._clock.now()):
            await self._store.append_observation(GateLapsed(at=self._clock.now(), request=request, reason=reason))
        for number, rung, wrong in escalation.due_rungs(assessed):
            await self._store.append_observation(
                Escalated(at=self._clock.now(), rung=number, call=rung.call, trouble=wrong.what, since=wrong.since)
            )

    async def _record_verdicts(self, assessed: State) -> None:
        """Record each change of a verdict's state once; the first of a stage only if it is definite."""
        for name, entry in assessed.metrics.items():
            verdict = entry.verdict
            if (
                verdict is None
                or verdict.idle
                or entry.read_at is None
                or entry.unjudged
                or entry.said == verdict.state.value
            ):
                continue
            if entry.said is None and verdict.state is VerdictState.UNSURE:
                continue
            await self._store.append_observation(
                VerdictChanged(
                    at=self._clock.now(),
                    metric=name,
                    was=entry.said or "unsure",
                    became=verdict.state.value,
                    reason=verdict.reason,
                )
            )

    def act_on_fail(self, assessed: State) -> None:
        """Begin what the plan's `on_fail` demands, once per stage."""
        intent = due_intent(assessed)
        if intent is None or self._failed_stage_since == assessed.stage_since:
            return
        self._failed_stage_since = assessed.stage_since
        self._supervisor.run("on_fail", self._on_fail(intent))

    async def _on_fail(self, intent: Intent) -> None:
        answer = await self._act(intent)
        if answer.result is not Result.ACCEPTED:
            self._store.set_local(fault=f"on_fail {intent.verb}: {answer.line}")
