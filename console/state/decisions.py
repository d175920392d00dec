"""Decisions and their requests: who moved the rollout where, and how each call ended."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from adapters.contract import Outcome
from console.events.evidence import Verb
from console.events.verbs import PENNED
from console.plan.nouns import Plan
from console.state import pen
from console.state.checklist import (
    apply_step_request,
    apply_step_settlement,
    begin_rollback,
    checklist_of,
    confirm_step,
    skip_step,
)
from console.state.derived_stages import mark_stage, stages_at, with_stages
from console.state.judging import apply_override, enter_stage, rejudge
from console.state.requests import DecisionState, RequestState
from console.state.stepped_targets import confirm_reading
from console.state.targets import judge_after_request
from console.state.values import Boundary, MetricState, RolloutState, SourceState, StageMark, StageState, TargetState

if TYPE_CHECKING:
    from datetime import datetime

    from console.events.kinds import DecisionTaken, GateLapsed, RequestMade, RequestReconciled, RequestSettled


def apply_decision(state: RolloutState, event: DecisionTaken, seq: int | None) -> RolloutState:
    """The state after a decision; its requests come as events of their own."""
    known = next((entry for entry in state.decisions if entry.id == event.id), None)
    if known is not None:  # it was held in memory and has now reached the journal
        decisions = tuple(replace(entry, seq=seq) if entry.id == event.id else entry for entry in state.decisions)
        return replace(state, decisions=decisions)
    entry = DecisionState(
        id=event.id,
        seq=seq,
        at=event.at,
        who=event.who,
        verb=event.verb,
        stage=event.stage,
        reason=event.reason,
        override=event.override,
        card=event.card,
        subject=event.subject,
        automatic=event.automatic,
    )
    why = pen.why_void(state, event) or _why_overtaken(state, event)
    if why:
        entry = replace(entry, outcome="refused", void=why)
        move = max(state.move, event.move or 0)
        return replace(state, decisions=(*state.decisions, entry), move=move)
    state = pen.apply_pen_decision(replace(state, decisions=(*state.decisions, entry)), event)
    match event.verb:
        case Verb.PROMOTE:
            return _apply_promote(apply_override(state, event) if event.override is not None else state, event)
        case Verb.HALT:
            return replace(state, halted=event.id)
        case Verb.RESUME:
            return replace(state, halted=None, clocked_at=event.at)
        case Verb.ROLLBACK:
            return begin_rollback(state, event)
        case Verb.PLACE:
            return _apply_place(state, event)
        case Verb.ACCEPT:
            return _apply_accept(state, event)
        case Verb.CONFIRM:
            return confirm_step(state, event)
        case Verb.SKIP:
            return skip_step(state, event)
        case Verb.ORDER | Verb.CLOSE | Verb.APPROVE | Verb.TAKE | Verb.OFFER | Verb.HANDOFF:
            return state


def _why_overtaken(state: RolloutState, event: DecisionTaken) -> str:
    """Why a decision counts for nothing: what was recorded before it, unseen by its console; empty if it counts."""
    if state.closed is not None and event.verb in PENNED:
        return "the rollout was closed"
    if event.verb is Verb.RESUME and state.halted is None:
        return "it was resumed already"
    if event.verb is Verb.PLACE and state.reached is not None:
        return "it was placed already"
    if event.verb is not Verb.PROMOTE:
        return ""
    if state.rollback is not None:
        return "overtaken by a rollback"
    if state.halted is not None:
        return "halted"
    return "" if state.next is not None else "no stage was left"


def _apply_promote(state: RolloutState, event: DecisionTaken) -> RolloutState:
    state = replace(state, move=max(state.move, event.move or 0))
    coming = state.next
    if coming is None:  # `_why_overtaken` has said so
        return state
    index = coming.number - 1
    if coming.stage.manual is None:
        return replace(state, stages=mark_stage(state.stages, index, mark=StageMark.REQUESTED), promoting=event.id)
    stages = mark_stage(state.stages, index, mark=StageMark.CONFIRMED, confirmed_at=event.at, trouble=coming.trouble)
    decisions = (*state.decisions[:-1], replace(state.decisions[-1], outcome="confirmed"))
    state = replace(state, stages=stages, decisions=decisions, reached=coming.number, baked_s=0.0, clocked_at=event.at)
    return enter_stage(state, event.at)


def _apply_place(state: RolloutState, event: DecisionTaken) -> RolloutState:
    """The stage that the operator named: the first word stands; what is no stage of the plan changes nothing."""
    number = state.stages_named(event.subject)
    if number is None or state.reached is not None:
        return state
    state = replace(state, reached=number, candidates=(), baked_s=0.0, clocked_at=event.at)
    return enter_stage(replace(state, stages=stages_at(state.stages, number)), event.at)


def _apply_accept(state: RolloutState, event: DecisionTaken) -> RolloutState:
    if event.subject == "plan":
        return _change_plan(state, event)
    entry = state.targets.get(event.subject or "")
    if entry is None:
        return state
    known = len(state.requests)
    entry = confirm_reading(state, entry, event.at)
    entry = replace(entry, step_since=event.at, step_after=known, hand_after=known)
    return replace(state, targets={**state.targets, entry.target.name: entry})


def _change_plan(state: RolloutState, event: DecisionTaken) -> RolloutState:
    """The accepted plan takes effect: what is known about targets, metrics and sources that remain is kept.

    A stage we stand on, or are under way to, that is not where it was leaves the rollout unplaced. A rollback goes on
    by the plan that it began with.
    """
    plan = state.plans.get(event.plan_digest or "")
    if plan is None or state.rollback is not None:
        return state
    plan = with_stages(plan, {name: each.reading for name, each in state.targets.items() if each.reading is not None})
    was = {entry.stage.name: entry for entry in state.stages}
    stages = tuple(
        replace(was[stage.name], number=number, stage=stage) if stage.name in was else StageState(number, stage)
        for number, stage in enumerate(plan.stages, start=1)
    )
    targets = {
        name: replace(known, target=target)
        if (known := state.targets.get(name)) is not None and replace(known.target, team=target.team) == target
        else TargetState(target)
        for name, target in plan.targets.items()
    }
    boundaries = _renumber_boundaries(state, plan)
    sources = {
        name: source
        if (source := state.sources.get(name)) is not None and source.adapter == spec.adapter
        else SourceState(name, spec.adapter)
        for name, spec in plan.backends.items()
    }
    reached = _stages_still_reached(state, [stage.name for stage in plan.stages])
    return replace(
        state,
        plan=plan,
        stages=stages,
        targets=targets,
        metrics=_metrics_under(state, plan, boundaries),
        boundaries=boundaries,
        sources=sources,
        reached=reached,
        promoting=state.promoting if reached is not None else None,
        checklist=checklist_of(plan, targets),
    )


def _renumber_boundaries(state: RolloutState, plan: Plan) -> tuple[Boundary, ...]:
    """Where the rollout stood, by the new plan's numbers; a stage that it has no more gets none of them."""
    numbers = {stage.name: number for number, stage in enumerate(plan.stages, start=1)}
    moved = {entry.number: numbers.get(entry.stage.name, -entry.number) for entry in state.stages}
    return tuple(replace(each, reached=moved.get(each.reached, each.reached)) for each in state.boundaries)


def _metrics_under(state: RolloutState, plan: Plan, boundaries: tuple[Boundary, ...]) -> dict[str, MetricState]:
    return {
        name: rejudge(state, boundaries, measured, metric)
        if (measured := state.metrics.get(name)) is not None
        and (measured.metric.backend, measured.metric.query) == (metric.backend, metric.query)
        else MetricState(metric)
        for name, metric in plan.metrics.items()
    }


def _stages_still_reached(state: RolloutState, names: list[str]) -> int | None:
    """Stages reached in a plan with the stages `names`; None if that is ambiguous."""
    current = state.current.stage.name if state.current else None
    if current is not None and current not in names:
        return None
    reached = state.reached if current is None else names.index(current) + 1
    if state.promoting is None or state.next is None or reached is None:
        return reached
    return reached if names[reached : reached + 1] == [state.next.stage.name] else None


def apply_request_made(state: RolloutState, event: RequestMade) -> RolloutState:
    if event.id in state.requests:
        return state
    request = RequestState(
        id=event.id,
        decision=event.decision,
        backend=event.backend,
        target=event.target,
        setting=event.setting,
        action=event.action,
        step=event.step,
        at=event.at,
        send_by=event.send_by,
        deadline_s=event.deadline_s,
        calls=event.calls,
        seen=event.seen,
    )
    state = _update_outcome(replace(state, requests={**state.requests, event.id: request}), event.decision)
    return state if event.step is None else apply_step_request(state, event)


def apply_request_settled(state: RolloutState, event: RequestSettled) -> RolloutState:
    request = state.requests.get(event.request)
    if request is None or request.outcome is not None:  # the first settlement stands
        return state
    request = replace(request, outcome=event.outcome, reason=event.reason, settled_at=event.at)
    return _apply_end(state, request, event.at)


def apply_request_reconciled(state: RolloutState, event: RequestReconciled) -> RolloutState:
    request = state.requests.get(event.request)
    if request is None or not request.in_doubt:  # the first word stands
        return state
    return _apply_end(state, replace(request, took_effect=event.took_effect), event.at)


def apply_gate_lapsed(state: RolloutState, event: GateLapsed) -> RolloutState | None:
    """The state after a request that waited to be asked for was asked for no more; None where that changes nothing."""
    request = state.requests.get(event.request)
    if request is None or request.outcome is not Outcome.ACCEPTED:
        return None
    return _apply_end(state, replace(request, outcome=Outcome.REFUSED, reason=event.reason), event.at)


def _apply_end(state: RolloutState, request: RequestState, at: datetime) -> RolloutState:
    """Apply the end of a call, `request` as it is now, to its decision, its step and its target."""
    state = _update_outcome(replace(state, requests={**state.requests, request.id: request}), request.decision)
    if request.step is not None:
        state = apply_step_settlement(state, request, at)
    state, line = judge_after_request(state, request.target, at)
    return state if line is None else replace(state, log=(*state.log, line))


def _update_outcome(state: RolloutState, decision: str) -> RolloutState:
    """One word for a decision from the outcomes of its requests, as far as they are known by now."""
    outcomes = {request.known_outcome for request in state.requests.values() if request.decision == decision}
    if None in outcomes:
        word = "requested"
    elif Outcome.UNKNOWN in outcomes:
        word = "unknown"
    elif outcomes == {Outcome.REFUSED}:
        word = "refused"
    else:
        word = "partial" if Outcome.REFUSED in outcomes else "accepted"
    place = next((at for at in range(len(state.decisions) - 1, -1, -1) if state.decisions[at].id == decision), None)
    if place is None or state.decisions[place].outcome in ("confirmed", word):
        return state
    entry = replace(state.decisions[place], outcome=word)
    return replace(state, decisions=(*state.decisions[:place], entry, *state.decisions[place + 1 :]))
