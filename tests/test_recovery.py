"""After a rollback: metrics are held against what they were before the first promote, and nothing is guessed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.contract import Buckets, Counts, Gauge, Reading, Sample, Shape
from console.events.evidence import Verb
from console.state.card import card_for
from console.state.gates import gates_for
from console.state.recovery import recoveries
from console.state.values import MetricState, State
from tests.rollout_rig import Story
from tests.states import PLAN
from widgets.advice import advice_for

QUIET = replace(PLAN, metrics={"errors": PLAN.metrics["errors"]}, rollback=tuple((PLAN.rollback or ())[:2]))


def rolled_back(bad: float, n: float = 1000, ticks: int = 4) -> Story:
    """Ten minutes of 1 % before, two stages, a rollback; then `ticks` ticks of `bad` in `n`, both arms together."""
    story = Story(QUIET).open()
    story.flow(600, bad=10, n=1000)
    tell(story, Counts(100_000, 1000))
    story.promote().promote().roll_back()
    story.wait(20)
    for _ in range(ticks):
        story.wait(10)
        tell(story, Counts(n, bad))
    return story


def tell(story: Story, sample: Sample) -> None:
    """One tick of the metric, from the baseline alone."""
    entry = story.state.metrics["errors"]
    tick = story.at - timedelta(seconds=story.at.timestamp() % 10)
    ledger = (*entry.ledger, Reading(tick, None, sample))
    entry = replace(entry, ledger=ledger, baseline_at=story.at)
    story.state = replace(story.state, metrics={"errors": entry})


def close_gate(state: State) -> str:
    return next(gate.why for gate in gates_for(state, Verb.CLOSE) if gate.name == "recovery")


def test_a_metric_that_reads_as_before_lets_the_rollout_be_closed() -> None:
    state = rolled_back(bad=1).seen
    assert [look.back for look in recoveries(state)] == [True]
    assert card_for(state, Verb.CLOSE).open
    assert "every metric has recovered; c closes" in advice_for(state)[1]


def test_a_metric_that_is_worse_than_before_wants_an_override() -> None:
    state = rolled_back(bad=30).seen
    assert close_gate(state).startswith("errors NOT BACK: 3 % of 4,000, before it was ")
    assert card_for(state, Verb.CLOSE).override is not None
    assert advice_for(state)[0] == "alarm"


def test_a_difference_that_chance_explains_is_not_told_yet() -> None:
    assert "too few requests to tell" in close_gate(rolled_back(bad=5, n=400).seen)


def test_before_three_ticks_nothing_is_told() -> None:
    state = rolled_back(bad=0, ticks=2).seen
    assert close_gate(state) == "errors recovery not known yet: 2 of 3 ticks since everything was rolled back"


def test_old_samples_tell_nothing() -> None:
    story = rolled_back(bad=0)
    story.wait(600)
    assert "newest sample" in close_gate(story.seen)


def test_before_the_rollback_is_through_nothing_is_looked_at() -> None:
    assert recoveries(Story(QUIET).open().promote().seen) == ()


def made(shape: Shape, then: Sample, now: Sample, **changes: object) -> State:
    """A rolled-back state whose one metric read `then` before and `now` since."""
    state = rolled_back(bad=0).seen
    assert state.rolled_back_at is not None
    before = [Reading(state.rolled_back_at - timedelta(hours=1, seconds=10 * tick), None, then) for tick in range(5)]
    since = [Reading(state.rolled_back_at + timedelta(seconds=10 * tick), None, now) for tick in range(1, 5)]
    metric = PLAN.metrics["errors"]
    metric = replace(metric, query=replace(metric.query, shape=shape), limit=None, **changes)  # type: ignore[arg-type]
    entry = MetricState(metric, ledger=(*before, *since), baseline_at=state.as_of)
    return replace(state, metrics={"errors": entry})


@pytest.mark.parametrize(
    ("shape", "then", "now", "changes", "back"),
    [
        (Shape.GAUGE, Gauge(100), Gauge(110), {}, True),
        (Shape.GAUGE, Gauge(100), Gauge(140), {}, False),
        (Shape.GAUGE, Gauge(-100), Gauge(-90), {}, True),
        (Shape.GAUGE, Gauge(100), Gauge(70), {"falling": True}, False),
        (Shape.GAUGE, Gauge(100), Gauge(float("nan")), {}, None),
        (Shape.COUNTS, Counts(1000, 500), Counts(1000, 300), {"falling": True}, False),
        (Shape.COUNTS, Counts(1000, 500), Counts(1000, 500), {"falling": True}, True),
        (Shape.COUNTS, Counts(0, 0), Counts(1000, 500), {}, None),
        (Shape.COUNTS, Counts(1000, 10), Counts(0, 0), {}, None),
        (Shape.HISTOGRAM, Buckets(1000, ((0.1, 900), (0.5, 990))), Buckets(1000, ((0.1, 895), (0.5, 990))), {}, True),
        (Shape.HISTOGRAM, Buckets(1000, ((0.1, 900), (0.5, 990))), Buckets(1000, ((0.1, 500), (0.5, 990))), {}, False),
    ],
)
def test_every_shape_is_held_against_what_it_was(
    shape: Shape, then: Sample, now: Sample, changes: dict[str, object], back: bool | None
) -> None:
    (look,) = recoveries(made(shape, then, now, **changes))
    assert look.back is back, look.why
