"""How far each rollback step is: what decisions, requests and settlements do to the checklist."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from adapters.contract import Outcome
from console.state.checklist import reads_back
from console.state.values import RequestState, State, StepMark

if TYPE_CHECKING:
    from console.events.kinds import DecisionTaken, RequestMade, StepDone


def rollback_begun(state: State, event: DecisionTaken) -> State:
    """A rollback starts, or goes on after a restart: done steps stay done, everything else is pending again."""
    steps = []
    for entry in state.checklist:
        if entry.mark is StepMark.DONE or (entry.mark is StepMark.HOLDING and state.rollback is not None):
            steps.append(entry)
            continue
        mark = StepMark.WAITING if entry.step.manual is not None else StepMark.PENDING
        steps.append(replace(entry, mark=mark, since=event.at, detail=entry.step.manual or ""))
    return replace(state, rollback=event.id, promoting=None, rolled_back_at=None, checklist=tuple(steps))


def _marked(state: State, step_id: str, at: datetime, mark: StepMark, detail: str, *, sent: int = 0) -> State:
    steps = tuple(
        replace(entry, mark=mark, since=at, detail=detail, sends=entry.sends + sent)
        if entry.step.id == step_id
        else entry
        for entry in state.checklist
    )
    done = at if steps and all(entry.mark is StepMark.DONE for entry in steps) else None
    return replace(state, checklist=steps, rolled_back_at=state.rolled_back_at or done)


def step_requested(state: State, event: RequestMade) -> State:
    detail = f"{event.target} -> {event.setting}"
    return _marked(state, event.step or "", event.at, StepMark.REQUESTED, detail, sent=1)


def step_settled(state: State, request: RequestState, at: datetime) -> State:
    """A step's call ended: accepted stays requested until a read shows it; the rest says what is wrong."""
    entry = next((entry for entry in state.checklist if entry.step.id == request.step), None)
    if entry is None or entry.mark is StepMark.DONE:
        return state
    if reads_back(entry, state):
        mark, detail = StepMark.HOLDING, "reads as rolled back"
    elif request.outcome is Outcome.ACCEPTED:
        mark, detail = StepMark.REQUESTED, f"{request.target} accepted"
    elif request.outcome is Outcome.REFUSED:
        mark, detail = StepMark.REFUSED, request.reason
    else:
        mark, detail = StepMark.IN_DOUBT, request.reason
    return _marked(state, entry.step.id, at, mark, detail)


def step_done(state: State, event: StepDone) -> State:
    return _marked(state, event.step, event.at, StepMark.DONE, event.how)


def step_confirmed(state: State, event: DecisionTaken) -> State:
    """A person says a manual step is done."""
    return _marked(state, event.subject or "", event.at, StepMark.DONE, "confirmed by hand")
