"""Whose doing it is where a target with steps of its own stands, reading by reading. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from adapters.contract import Outcome, Phase, Setting, StepsReading, TargetReading, VersionsReading, Wait
from console.plan.loader import parse
from console.state.folding import blank
from console.state.requests import RequestState
from console.state.stepped_targets import observe
from console.state.values import TargetState
from tests.reading_rig import varied
from tests.steps_rig import LISTED

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
GATE = TargetReading(
    "api",
    AT,
    20.0,
    phase=Phase.PAUSED,
    versions=VersionsReading("v2", "v1"),
    steps=StepsReading(step=1, count=4, waits=Wait.GATE),
)
ABORTED = varied(GATE, phase=Phase.ABORTED, waits=None)
TAKEN_BACK = varied(ABORTED, percent=0.0, step=0)
AGAIN = varied(GATE, phase=Phase.PROGRESSING, waits=None, step=0)


def later(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


def asked(action: str, at: datetime) -> RequestState:
    outcome = Outcome.ACCEPTED
    return RequestState(action, "d", "cluster", "api", Setting(None), action, None, at, at, 5.0, outcome=outcome)


def after(*readings: tuple[float, TargetReading], requests: tuple[RequestState, ...]) -> TargetState:
    """The target after these readings, each so many seconds later; it stood at the gate first."""
    state = blank(parse(LISTED.replace("adapter: argo}", "adapter: argo-rollouts}"), "plan.yaml"), "one/1")
    state = replace(state, opened_at=AT)
    entry = replace(state.targets["api"], opening=GATE, confirmed=GATE)
    for seconds, reading in readings:
        known = {request.id: request for request in requests if request.at <= later(seconds)}
        entry, _ = observe(replace(state, requests=known), replace(entry, reading=reading), later(seconds))
    return entry


def test_a_retry_that_was_asked_for_before_the_abort_was_read_to_its_end_is_ours() -> None:
    """The controller goes back to step 0 a moment after the abort, and its reading may come after the retry."""
    requests = (asked("abort", later(1)), asked("retry", later(3)))
    entry = after((2, ABORTED), (4, TAKEN_BACK), (5, AGAIN), requests=requests)
    assert entry.drift is None


def test_an_abort_that_somebody_else_took_back_is_drift() -> None:
    entry = after((2, ABORTED), (4, TAKEN_BACK), (5, AGAIN), requests=(asked("abort", later(1)),))
    assert entry.drift is not None


def test_the_retry_of_an_earlier_abort_does_not_explain_a_later_one_that_was_taken_back() -> None:
    requests = (asked("abort", later(1)), asked("retry", later(3)))
    readings = ((2, ABORTED), (4, TAKEN_BACK), (5, AGAIN), (8, TAKEN_BACK), (9, AGAIN))
    assert after(*readings, requests=requests).drift is not None
