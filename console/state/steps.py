"""How far each rollback step is: what decisions, requests and settlements do to the checklist."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from adapters.contract import Outcome
from console.state.checklist import mark_waiting, reads_back
from console.state.requests import RequestState
from console.state.values import RolloutState, StepMark, StepState

if TYPE_CHECKING:
    from console.events.kinds import DecisionTaken, RequestMade, StepDone


def begin_rollback(state: RolloutState, event: DecisionTaken) -> RolloutState:
    """A rollback starts, or goes on after a restart: done and skipped steps stay so, all others are pending again."""
    steps = [
        entry
        if entry.is_over or (entry.mark is StepMark.HOLDING and state.rollback is not None)
        else replace(entry, mark=StepMark.PENDING, since=event.at, detail=entry.step.manual or "")
        for entry in state.checklist
    ]
    done = event.at if steps and all(entry.is_over for entry in steps) else None
    return replace(state, rollback=event.id, promoting=None, rolled_back_at=done, checklist=mark_waiting(tuple(steps)))


def _mark_step(
    state: RolloutState, step_id: str, at: datetime, mark: StepMark, detail: str, *, sent: int = 0
) -> RolloutState:
    if state.rollback is None:
        return state
    steps = tuple(
        replace(entry, mark=mark, since=at, detail=detail, sends=entry.sends + sent)
        if entry.step.id == step_id
        else entry
        for entry in state.checklist
    )
    done = at if steps and all(entry.is_over for entry in steps) else None
    return replace(state, checklist=mark_waiting(steps), rolled_back_at=state.rolled_back_at or done)


def apply_step_request(state: RolloutState, event: RequestMade) -> RolloutState:
    detail = f"{event.target} -> {event.setting}"
    return _mark_step(state, event.step or "", event.at, StepMark.REQUESTED, detail, sent=1)


def apply_step_settlement(state: RolloutState, request: RequestState, at: datetime) -> RolloutState:
    """A step's call ended: accepted stays requested until a read shows it; the rest says what is wrong."""
    entry = next((entry for entry in state.checklist if entry.step.id == request.step), None)
    if entry is None or entry.is_over or request.decision != state.rollback:
        return state
    if reads_back(entry, state):
        mark, detail = StepMark.HOLDING, "reads as rolled back"
    elif entry.mark is StepMark.RELAPSED:
        return state
    else:
        mark, detail = _worst_mark(state, entry)
    since = entry.since if mark is entry.mark and entry.since is not None else at
    return _mark_step(state, entry.step.id, since, mark, detail)


def _worst_mark(state: RolloutState, entry: StepState) -> tuple[StepMark, str]:
    """(mark, detail) of a step from its last call per target: one that was refused is not hidden by one accepted."""
    last = {
        request.target: request
        for request in state.requests.values()
        if request.step == entry.step.id and request.decision == state.rollback
    }
    refused, doubtful, sent = [], [], []
    for name, request in last.items():
        reading = state.targets[name].reading
        if request.known_outcome is Outcome.REFUSED and not (reading and reading.satisfies(request.setting)):
            refused.append(request.reason if request.took_effect is None else f"{name} had no effect, reads {reading}")
        elif request.in_doubt:
            doubtful.append(request.reason)
        else:
            sent.append(f"{name} {'in flight' if request.in_flight else 'accepted'}")
    if refused:
        return StepMark.REFUSED, "; ".join(refused)
    if doubtful:
        return StepMark.IN_DOUBT, "; ".join(doubtful)
    return StepMark.REQUESTED, ", ".join(sent)


def apply_step_done(state: RolloutState, event: StepDone) -> RolloutState:
    """A step read as rolled back for long enough, unless its target has moved since: it may be recorded hours later."""
    entry = next((entry for entry in state.checklist if entry.step.id == event.step), None)
    for name, setting in entry.step.sets.items() if entry is not None else ():
        target = state.targets[name]
        moved = target.held_since is not None and target.held_since > event.at
        if moved and target.reading is not None and not target.reading.satisfies(setting):
            return _mark_step(state, event.step, event.at, StepMark.RELAPSED, f"moved again: reads {target.reading}")
    return _mark_step(state, event.step, event.at, StepMark.DONE, event.how)


def confirm_step(state: RolloutState, event: DecisionTaken) -> RolloutState:
    """A person says a manual step is done; only a read says so of any other."""
    manual = {entry.step.id for entry in state.checklist if entry.step.manual is not None}
    if event.subject not in manual:
        return state
    return _mark_step(state, event.subject or "", event.at, StepMark.DONE, "confirmed by hand")


def skip_step(state: RolloutState, event: DecisionTaken) -> RolloutState:
    """Somebody goes on without a step that is not done; what was sent for it stays sent."""
    entry = next((entry for entry in state.checklist if entry.step.id == event.subject), None)
    if entry is None or entry.is_over:
        return state
    by = f" by {event.who.user}" if event.who is not None else ""
    return _mark_step(state, entry.step.id, event.at, StepMark.SKIPPED, f"skipped{by}: {event.reason}")
