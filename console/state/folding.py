"""fold(state, event) -> state: the only way a RolloutState changes. Pure: no clock, no I/O, no logging.

Live, resume after a crash, replay and tests are this one function over the same events; a console's own part of the
State (`local`) is no part of it. The branches live by noun: `decisions` (and requests), `targets` (observations, drift,
confirmation), `steps` (the checklist), `samples`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never

from console.events import kinds
from console.events.kinds import Event
from console.plan.nouns import Plan
from console.state import escalation, pen
from console.state.before import asks_about
from console.state.checklist import apply_step_done, checklist_of
from console.state.decisions import (
    apply_decision,
    apply_gate_lapsed,
    apply_request_made,
    apply_request_reconciled,
    apply_request_settled,
)
from console.state.derived_stages import stages_at, under_plan, with_stages
from console.state.gate_answers import apply_gate_answer
from console.state.judging import enter_stage
from console.state.samples import advance_bake, advance_bake_by_poll, apply_samples
from console.state.targets import apply_observation, confirm_stage, follow_controllers
from console.state.timeline import after_event, event_time
from console.state.values import MetricState, NoteState, RolloutState, SourceState, StageState, TargetState

LOG_LINES = 500
"""Log lines kept in a State; the journal keeps them all."""


def blank(plan: Plan, rollout: str, plans: Mapping[str, Plan] | None = None) -> RolloutState:
    """A rollout of `plan` before its first event."""
    return RolloutState(
        rollout=rollout,
        plan=plan,
        plans=plans or {plan.digest: plan},
        stages=tuple(StageState(number, stage) for number, stage in enumerate(plan.stages, start=1)),
        targets={name: TargetState(target) for name, target in plan.targets.items()},
        metrics={name: MetricState(metric) for name, metric in plan.metrics.items()},
        sources={name: SourceState(name, spec.adapter) for name, spec in plan.backends.items()},
    )


def unopened_rollout(plan: Plan, rollout: str, event: kinds.RolloutOpened) -> RolloutState:
    """A rollout that would begin with `event` and has not begun."""
    return replace(fold(blank(plan, rollout), event), opened_at=None)


def with_plan(state: RolloutState, plan: Plan) -> RolloutState:
    """The state with one more plan that a later event may name by its digest."""
    return replace(state, plans={**state.plans, plan.digest: plan})


def skip_event(state: RolloutState, seq: int) -> RolloutState:
    """The state after event number `seq`, which was folded before it had a number."""
    return replace(state, last_seq=seq)


def fold(state: RolloutState, event: Event, seq: int | None = None) -> RolloutState:
    """The state after `event`. `seq` is its number in the journal, None for a sample or an event held in memory."""
    if isinstance(event, kinds.SourceRead):
        after = apply_samples(advance_bake_by_poll(state, event), event)
    else:
        at = event_time(state, event.at)
        dated = event if at == event.at else event.model_copy(update={"at": at})
        state = after_event(state if state.polled is not None else advance_bake(state, at), at)
        after = follow_controllers(confirm_stage(_apply(state, dated, event, seq), at), at)
    return after if seq is None else replace(after, last_seq=max(seq, after.last_seq))


def _apply(state: RolloutState, event: Event, said: Event, seq: int | None) -> RolloutState:
    """The state after `event`, which is `said` dated by the time that the rollout goes by."""
    match event:
        case kinds.SourceRead():
            return apply_samples(state, event)
        case kinds.TargetObserved():
            observed, note = apply_observation(state, event)
            return observed if note is None else replace(observed, log=(*state.log[-LOG_LINES:], note))
        case kinds.DecisionTaken():
            return apply_decision(state, event, seq, said.at)
        case kinds.RequestMade():
            return apply_request_made(state, event, said.at)
        case kinds.RequestSettled():
            return apply_request_settled(state, event)
        case kinds.RequestReconciled():
            return _with_note(apply_request_reconciled(state, event), event, "request", f"read tells: {event.reads}")
        case kinds.GateAnswered():
            after, line = apply_gate_answer(state, event), f"{event.target}: {event.gate} answered yes"
            return state if after is None else _with_note(after, event, "gate", line)
        case kinds.GateLapsed():
            after = apply_gate_lapsed(state, event)
            return state if after is None else _with_note(after, event, "gate", event.reason)
        case kinds.StepDone():
            line = f"rollback step {event.step} done: {event.how}"
            return _with_note(apply_step_done(state, event), event, "step", line)
        case kinds.RolloutOpened():
            return _apply_opening(state, event)
        case kinds.RolloutClosed():
            if state.closed is not None:  # of two who closed it at once the first word stands
                return state
            return _with_act(
                _with_note(replace(state, closed=event.how), said, "note", f"rollout closed: {event.how}"), event
            )
        case kinds.PenReleased():
            after = pen.apply_release(state, event)
            return state if after is None else _with_note(after, event, "pen", f"the pen is free: {event.reason}")
        case kinds.Escalated():
            after = escalation.apply_escalation(state, event)
            line = f"ESCALATED to {event.call}: nobody acted on {event.trouble}"
            return state if after is None else _with_note(after, event, "called", line)
        case kinds.SourceFailed() | kinds.SourceRecovered():
            return _apply_source(state, event)
        case kinds.VerdictChanged():
            return _apply_verdict(state, event)
        case kinds.Noted():
            return _with_act(_with_note(state, said, "note", event.text), event)
        case kinds.Unbelieved():
            return state
        case kinds.Unrecognized():
            state = replace(state, unrecognised=state.unrecognised + 1)
            return _with_note(state, event, "unrecognised", f"event of unknown kind {event.said_kind!r}")
        case _:
            assert_never(event)


def _with_note(state: RolloutState, event: Event, kind: str, text: str) -> RolloutState:
    line = NoteState(at=event.at, who=event.who, kind=kind, text=text)
    return replace(state, log=(*state.log[-LOG_LINES:], line))


def _with_act(state: RolloutState, event: Event) -> RolloutState:
    """The state after a person did something; nothing where no person is named."""
    return state if event.who is None else escalation.after_act(state, event.at)


def _apply_opening(state: RolloutState, event: kinds.RolloutOpened) -> RolloutState:
    state = replace(state, asks_before=event.asks_before)
    state = under_plan(state, with_stages(state.plan, {reading.target: reading for reading in event.readings}))
    targets = dict(state.targets)
    for reading in event.readings:
        if (entry := targets.get(reading.target)) is not None:
            entry = replace(entry, opening=reading, reading=reading, confirmed=reading)
            asks = asks_about(state, reading)
            targets[reading.target] = replace(entry, read_at=reading.at, held_since=reading.at, asks_before=asks)
    state = replace(
        state,
        opened_at=event.at,
        reached=event.reached,
        stages=stages_at(state.stages, event.reached or 0),
        candidates=event.candidates,
        targets=targets,
        clocked_at=event.at,
        checklist=checklist_of(state.plan, targets),
    )
    state = enter_stage(state, event.at)
    reads = ", ".join(f"{reading.target} {reading}" for reading in event.readings) or "nothing could be read"
    return _with_act(_with_note(state, event, "note", f"opened; {reads}"), event)


def _apply_source(state: RolloutState, event: kinds.SourceFailed | kinds.SourceRecovered) -> RolloutState:
    source = state.sources.get(event.source)
    if source is None:
        return state
    if isinstance(event, kinds.SourceFailed):
        source = replace(source, failed_since=source.failed_since or event.at, reason=event.reason)
        line = f"{event.source} failed: {event.reason}"
    else:
        source = replace(source, failed_since=None, reason="", ok_at=event.at)
        line = f"{event.source} answers again"
    state = replace(state, sources={**state.sources, event.source: source})
    return _with_note(state, event, "source", line)


def _apply_verdict(state: RolloutState, event: kinds.VerdictChanged) -> RolloutState:
    metric = state.metrics.get(event.metric)
    if metric is None:
        return state
    metric = replace(metric, said=event.became, said_at=event.at)
    state = replace(state, metrics={**state.metrics, event.metric: metric})
    return _with_note(state, event, "verdict", f"{event.metric}: {event.was} -> {event.became}: {event.reason}")
