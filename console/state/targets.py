"""Observations of targets: what reads differently now, whose doing it was, and whether a stage is thereby confirmed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING

from adapters.contract import Outcome, TargetReading
from console.events.evidence import Verb
from console.state import stepped_targets
from console.state.checklist import checklist_of, mark_waiting, reads_back
from console.state.derived_stages import mark_stage, under_plan, with_stages
from console.state.judging import enter_stage
from console.state.requests import RequestState
from console.state.values import AnyState, NoteState, RolloutState, StageMark, StepMark, StepState, TargetState

if TYPE_CHECKING:
    from console.events.kinds import TargetObserved


def has_moved(before: TargetReading, after: TargetReading) -> bool:
    """Whether exposure differs; phases and details do not count, nor what an off flag would expose if it were on."""
    if before.on is False and after.on is False:
        return False
    if before.on != after.on:
        return True
    if before.percent is None or after.percent is None:
        return before.percent is not after.percent
    return abs(before.percent - after.percent) > 0.01


def latest_request(state: RolloutState, target: str) -> RequestState | None:
    """The last `set` request that may explain what a target reads.

    Not one that was refused, nor one from before the operator accepted an external change of the target.
    """
    accepted = (d.at for d in reversed(state.decisions) if d.subject == target and d.verb is Verb.ACCEPT)
    since = next(accepted, None)
    for request in reversed(tuple(state.requests.values())):
        if since is not None and request.at < since:
            return None
        if request.target == target and request.action == "set" and request.outcome is not Outcome.REFUSED:
            return request
    return None


def apply_observation(state: RolloutState, event: TargetObserved) -> tuple[RolloutState, NoteState | None]:
    """The state after a reading that differs, and a log line when it was not our doing."""
    reading = event.reading
    before = state.targets.get(reading.target)
    if before is None:
        return state, None
    first = before.reading is None and before.opening is None and latest_request(state, reading.target) is None
    entry = replace(before, reading=reading, read_at=event.at, held_since=event.at)
    if first and state.rollback is None:
        entry = replace(entry, opening=reading, confirmed=reading)
        state = replace(state, targets={**state.targets, reading.target: entry})
        state = under_plan(state, with_stages(state.plan, {reading.target: reading}))
        return replace(state, checklist=checklist_of(state.plan, state.targets)), None
    entry, line = _classify_move(state, entry, event.at)
    state = replace(state, targets={**state.targets, reading.target: entry})
    if state.rollback is not None:
        steps = tuple(_step_after(step, state, reading, event.at) for step in state.checklist)
        state = replace(state, checklist=mark_waiting(steps))
        if not all(step.is_over for step in state.checklist):
            state = replace(state, rolled_back_at=None)
    return state, line


def judge_after_request(state: RolloutState, target: str, at: datetime) -> tuple[RolloutState, NoteState | None]:
    """The state after a request for `target` ended: a reading that it was thought to explain may be drift after all."""
    before = state.targets.get(target)
    if before is None or before.drift is not None:
        return state, None
    entry, line = _classify_move(state, before, at)
    return replace(state, targets={**state.targets, target: entry}), line


def _classify_move(state: RolloutState, entry: TargetState, at: datetime) -> tuple[TargetState, NoteState | None]:
    """Classify a new reading: set by us, still on its way, unchanged, or drift."""
    reading, confirmed = entry.reading, entry.confirmed
    if reading is None:
        return entry, None
    if reading.steps is not None:
        return stepped_targets.observe(state, entry, at)
    request = latest_request(state, reading.target)
    if request is not None and request.took_effect is not False and reading.satisfies(request.setting):
        return replace(entry, confirmed=reading, drift=None), None
    if confirmed is not None and not has_moved(confirmed, reading):
        return replace(entry, drift=None), None
    arrived = request is not None and confirmed is not None and confirmed.satisfies(request.setting)
    if request is not None and not arrived and _is_on_the_way(request, at, state.plan.hold_s):
        return entry, None
    if confirmed is None:
        return replace(entry, confirmed=reading), None
    return stepped_targets.drifted_target(entry, confirmed, reading, at, f"{confirmed} -> {reading}")


def _is_on_the_way(request: RequestState, at: datetime, hold_s: float) -> bool:
    if request.in_flight or request.in_doubt:
        return True
    if request.took_effect is not None:
        return False
    return request.settled_at is not None and at - request.settled_at < timedelta(seconds=hold_s)


def _step_after(step: StepState, state: RolloutState, reading: TargetReading, at: datetime) -> StepState:
    if reading.target not in step.step.sets or step.mark is StepMark.SKIPPED:
        return step
    back, was_back = reads_back(step, state), step.mark in (StepMark.DONE, StepMark.HOLDING)
    if back == was_back:
        return step
    mark, detail = (StepMark.HOLDING, "reads") if back else (StepMark.RELAPSED, "moved again: reads")
    return replace(step, mark=mark, since=at, detail=f"{detail} {reading}")


def unset_targets(state: RolloutState, number: int) -> tuple[str, ...]:
    """The targets of stage `number` (1-based) that do not read as set, in plan order."""
    wanted = state.plan.stages[number - 1].sets
    return tuple(name for name, setting in wanted.items() if not state.targets[name].satisfies(setting))


def unread_targets(state: RolloutState, number: int) -> tuple[str, ...]:
    """The targets of stage `number` whose call was accepted and that were not read since."""
    hold = timedelta(seconds=state.plan.hold_s)
    sent = [(name, latest_request(state, name)) for name in unset_targets(state, number)]
    accepted = [(name, each) for name, each in sent if each is not None and each.outcome is Outcome.ACCEPTED]
    return tuple(name for name, each in accepted if _is_unread(each, state.targets[name].read_at, hold))


def confirm_stage(state: AnyState, at: datetime) -> AnyState:
    """Confirm the stage being promoted to once every target of it reads as set; else say how far it is."""
    if state.promoting is None or state.reached is None or state.reached >= len(state.stages):
        return state
    index = state.reached
    missing = unset_targets(state, index + 1)
    if missing:
        mark, trouble = _stage_mark(state, missing, at)
        return replace(state, stages=mark_stage(state.stages, index, mark=mark, trouble=trouble))
    targets = dict(state.targets)
    for name in state.stages[index].stage.sets:
        targets[name] = stepped_targets.confirm_reading(state, targets[name], at)
    decisions = tuple(
        replace(decision, outcome="confirmed") if decision.id == state.promoting else decision
        for decision in state.decisions
    )
    return _enter_stage(replace(state, targets=targets, decisions=decisions, promoting=None), index, at)


def follow_controllers(state: RolloutState, at: datetime) -> RolloutState:
    """The state moved on to the stages that controllers which own their steps have reached by themselves."""
    for _ in range(stepped_targets.stages_reached_alone(state)):
        index = state.reached or 0
        text = f"stage {state.stages[index].stage.name} reached without a promote"
        state = _enter_stage(state, index, at)
        state = replace(state, log=(*state.log, NoteState(at=at, who=None, kind="step", text=text)))
    return state


def _enter_stage(state: AnyState, index: int, at: datetime) -> AnyState:
    state = replace(
        state,
        stages=mark_stage(state.stages, index, mark=StageMark.CONFIRMED, confirmed_at=at),
        metrics={name: replace(metric, said=None) for name, metric in state.metrics.items()},
        reached=index + 1,
        baked_s=0.0,
        clocked_at=at,
    )
    return enter_stage(state, at)


def _is_unread(request: RequestState, read_at: datetime | None, hold: timedelta) -> bool:
    """Whether the target was not read since its accepted call had time to take effect."""
    return request.settled_at is not None and (read_at is None or read_at - request.settled_at <= hold)


def _was_halted_since(state: RolloutState) -> bool:
    """Whether a halt came after the promote under way: what the promote had not sent by then stays unsent."""
    later = takewhile(lambda entry: entry.id != state.promoting, reversed(state.decisions))
    return any(entry.verb is Verb.HALT and not entry.void for entry in later)


def _stage_mark(state: RolloutState, missing: tuple[str, ...], at: datetime) -> tuple[StageMark, str]:
    requests = {request.target: request for request in state.requests.values() if request.decision == state.promoting}
    decision = next((entry for entry in state.decisions if entry.id == state.promoting), None)
    hold = timedelta(seconds=state.plan.hold_s)
    late = decision is None or at - decision.at > hold
    trouble: list[str] = []
    waiting = refused = False
    for name in missing:
        request = requests.get(name)
        reads = state.targets[name].reading or "unread"
        if request is None:
            trouble.append(f"{name} not sent, reads {reads}")
            waiting = waiting or not late
            refused = refused or _was_halted_since(state)
        elif request.in_flight:
            waiting = True
        elif request.outcome is Outcome.ACCEPTED:
            reading = state.targets[name].reading
            waiting = waiting or _is_unread(request, state.targets[name].read_at, hold)
            waiting = waiting or stepped_targets.goes_on(reading) or stepped_targets.has_to_ask(reading)
            trouble.append(f"{name} accepted, reads {reads}")
        else:
            refused = True
            trouble.append(f"{name} {request.outcome}: {request.reason}, reads {reads}")
    flying = any(request.in_flight for request in requests.values())
    if flying or (waiting and not refused):
        return StageMark.REQUESTED, ""
    stage = state.stages[state.reached or 0].stage
    some = len(missing) < len(stage.sets) or any(r.outcome is Outcome.ACCEPTED for r in requests.values())
    return (StageMark.PARTIAL if some else StageMark.FAILED), "; ".join(trouble)
