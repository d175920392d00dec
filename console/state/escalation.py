"""The escalation ladder: trouble without a human reaction, how long it has lasted, and the rungs it reaches.

A rung is shown and recorded, once for each trouble; nothing is executed. Any decision and any note of a person counts
as acting: the clock starts again from it, and so do the rungs if the trouble is still there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from console.judge.verdict import VerdictState
from console.plan.nouns import Rung
from console.state.exposure import is_exposed
from console.state.participants import Escalation
from console.state.values import AnyState, RolloutState, StepMark

if TYPE_CHECKING:
    from console.events.kinds import Escalated

_STUCK = (StepMark.REFUSED, StepMark.IN_DOUBT, StepMark.RELAPSED, StepMark.WAITING)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that a person has to act on."""

    what: str
    since: datetime
    """When it began, or when a person last did anything."""


def current_trouble(state: RolloutState) -> Trouble | None:
    """The gravest trouble that waits for a person, since the last human act; None while there is none."""
    if state.closed is not None or state.opened_at is None:
        return None
    found = _open_trouble(state)
    last = state.acted_at
    return found if found is None or last is None or last <= found.since else replace(found, since=last)


def _open_trouble(state: RolloutState) -> Trouble | None:
    if state.rollback is not None:
        stuck = next((entry for entry in state.checklist if entry.mark in _STUCK), None)
        if stuck is None:
            return None
        return Trouble(f"rollback step {stuck.step.id} {stuck.mark}", stuck.since or _stage_began(state))
    if state.halted is None:
        for name, entry in state.metrics.items():
            if entry.is_failing and entry.said == VerdictState.FAIL and is_exposed(state):
                return Trouble(f"{name} FAIL", entry.said_at or _stage_began(state))
    elif is_exposed(state):
        return Trouble("the halt", _stage_began(state))
    for name, target in state.targets.items():
        if target.drift is not None:
            return Trouble(f"{name} drifted", target.drift.since)
    return None


def _stage_began(state: RolloutState) -> datetime:
    """When the stage, or the rollout, began: for troubles whose own beginning is the last decision anyway."""
    known = state.stage_since or state.opened_at
    if known is None:
        raise AssertionError("a rollout that is open was opened at some time")
    return known


def after_act(state: AnyState, at: datetime) -> AnyState:
    """The state after a person did something at `at`."""
    known = state.acted_at
    return state if known is not None and at <= known else replace(state, acted_at=at)


def due_rungs(state: RolloutState) -> list[tuple[int, Rung, Trouble]]:
    """(number, rung, trouble) of the rungs that are reached at `as_of` and not recorded yet."""
    wrong = current_trouble(state)
    if wrong is None or state.as_of is None:
        return []
    waited = state.as_of - wrong.since
    recorded = {called.rung for called in state.called if called.since == wrong.since}
    rungs = [(number, rung) for number, rung in enumerate(state.plan.escalation, start=1) if number not in recorded]
    return [(number, rung, wrong) for number, rung in rungs if waited >= timedelta(seconds=rung.after_s)]


def current_call(state: RolloutState) -> Escalation | None:
    """The highest rung reached for the current trouble; None if none was, or a person has acted since."""
    wrong = current_trouble(state)
    if wrong is None:
        return None
    calls = (called for called in state.called if called.since == wrong.since)
    return max(calls, key=lambda called: called.rung, default=None)


def apply_escalation(state: RolloutState, event: Escalated) -> RolloutState | None:
    """The state after a rung was reached; None if another console had recorded it already."""
    if any((called.rung, called.since) == (event.rung, event.since) for called in state.called):
        return None
    called = Escalation(event.rung, event.call, event.trouble, event.since, event.at)
    return replace(state, called=(*state.called, called))
