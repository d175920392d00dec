"""Believe a stored event only where the state before it allows it; set it aside and go on where it does not. Pure.

A row's own shape is checked on reading (`console.journal.belief`). Here are the transitions: one opening a run, no
stage beyond the plan, no closing from nowhere. A rule must never refuse what a console writes, not
even one that lost a race or wrote late: two closings, an overtaken decision and a late step pass.
"""

from __future__ import annotations

from dataclasses import replace

from console.events import kinds
from console.events.evidence import Verb
from console.events.kinds import Event
from console.state.derived_stages import with_stages
from console.state.folding import fold
from console.state.values import RolloutState, UnbelievedRow

MOST_AHEAD = 1000
"""How far the number of a forward move may lie ahead of the last: each lost race takes one at the most."""
MOST_ROWS = 100
"""Rows that are kept with their reasons; more are counted."""


def fold_stored(state: RolloutState, event: Event, seq: int | None) -> RolloutState:
    """The state after an event as it stands in the journal; one that cannot be believed only adds to `unbelieved`."""
    reason = why_unbelievable(state, event)
    if reason is None:
        try:
            return fold(state, event, seq)
        except (ArithmeticError, LookupError, ValueError, TypeError, AttributeError, RecursionError) as error:
            reason = f"it does not fit the events before it ({type(error).__name__})"
    return _set_aside(state, event, seq, reason)


def why_unbelievable(state: RolloutState, event: Event) -> str | None:
    """Why no console can have recorded `event` after those of `state`, in a few words; None if one can."""
    if isinstance(event, kinds.Unbelieved):
        return event.reason
    if isinstance(event, kinds.RolloutOpened):
        return _opening_flaw(state, event)
    if isinstance(event, kinds.RolloutClosed):
        return None if state.closed is not None else _closing_flaw(state, event)
    if isinstance(event, kinds.RequestMade):
        return _request_flaw(state, event)
    if isinstance(event, kinds.DecisionTaken) and (event.move or 0) > state.move + MOST_AHEAD:
        return "its move is out of sequence"
    if isinstance(event, kinds.DecisionTaken) and event.stage is not None and event.stage > _most_stages(state):
        return f"it names stage {event.stage} of {_most_stages(state)}"
    return None


def _opening_flaw(state: RolloutState, event: kinds.RolloutOpened) -> str | None:
    if state.opened_at is not None:
        return "the rollout was opened already"
    if event.plan_digest not in state.plans:
        return "its plan cannot be read, or has another digest"
    plan = with_stages(state.plans[event.plan_digest], {reading.target: reading for reading in event.readings})
    stages = {number for number in (event.reached, *event.candidates) if number is not None}
    if any(not 0 <= number <= len(plan.stages) for number in stages):
        return f"it names stage {max(stages)} of {len(plan.stages)}"
    if event.reached is not None and event.candidates and event.reached not in event.candidates:
        return "its stage is none that fits its readings"
    return None


def _closing_flaw(state: RolloutState, event: kinds.RolloutClosed) -> str | None:
    if not any(entry.verb is Verb.CLOSE and not entry.void for entry in state.decisions):
        return "no decision closes the rollout"
    if event.how == "rolled_back" and state.rollback is None:
        return "there was no rollback"
    return None


def _request_flaw(state: RolloutState, event: kinds.RequestMade) -> str | None:
    """A call that stays in doubt for longer than any plan allows could hold up a rollback."""
    timings = [plan.timing for plan in (state.plan, *state.plans.values())]
    if event.deadline_s > max(timing.write_deadline_s for timing in timings):
        return "its deadline is longer than the plan's"
    if (event.send_by - event.at).total_seconds() > max(timing.send_within_s for timing in timings) + 1.0:
        return "it may be sent for longer than the plan allows"
    return None


def _most_stages(state: RolloutState) -> int:
    return max(len(state.stages), *(len(plan.stages) for plan in (state.plan, *state.plans.values())))


def _set_aside(state: RolloutState, event: Event, seq: int | None, reason: str) -> RolloutState:
    if seq is None:  # a sample: dropped as if it had not been taken
        return state
    row = unbelieved_row(event, seq, reason)
    kept = (*state.unbelieved, row) if len(state.unbelieved) < MOST_ROWS else state.unbelieved
    taken = event.move if isinstance(event, kinds.Unbelieved | kinds.DecisionTaken) else None
    return replace(
        state,
        unbelieved=kept,
        unbelieved_count=state.unbelieved_count + 1,
        last_seq=max(seq, state.last_seq),
        move=taken
        if taken is not None and 0 < taken - state.move <= MOST_AHEAD
        else state.move,  # the number is gone: a promote under it would lose against this row
    )


def unbelieved_row(event: Event, seq: int, reason: str) -> UnbelievedRow:
    """A row that is set aside for `reason`, or for its own where it has one."""
    return UnbelievedRow(seq, _author(event), event.reason if isinstance(event, kinds.Unbelieved) else reason)


def _author(event: Event) -> str:
    if isinstance(event, kinds.Unbelieved):
        return event.by
    return "" if event.who is None else event.who.login or event.who.user
