"""Decisions and their requests: who moved the rollout where, and how each call ended."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from adapters.contract import Outcome
from console.events.evidence import Verb
from console.events.verbs import PENNED
from console.state import pen
from console.state.before import asked_targets, with_before
from console.state.checklist import (
    apply_step_request,
    apply_step_settlement,
    begin_rollback,
    confirm_step,
    skip_step,
)
from console.state.derived_stages import mark_stage, stages_at
from console.state.escalation import after_act
from console.state.judging import apply_override, enter_stage
from console.state.plan_change import change_plan
from console.state.raising import marked_as_lowering
from console.state.requests import DecisionState, RequestState
from console.state.stepped_targets import confirm_reading
from console.state.succession import kept_steps, without_kept, without_returned
from console.state.targets import judge_after_request
from console.state.values import RolloutState, StageMark

if TYPE_CHECKING:
    from datetime import datetime

    from console.events.kinds import DecisionTaken, GateLapsed, RequestMade, RequestReconciled, RequestSettled


def apply_decision(state: RolloutState, event: DecisionTaken, seq: int | None, said_at: datetime) -> RolloutState:
    """The state after a decision; its requests come as events of their own.

    Args:
        state: before it.
        event: dated by the time that the rollout goes by.
        seq: its number in the journal.
        said_at: the time that its author gave.
    """
    known = next((entry for entry in state.decisions if entry.id == event.id), None)
    if known is not None:  # it was held in memory and has now reached the journal
        decisions = tuple(replace(entry, seq=seq) if entry.id == event.id else entry for entry in state.decisions)
        return replace(state, decisions=decisions)
    entry = DecisionState(
        id=event.id,
        seq=seq,
        at=said_at,
        recorded_at=None if said_at == event.at else event.at,
        who=event.who,
        verb=event.verb,
        stage=event.stage,
        reason=event.reason,
        override=event.override,
        card=event.card,
        subject=event.subject,
        automatic=event.automatic,
    )
    if event.who is not None and not event.automatic:
        state = after_act(state, event.at)
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
            return _apply_skip(state, event)
        case Verb.ORDER | Verb.CLOSE | Verb.APPROVE | Verb.TAKE | Verb.OFFER | Verb.HANDOFF:
            return state


def _why_overtaken(state: RolloutState, event: DecisionTaken) -> str:
    """Why a decision counts for nothing: what was recorded before it, unseen by its console; empty if it counts."""
    if state.closed is not None and event.verb in PENNED:
        return "the rollout was closed"
    if event.verb is Verb.RESUME and state.halted is None:
        return "it was resumed already"
    if event.verb is Verb.PLACE and event.before and not any(name in asked_targets(state) for name in event.before):
        return "it was said already what was before"
    if event.verb is Verb.PLACE and state.reached is not None and not event.before:
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
    """The stage and the settings before that the operator named: the first word stands.

    A number that is no stage of the plan changes nothing.
    """
    state = with_before(state, event.before) if event.before else state
    number = state.stages_named(event.subject)
    if number is None or state.reached is not None:
        return state
    state = replace(state, reached=number, candidates=(), baked_s=0.0, clocked_at=event.at)
    return enter_stage(replace(state, stages=stages_at(state.stages, number)), event.at)


def _apply_skip(state: RolloutState, event: DecisionTaken) -> RolloutState:
    """Skip a step of the rollback; without a rollback, let go a target that an earlier plan named."""
    if state.rollback is not None:
        return skip_step(state, event)
    name = (event.subject or "").removesuffix("-back")
    return without_kept(state, name) if event.subject in kept_steps(state) else state


def _apply_accept(state: RolloutState, event: DecisionTaken) -> RolloutState:
    if event.subject == "plan":
        return change_plan(state, event)
    entry = state.targets.get(event.subject or "")
    if entry is None:
        return state
    known = len(state.requests)
    entry = confirm_reading(state, entry, event.at)
    entry = replace(entry, step_since=event.at, step_after=known, hand_after=known, accepted_after=known)
    return replace(state, targets={**state.targets, entry.target.name: entry})


def apply_request_made(state: RolloutState, event: RequestMade, said_at: datetime) -> RolloutState:
    """The state after a request; `said_at`: the time that its author gave, by whose clock `send_by` is."""
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
        at=said_at,
        recorded_at=None if said_at == event.at else event.at,
        send_by=event.send_by,
        deadline_s=event.deadline_s,
        calls=event.calls,
        seen=event.seen,
    )
    request = marked_as_lowering(request, state.targets.get(event.target))
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
    state = state if line is None else replace(state, log=(*state.log, line))
    return without_returned(state, request.target)


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
