"""fold(state, event) -> state: the only way a State moves on. Pure: no clock, no I/O, no logging.

Live, resume after a crash, replay and tests are this one function over the same events. The branches live by noun:
`moves` (decisions and requests), `targets` (observations, drift, confirmation), `steps` (the checklist), `samples`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never

from console.events.kinds import (
    DecisionTaken,
    Escalated,
    Event,
    GateAnswered,
    GateLapsed,
    Noted,
    PenReleased,
    RequestMade,
    RequestReconciled,
    RequestSettled,
    RolloutClosed,
    RolloutOpened,
    SourceFailed,
    SourceRead,
    SourceRecovered,
    StepDone,
    TargetObserved,
    Unrecognized,
    VerdictChanged,
)
from console.plan.nouns import Plan
from console.state import escalation, pen
from console.state.checklist import checklist_of
from console.state.decisions import (
    decision_taken,
    gate_lapsed,
    request_made,
    request_reconciled,
    request_settled,
    stood_at,
)
from console.state.derived_stages import planned, with_stages
from console.state.gate_answers import gate_answered
from console.state.judging import enter_stage
from console.state.samples import bake, source_read
from console.state.steps import step_done
from console.state.targets import confirm_stage, follow, target_observed
from console.state.values import (
    MetricState,
    NoteState,
    SourceState,
    StageState,
    State,
    TargetState,
)

LOG_LINES = 500
"""Log lines kept in a State; the journal keeps them all."""


def blank(plan: Plan, rollout: str, plans: Mapping[str, Plan] | None = None) -> State:
    """A rollout of `plan` before its first event."""
    return State(
        rollout=rollout,
        plan=plan,
        plans=plans or {plan.digest: plan},
        stages=tuple(StageState(number, stage) for number, stage in enumerate(plan.stages, start=1)),
        targets={name: TargetState(target) for name, target in plan.targets.items()},
        metrics={name: MetricState(metric) for name, metric in plan.metrics.items()},
        sources={name: SourceState(name, spec.adapter) for name, spec in plan.backends.items()},
    )


def fold(state: State, event: Event, seq: int | None = None) -> State:
    """The state after `event`. `seq` is its number in the journal, None for a sample or an event held in memory."""
    after = _branch(bake(state, event.at), event, seq)
    if not isinstance(event, SourceRead):
        after = follow(confirm_stage(after, event.at), event.at)
    return after if seq is None else replace(after, last_seq=max(seq, after.last_seq))


def _branch(state: State, event: Event, seq: int | None) -> State:
    match event:
        case SourceRead():
            return source_read(state, event)
        case TargetObserved():
            return _logged(state, target_observed(state, event))
        case DecisionTaken():
            return decision_taken(state, event, seq)
        case RequestMade():
            return request_made(state, event)
        case RequestSettled():
            return request_settled(state, event)
        case RequestReconciled():
            return _noted(request_reconciled(state, event), event, "request", f"read tells: {event.reads}")
        case GateAnswered():
            after = gate_answered(state, event)
            return (
                state if after is None else _noted(after, event, "gate", f"{event.target}: {event.gate} answered yes")
            )
        case GateLapsed():
            after = gate_lapsed(state, event)
            return state if after is None else _noted(after, event, "gate", event.reason)
        case StepDone():
            return _noted(step_done(state, event), event, "step", f"rollback step {event.step} done: {event.how}")
        case RolloutOpened():
            return _opened(state, event)
        case RolloutClosed():
            if state.closed is not None:  # of two who closed it at once the first word stands
                return state
            return _noted(replace(state, closed=event.how), event, "note", f"rollout closed: {event.how}")
        case PenReleased():
            after = pen.released(state, event)
            return state if after is None else _noted(after, event, "pen", f"the pen is free: {event.reason}")
        case Escalated():
            after = escalation.escalated(state, event)
            told = f"ESCALATED to {event.call}: nobody acted on {event.trouble}"
            return state if after is None else _noted(after, event, "called", told)
        case SourceFailed():
            return _source_failed(state, event)
        case SourceRecovered():
            return _source_recovered(state, event)
        case VerdictChanged():
            return _verdict_changed(state, event)
        case Noted():
            return _noted(state, event, "note", event.text)
        case Unrecognized():
            state = replace(state, unrecognised=state.unrecognised + 1)
            return _noted(state, event, "unrecognised", f"event of unknown kind {event.said_kind!r}")
        case _:
            assert_never(event)


def _noted(state: State, event: Event, kind: str, text: str) -> State:
    line = NoteState(at=event.at, who=event.who, kind=kind, text=text)
    return replace(state, log=(*state.log[-LOG_LINES:], line))


def _logged(state: State, result: tuple[State, NoteState | None]) -> State:
    after, line = result
    return after if line is None else replace(after, log=(*state.log[-LOG_LINES:], line))


def _opened(state: State, event: RolloutOpened) -> State:
    state = planned(state, with_stages(state.plan, {reading.target: reading for reading in event.readings}))
    targets = dict(state.targets)
    for reading in event.readings:
        if reading.target in targets:
            targets[reading.target] = replace(
                targets[reading.target],
                opening=reading,
                reading=reading,
                confirmed=reading,
                read_at=reading.at,
                held_since=reading.at,
            )
    state = replace(
        state,
        opened_at=event.at,
        reached=event.reached,
        stages=stood_at(state.stages, event.reached or 0),
        candidates=event.candidates,
        targets=targets,
        clocked_at=event.at,
        checklist=checklist_of(state.plan, targets),
    )
    state = enter_stage(state, event.at)
    reads = ", ".join(f"{reading.target} {reading}" for reading in event.readings) or "nothing could be read"
    return _noted(state, event, "note", f"opened; {reads}")


def _source_failed(state: State, event: SourceFailed) -> State:
    source = state.sources.get(event.source)
    if source is None:
        return state
    since = source.failed_since or event.at
    source = replace(source, failed_since=since, reason=event.reason)
    state = replace(state, sources={**state.sources, event.source: source})
    return _noted(state, event, "source", f"{event.source} failed: {event.reason}")


def _source_recovered(state: State, event: SourceRecovered) -> State:
    source = state.sources.get(event.source)
    if source is None:
        return state
    source = replace(source, failed_since=None, reason="", ok_at=event.at)
    state = replace(state, sources={**state.sources, event.source: source})
    return _noted(state, event, "source", f"{event.source} answers again")


def _verdict_changed(state: State, event: VerdictChanged) -> State:
    metric = state.metrics.get(event.metric)
    if metric is None:
        return state
    state = replace(
        state, metrics={**state.metrics, event.metric: replace(metric, said=event.became, said_at=event.at)}
    )
    return _noted(state, event, "verdict", f"{event.metric}: {event.was} -> {event.became}: {event.reason}")
