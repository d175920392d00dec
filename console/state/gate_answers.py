"""Answer gate webhooks; expire promotes whose gate was never queried. Pure.

A promote of such a backend calls nothing: it waits until the backend asks at its gate, and is answered then, once per
gate and step, up to the step that was decided on. Everything that keeps a promote from being taken keeps its answer
back too: a halt, a rollback, a drift, a verdict that failed meanwhile. No gate is ever left open.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from adapters.contract import LAST_STEP, GateQuery, Outcome, Setting, StepsReading, TargetReading
from console.state.requests import GateAnswer, RequestState
from console.state.samples import stale_part
from console.state.values import RolloutState, State, StepMark

if TYPE_CHECKING:
    from console.events.kinds import GateAnswered

PATIENCE = 3.0
"""How many of a backend's own intervals it may ask nothing before a promote has lapsed."""
GRACE_S = 30.0


@dataclass(frozen=True, slots=True)
class GateDecision:
    """The answer to one question."""

    request: str | None
    """The request in whose name it is yes; None: no."""
    why: str
    again: bool = False
    """Yes, and it was said and recorded before: a way back stays open until it was taken."""


def apply_gate_answer(state: RolloutState, event: GateAnswered) -> RolloutState | None:
    """The state after an answer was recorded; None where another one had been, which stands."""
    request = state.requests.get(event.request)
    if request is None or _given_answer(request, event.gate, event.step) is not None:
        return None
    given = GateAnswer(event.id, event.gate, event.step, event.at)
    request = replace(request, answers=(*request.answers, given))
    return replace(state, requests={**state.requests, request.id: request})


def decide_gate(state: State, ask: GateQuery) -> GateDecision:
    """The answer to a gate query in this state, just after its target was read."""
    return _way_back(state, ask) if ask.back else _way_on(state, ask)


def answering_event(state: RolloutState, request: str, ask: GateQuery, step: int | None) -> str | None:
    """Id of the event that stands for the answer to `ask`; None while there is none."""
    known = state.requests.get(request)
    found = None if known is None else _given_answer(known, ask.gate, step)
    return None if found is None else found.id


def overdue_promotes(state: RolloutState, now: datetime) -> tuple[tuple[str, str], ...]:
    """(request, reason) of every promote that should have been asked for by now, or is not of what waits now."""
    found = []
    for request in state.requests.values():
        entry = state.targets.get(request.target)
        if entry is None or (reading := entry.reading) is None or (steps := reading.steps) is None:
            continue
        if steps.asks_s is None or not _waits_at_gate(state, request, steps):
            continue
        if (other := _other_release(request, reading)) is not None:
            found.append((request.id, f"{request.target}: {other}; look again, and promote again"))
            continue
        asked = max((answer.at for answer in request.answers), default=request.settled_at or request.at)
        since = max(asked, entry.step_since or asked)
        waited_s = (now - since).total_seconds()
        if waited_s > PATIENCE * steps.asks_s + GRACE_S:
            remedy = "see that `warroom watch --gates` runs and that Flagger's own checks pass; promote again"
            found.append((request.id, f"{request.target} was let on no further in {waited_s:.0f} s: {remedy}"))
    return tuple(found)


def _way_back(state: RolloutState, ask: GateQuery) -> GateDecision:
    if state.rollback is None:
        return GateDecision(None, "no rollback was decided")
    if state.closed is not None:
        return GateDecision(None, f"the rollout is closed ({state.closed})")
    for request in reversed(tuple(state.requests.values())):
        if request.target == ask.target and request.setting.version is not None:
            if any(entry.step.id == request.step and entry.mark is StepMark.SKIPPED for entry in state.checklist):
                return GateDecision(None, "its step of the rollback was skipped")
            # Also where it was refused: a backend that asks this can still go back, and that was decided.
            said = _given_answer(request, ask.gate, None) is not None
            return GateDecision(request.id, "the rollback was decided", again=said)
    return GateDecision(None, f"the rollback has not come to {ask.target} yet")


def _way_on(state: State, ask: GateQuery) -> GateDecision:
    if (why := _why_held_up(state, ask.target)) is not None:
        return GateDecision(None, why)
    reading = state.targets[ask.target].reading
    request = _promote_request(state, ask.target)
    if reading is None or request is None:
        return GateDecision(None, "nobody has promoted it")
    if request.known_outcome is not Outcome.ACCEPTED:
        refused = f"its promote was refused: {request.reason}"
        return GateDecision(None, "its promote is not made yet" if request.in_flight else refused)
    steps = reading.steps
    if steps is None or steps.step >= wanted_step(request.setting, steps):
        return GateDecision(None, "it stands where it was promoted to")
    if (other := _other_release(request, reading)) is not None:
        return GateDecision(None, other)
    if _given_answer(request, ask.gate, steps.step) is not None:
        return GateDecision(None, f"answered already at step {steps.step}")
    if (failed := _why_failed(state, request)) is not None:
        return GateDecision(None, failed)
    return GateDecision(request.id, f"promoted to {request.setting}")


def wanted_step(setting: Setting, steps: StepsReading) -> int:
    """The step that a setting asks for, as one of the target's own; the number of steps for all of them done."""
    if setting.step is not None:
        return steps.count if setting.step == LAST_STEP else setting.step
    asked = setting.percent or 0
    return next((place for place, step in enumerate(steps.own) if (step.percent or 0.0) >= asked), steps.count)


def _why_held_up(state: State, target: str) -> str | None:
    """Why every gate stays closed now; None if none has to."""
    if state.closed is not None:
        return f"the rollout is closed ({state.closed})"
    if state.rollback is not None:
        return "a rollback was begun"
    if state.halted is not None:
        return "halted"
    if state.local.journal.broken is not None:
        return "the journal cannot be written"
    entry = state.targets[target]
    if entry.drift is not None:
        return "it was moved outside warroom: accept it first"
    if entry.reading is not None and entry.reading.problem is not None:
        return entry.reading.problem
    return None


def _promote_request(state: RolloutState, target: str) -> RequestState | None:
    """The call of the promote under way for a target."""
    calls = [each for each in state.requests.values() if each.decision == state.promoting and each.action == "set"]
    return next((each for each in reversed(calls) if each.target == target), None)


def _waits_at_gate(state: RolloutState, request: RequestState, steps: StepsReading) -> bool:
    """Whether a request is a promote that was accepted, whose step is not reached, and that stands at a gate."""
    if request is not _promote_request(state, request.target) or request.known_outcome is not Outcome.ACCEPTED:
        return False
    return steps.step < wanted_step(request.setting, steps) and steps.own[steps.step].waits


def _other_release(request: RequestState, reading: TargetReading) -> str | None:
    """Why what waits to start is not what was promoted. Once it was begun it has a name, and another one is drift."""
    if reading.versions.canary is not None or request.seen in (None, reading.versions.revision):
        return None
    release = reading.versions.release or "something that is not known"
    return f"it is not what was promoted any more: it asks for {release} now"


def _why_failed(state: RolloutState, request: RequestState) -> str | None:
    """A FAIL or silence of the metrics since the promote that its override does not cover; None without one."""
    overridden = next((each.override for each in state.decisions if each.id == request.decision), None) or ""
    for name, entry in state.metrics.items():
        if entry.is_failing and entry.verdict is not None and f"{name} FAIL" not in overridden:
            return f"{name} FAIL: {entry.verdict.reason}"
    stale = None if state.as_of is None else stale_part(state, state.as_of)
    return stale if stale is not None and stale.startswith("STALE") and "STALE" not in overridden else None


def _given_answer(request: RequestState, gate: str, step: int | None) -> GateAnswer | None:
    return next((answer for answer in request.answers if answer.gate == gate and answer.step == step), None)
