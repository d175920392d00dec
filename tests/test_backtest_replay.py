"""The replay against the two things it must agree with: a live rollout's fold, and the verdict with its words."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.contract import Counts, Gauge, MetricQuery, Reading, Sample, Shape
from console.backtest.recording import stage_numbers
from console.backtest.replay import Replay, Span, VerdictChange
from console.backtest.rows import RowReader
from console.backtest.series import RecordedSeries
from console.judge.track import Track
from console.judge.verdict import VerdictState
from console.plan.exposures import stage_exposures
from console.plan.loader import parse
from console.plan.nouns import Metric, Plan
from console.state.judging import judge_final_ticks
from console.state.values import Boundary, MetricState
from tests.backtest_rig import PLAN
from tests.judge_rig import NOON, stream

PLANNED = parse(PLAN, "plan.yaml", queried=False)
HISTORY = 60


def replayed(plan: Plan, lines: list[str], name: str = "errors") -> tuple[Replay, list[VerdictChange]]:
    """The replay of one metric of a file's lines."""
    series = RecordedSeries(plan.metrics, stage_numbers(plan), 10.0)
    RowReader("series", series).read(BytesIO("".join(lines).encode()))
    assert series.began is not None
    span = Span(series.began, series.last, 10.0, {stage: series.start(stage) for stage in series.starts})
    replay = Replay(plan.metrics[name], stage_exposures(plan), span, series.spacing_s(name))
    return replay, list(replay.changes(series.ticks(name)))


def ledger(seed: int, shape: Shape) -> list[Reading]:
    """An hour with gaps, dirt and a regression, ten minutes of it before the rollout."""
    draw = random.Random(seed)
    found = []
    for number, (kc, nc, kb, nb) in enumerate(stream(seed, 360, canary=60, baseline=540, bad=0.02, ratio=1.0)):
        worse = 1.0 if number < 200 + 40 * (seed % 4) else 6.0
        canary: Sample | None = Counts(nc, min(nc, kc * worse))
        baseline: Sample | None = Counts(nb, kb)
        if shape is Shape.GAUGE:
            canary, baseline = Gauge(50.0 * worse + draw.gauss(0, 3)), Gauge(50.0 + draw.gauss(0, 1))
        if draw.random() < 0.05 or number < HISTORY:
            canary = None
        if draw.random() < 0.05:
            baseline = None
        if draw.random() < 0.03 and canary is not None:
            canary = Gauge(float("nan")) if shape is Shape.GAUGE else Counts(float("nan"), 1.0)
        if canary is not None or baseline is not None:
            found.append(Reading(NOON + timedelta(seconds=10 * number), canary, baseline))
    return found


STAGES = ((HISTORY, "smoke"), (180, "ten"), (300, "full"))


def stage_of(reading: Reading) -> str:
    number = (reading.at - NOON).total_seconds() / 10
    return next((name for first, name in reversed(STAGES) if number >= first), "")


def lines_of(readings: list[Reading], metric: str) -> Iterator[str]:
    yield "at,metric,arm,total,bad,value,stage\n"
    for reading in readings:
        for arm, sample in (("canary", reading.canary), ("baseline", reading.baseline)):
            if isinstance(sample, Counts):
                yield f"{reading.at.isoformat()},{metric},{arm},{sample.total!r},{sample.bad!r},,{stage_of(reading)}\n"
            elif isinstance(sample, Gauge):
                yield f"{reading.at.isoformat()},{metric},{arm},,,{sample.value!r},{stage_of(reading)}\n"


def live(metric: Metric, readings: list[Reading]) -> Track:
    """The track of a console that polled these ticks one after the other."""
    boundaries = tuple(
        Boundary(NOON + timedelta(seconds=10 * first), number, exposing=True, share=share)
        for number, ((first, _), share) in enumerate(zip(STAGES, (5.0, 10.0, 100.0), strict=True), 1)
    )
    entry = MetricState(metric)
    for place, reading in enumerate(readings):
        entry = replace(entry, ledger=tuple(readings[: place + 1]), baseline_at=reading.at + timedelta(seconds=10))
        entry = judge_final_ticks(boundaries, entry)
    assert entry.track is not None
    return entry.track


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", ["errors", "load"])
@pytest.mark.parametrize("warmup_s", [0.0, 45.0])
def test_a_rollout_judged_live_and_the_same_samples_in_a_file_agree_bit_for_bit(
    seed: int, name: str, warmup_s: float
) -> None:
    metric = replace(PLANNED.metrics[name], warmup_s=warmup_s)
    plan = replace(PLANNED, metrics={name: metric})
    readings = ledger(seed, metric.query.shape)
    replay, _ = replayed(plan, list(lines_of(readings, name)), name)
    assert replay.track == live(metric, readings)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", ["errors", "load"])
@pytest.mark.parametrize("bake", [0.0, 300.0])
def test_the_state_of_every_tick_is_that_of_the_verdict_in_words(seed: int, name: str, bake: float) -> None:
    stages = tuple(replace(stage, bake_s=bake, min_requests=2000) for stage in PLANNED.stages)
    plan = replace(PLANNED, metrics={name: PLANNED.metrics[name]}, stages=stages)
    seen = set()

    class Compared(Replay):
        def state(self, at: float) -> tuple[VerdictState, str]:
            found = super().state(at)
            words = self.full_verdict(at)
            assert found == (words.state, words.detail if words.state is VerdictState.UNSURE else "")
            seen.add(found)
            return found

    lines = list(lines_of(ledger(seed, plan.metrics[name].query.shape), name))
    series = RecordedSeries(plan.metrics, stage_numbers(plan), 10.0)
    RowReader("series", series).read(BytesIO("".join(lines).encode()))
    span = Span(series.began or 0.0, series.last, 10.0, {stage: series.start(stage) for stage in series.starts})
    list(Compared(plan.metrics[name], stage_exposures(plan), span, 10.0).changes(series.ticks(name)))
    assert len(seen) >= 3


ROW = st.tuples(
    st.integers(0, 40), st.sampled_from(["canary", "baseline"]), st.sampled_from(["errors", "slow"]), st.integers(0, 30)
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=80, unique_by=lambda row: row[:3]), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(
    samples: list[tuple[int, str, str, int]], shuffle: random.Random
) -> None:
    lines = [f"{7 * second},{metric},{arm},30,{bad}\n" for second, arm, metric, bad in samples]
    mixed = list(lines)
    shuffle.shuffle(mixed)
    header = "at,metric,arm,total,bad\n"
    for name in ("errors", "slow"):
        first, again = (replayed(PLANNED, [header, *each], name) for each in (lines, mixed))
        assert first[1] == again[1]
        assert first[0].track == again[0].track


@settings(max_examples=60, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=60), st.data())
def test_a_sample_superseded_by_a_later_row_was_never_there(
    samples: list[tuple[int, str, str, int]], data: st.DataObject
) -> None:
    lines = [f"{7 * second},{metric},{arm},30,{bad}\n" for second, arm, metric, bad in samples]
    again = data.draw(st.lists(st.sampled_from(samples), max_size=20))
    wrong = [f"{7 * second},{metric},{arm},30,{(bad + 11) % 31}\n" for second, arm, metric, bad in again]
    header = "at,metric,arm,total,bad\n"
    for name in ("errors", "slow"):
        assert replayed(PLANNED, [header, *wrong, *lines], name)[1] == replayed(PLANNED, [header, *lines], name)[1]


NUMBERS = ["", "0", "1", "50", "-1", "nan", "inf", "1e400", "1e300", "5e-324", "x"]
TIMES = ["1772452800", "2026-03-02T12:00:00Z", "-62135596800", "253402300799", "1e12"]
CELL = st.sampled_from([*NUMBERS, *TIMES])


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            CELL,
            st.sampled_from(["errors", "load", "slow", "other", ""]),
            st.sampled_from(["canary", "baseline", ""]),
            CELL,
            CELL,
            CELL,
            st.sampled_from(["", "smoke", "ten", "full", "else"]),
        ),
        min_size=1,
        max_size=40,
    )
)
def test_whatever_is_left_of_a_broken_file_can_be_judged(cells: list[tuple[str, ...]]) -> None:
    lines = [
        "at,metric,arm,total,bad,value,stage\n",
        "0,errors,canary,5,1,,smoke\n",
        *(",".join(row) + "\n" for row in cells),
    ]
    series = RecordedSeries(PLANNED.metrics, stage_numbers(PLANNED), 10.0)
    reader = RowReader("series", series, lenient=True)
    reader.read(BytesIO("".join(lines).encode()))
    span = Span(series.began or 0.0, series.last, 10.0, {stage: series.start(stage) for stage in series.starts})
    for name, metric in PLANNED.metrics.items():
        counted = replace(metric, query=MetricQuery(name, Shape.GAUGE if name == "load" else Shape.COUNTS))
        replay = Replay(counted, stage_exposures(PLANNED), span, series.spacing_s(name))
        assert all(change.verdict.state is not VerdictState.PASS for change in replay.changes(series.ticks(name)))
