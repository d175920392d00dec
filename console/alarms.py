"""Conditions that ring the bell. Pure.

A metric that newly fails or goes stale, a stage that fails or is held, a request in doubt, a decision by on_fail, a
call by the escalation, a pen that is offered or that another operator has taken.
"""

from __future__ import annotations

from console.judge.verdict import StageWord, VerdictState
from console.plan.nouns import Role
from console.state.values import State

_RINGING = (VerdictState.FAIL, VerdictState.STALE)


def active_alarms(state: State) -> frozenset[str]:
    """Every current alarm, one line each. Metrics of role info never ring."""
    ringing = {
        f"{name} is {metric.verdict.state}"
        for name, metric in state.metrics.items()
        if metric.verdict is not None and metric.verdict.state in _RINGING and metric.metric.role is not Role.INFO
    }
    if state.stage_verdict is not None and state.stage_verdict.word in (StageWord.FAIL, StageWord.HOLD):
        ringing.add(f"the stage is {state.stage_verdict.word}")
    ringing |= {f"{decision.verb} by on_fail: {decision.id}" for decision in state.decisions if decision.automatic}
    ringing |= {f"called {entry.call} for {entry.trouble} since {entry.since}" for entry in state.called}
    if state.local.operator is not None and state.pen.offered_to(state.local.operator):
        ringing.add(f"the pen is offered, change {state.pen.number}")
    if state.pen.holder is not None and not state.pen.held_by(state.local.operator):
        ringing.add(f"the pen is with {state.pen.holder.name}, change {state.pen.number}")
    return frozenset(ringing | {f"request {request.id} is in doubt" for request in state.in_doubt})


def new_alarms(before: State | None, after: State) -> tuple[str, ...]:
    """Alarms that began between two States, sorted; none for the first State of a console."""
    if before is None:
        return ()
    return tuple(sorted(active_alarms(after) - active_alarms(before)))
