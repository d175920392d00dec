"""Conditions that a script can wait for, by name: whether one is met, and whether it still can be. Pure."""

from __future__ import annotations

from collections.abc import Callable

from console.events.evidence import Verb
from console.judge.verdict import VerdictState
from console.state.gates import gates_for
from console.state.samples import stale_part
from console.state.values import Mode, State

STAGE = "stage:"
"""Prefix of the condition that a stage, given by its name or number, is reached."""


def _is_healthy(state: State) -> bool:
    """Something is exposed, every critical metric passes on fresh data, and nothing is open."""
    settled = state.mode in (Mode.BAKING, Mode.WATCHING, Mode.COMPLETE) and state.exposing
    drifted = any(entry.drift is not None for entry in state.targets.values())
    if not settled or drifted or state.in_doubt or state.as_of is None or stale_part(state, state.as_of) is not None:
        return False
    verdicts = [state.metrics[metric.name].verdict for metric in state.plan.critical]
    return all(verdict is not None and verdict.state is VerdictState.PASS for verdict in verdicts)


CONDITIONS: dict[str, Callable[[State], bool]] = {
    "healthy": _is_healthy,
    "failing": lambda state: state.exposing and any(entry.is_failing for entry in state.metrics.values()),
    "promotable": lambda state: all(gate.ok for gate in gates_for(state, Verb.PROMOTE)),
    "halted": lambda state: state.mode is Mode.HALTED,
    "rolled-back": lambda state: state.rollback is not None and state.rolled_back_at is not None,
    "complete": lambda state: state.mode is Mode.COMPLETE or state.closed == "complete",
    "closed": lambda state: state.closed is not None,
}
_UNLOST = ("rolled-back", "closed")
"""Conditions that can still be met once a rollback was begun."""


def is_known(plan_stages: list[str], condition: str) -> bool:
    """Whether there is such a condition for a plan with these stages."""
    if condition.startswith(STAGE):
        return _stage_number(plan_stages, condition) is not None
    return condition in CONDITIONS


def _stage_number(stages: list[str], condition: str) -> int | None:
    """The stage that `stage:..` is about, counted from 1."""
    name = condition.removeprefix(STAGE)
    if name in stages:
        return stages.index(name) + 1
    numbers = {str(number): number for number in range(1, len(stages) + 1)}
    return numbers.get(name)


def is_met(state: State, condition: str) -> bool:
    """Whether a condition holds in an assessed state."""
    if condition.startswith(STAGE):
        number = _stage_number([entry.stage.name for entry in state.stages], condition)
        return number is not None and state.rollback is None and (state.reached or 0) >= number
    return CONDITIONS[condition](state)


def why_impossible(state: State, condition: str) -> str | None:
    """Why a condition that is not met can never be met in this rollout; None while it can."""
    if state.closed is not None:
        return f"the rollout is closed ({state.closed})"
    if state.rollback is not None and condition not in _UNLOST:
        return "a rollback was begun"
    return None
