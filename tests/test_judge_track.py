"""A metric's track: its word, the latch, dirty ticks, stages, the absolute paths; streaming is batch is replay."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import Counts, Gauge, Reading, Sample, Shape
from console.judge.absolute import Ceiling, Floor
from console.judge.counts import CountsTrack
from console.judge.gauges import GaugeTrack, spread_before
from console.judge.mixture import PLENTY
from console.judge.policy import MetricPolicy
from console.judge.track import MetricWord, Track
from tests.judge_rig import NOON, reading, readings, stream, tracked

HEALTHY = readings(stream(1, 120, bad=0.01))
WORSE = readings(stream(2, 60, bad=0.01, ratio=6.0))


def words(ticks: list[Reading], terms: MetricPolicy | None = None, *, alone: bool = False) -> list[MetricWord]:
    """The word after each tick."""
    track, found = Track.begin(terms or MetricPolicy(), (), 1), []
    for tick in ticks:
        track = track.after(tick, 1, alone=alone)
        found.append(track.word())
    return found


def test_a_healthy_canary_warms_up_and_passes() -> None:
    said = words(HEALTHY)
    assert said[:5] == [MetricWord.WARMING_UP] * 5
    assert said[-1] is MetricWord.PASS
    assert MetricWord.FAIL not in said


def test_nothing_passes_before_a_dozen_ticks() -> None:
    assert MetricWord.PASS not in words(readings([(0, 10_000, 5, 90_000)] * 11))
    assert words(readings([(0, 10_000, 5, 90_000)] * 12))[-1] is MetricWord.PASS


def test_a_worse_canary_fails_and_stays_failed() -> None:
    said = words([*WORSE, *[replace(tick, at=tick.at + timedelta(hours=1)) for tick in HEALTHY]])
    first = said.index(MetricWord.FAIL)
    assert set(said[first:]) == {MetricWord.FAIL}
    assert MetricWord.WARN in said[:first] or first < 6


def test_a_failed_track_remembers_when_and_its_peak() -> None:
    track = tracked(WORSE)
    assert track.latch.failed_at is not None and track.latch.by == "worse"
    assert track.latch.peak >= 100.0


def test_an_override_lets_a_fail_go_until_the_evidence_has_doubled() -> None:
    track = Track.begin(MetricPolicy(), (), 1)
    fails = 0
    for tick in WORSE:
        track = track.after(tick, 1)
        if track.word() is MetricWord.FAIL:
            fails += 1
            stood = track.evidence.worse
            track = track.after_override()
            assert track.word() is not MetricWord.FAIL
            assert track.latch.acknowledged >= 0.999 * min(stood, PLENTY)
    assert fails >= 2


DEAD = readings([(100, 100, 5, 900)] * 60)
"""Nothing works any more: the evidence is at its clamp after a few ticks."""


def test_a_fail_beyond_all_measure_comes_back_after_an_override_while_it_lasts() -> None:
    track = tracked(DEAD[:40])
    assert track.evidence.worse > 1e14
    track = track.after_override()
    assert track.word() is MetricWord.WARN
    for tick in DEAD[40:43]:
        track = track.after(tick, 1)
    assert track.word() is MetricWord.FAIL


def test_a_fail_beyond_all_measure_comes_back_in_the_next_stage_while_it_lasts() -> None:
    track = tracked(DEAD[:40])
    for tick in DEAD[40:43]:
        track = track.after(tick, 2)
    assert track.word() is MetricWord.FAIL


def test_an_override_of_worse_than_the_baseline_is_none_of_the_limit() -> None:
    track = tracked(WORSE, MetricPolicy(limit=0.5))
    assert track.latch.by == "worse" and track.evidence.worse > 1e4
    track = track.after_override()
    for tick in readings([(100, 100, 9, 900)] * 200)[-6:]:
        track = track.after(tick, 1)
    assert track.latch.by == "limit"


def test_a_fail_against_the_baseline_becomes_one_of_the_limit_once_that_is_broken() -> None:
    ticks = readings([(20, 100, 90, 900)] * 30 + [(60, 100, 90, 900)] * 30)
    worse, broken = tracked(ticks[:30], MetricPolicy(limit=0.3)), tracked(ticks, MetricPolicy(limit=0.3))
    assert (worse.latch.by, broken.latch.by) == ("worse", "limit")
    assert broken.latch.failed_at == worse.latch.failed_at and broken.latch.peak == broken.evidence.limit


def test_a_gauge_above_its_limit_fails_again_after_an_override_while_it_lasts() -> None:
    hot = [reading(number, Gauge(90.0), Gauge(90.0)) for number in range(10)]
    track = tracked(hot[:5], MetricPolicy(Shape.GAUGE, limit=80.0)).after_override()
    assert track.word() is MetricWord.WARN
    for tick in hot[5:8]:
        track = track.after(tick, 1)
    assert track.word() is MetricWord.FAIL


def test_a_new_stage_lets_a_fail_go_in_the_same_way() -> None:
    track = tracked(WORSE)
    calm = reading(200, Counts(100, 1), Counts(900, 9))
    after = track.after(calm, 2)
    assert after.latch.failed_at is None and after.latch.acknowledged >= 100.0
    assert (after.ticks, after.stage) == (1, 2)


def test_an_excess_too_small_to_matter_is_no_fail() -> None:
    tiny = readings([(6, 100_000, 9, 900_000)] * 60)
    assert words(tiny)[-1] is MetricWord.WARN
    assert words(tiny, MetricPolicy(min_excess=0.0))[-1] is MetricWord.FAIL


def test_a_regression_within_the_tolerance_is_no_fail() -> None:
    near = readings([(12, 1000, 90, 9000)] * 1500)
    assert MetricWord.FAIL not in words(near)
    assert words(near, MetricPolicy(tolerance=1.0))[-1] is MetricWord.FAIL


def test_without_any_errors_a_canary_passes_once_its_share_is_shown_to_be_negligible() -> None:
    few = readings([(0, 100, 0, 900)] * 30)
    assert words(few)[-1] is MetricWord.WARMING_UP
    many = readings([(0, 500, 0, 4500)] * 30)
    said = words(many)
    assert said[-1] is MetricWord.PASS and said.index(MetricWord.PASS) >= 11
    assert tracked(many).evidence.passes_by == "negligible"
    assert words(many, MetricPolicy(negligible=0.0))[-1] is MetricWord.WARMING_UP


def test_above_its_own_ceiling_a_canary_fails_whatever_the_baseline_does() -> None:
    both_bad = readings([(30, 100, 270, 900)] * 20)
    assert words(both_bad, MetricPolicy(limit=0.05))[-1] is MetricWord.FAIL
    assert tracked(both_bad, MetricPolicy(limit=0.05)).latch.by == "limit"
    assert MetricWord.FAIL not in words(both_bad)


def test_one_tick_alone_never_convicts() -> None:
    assert words(readings([(1000, 1000, 0, 9000)]))[-1] is not MetricWord.FAIL
    assert words(readings([(1000, 1000, 0, 9000)] * 2))[-1] is MetricWord.FAIL
    assert words(readings([(900, 1000, 0, 9000)]), MetricPolicy(limit=0.01))[-1] is not MetricWord.FAIL


def test_a_canary_at_its_ceiling_as_seen_does_not_pass() -> None:
    at_it = readings([(6, 100, 54, 900)] * 60)
    said = words(at_it, MetricPolicy(limit=0.05))
    assert MetricWord.PASS not in said


def test_alone_only_the_ceiling_and_the_negligible_share_speak() -> None:
    calm = [reading(number, Counts(10_000, 100), None) for number in range(20)]
    assert words(calm, alone=True)[-1] is MetricWord.WATCHING
    assert words(calm, MetricPolicy(limit=0.05), alone=True)[-1] is MetricWord.PASS
    assert words(calm, MetricPolicy(limit=0.005), alone=True)[-1] is MetricWord.FAIL
    clean = [reading(number, Counts(10_000, 0), None) for number in range(20)]
    assert words(clean, alone=True)[-1] is MetricWord.PASS


def test_alone_and_worse_than_the_hour_before_warns_and_never_fails() -> None:
    history = readings(stream(4, 360, bad=0.01))
    alone = [reading(1000 + number, Counts(1000, 40), None) for number in range(40)]
    track = tracked(alone, history=history, alone=True)
    assert track.word() is MetricWord.WARN


def test_a_tick_in_which_only_one_arm_spoke_does_not_count() -> None:
    gappy = [
        reading(0, Counts(100, 90), None),
        reading(1, None, Counts(900, 9)),
        reading(2, Counts(100, 1), Counts(900, 9)),
    ]
    track = tracked(gappy)
    assert isinstance(track.model, CountsTrack)
    assert (track.model.n, track.ticks, track.dirty) == (100, 1, 0)


@pytest.mark.parametrize(
    "dirty",
    [Counts(10, 11), Counts(-1, 0), Counts(10, -1), Counts(math.nan, 0), Counts(math.inf, 1), Counts(1e308, 1e307)],
)
def test_a_sample_that_cannot_be_counted_is_dropped_and_told(dirty: Sample) -> None:
    track = tracked([*HEALTHY, reading(500, dirty, Counts(900, 9))])
    assert track.dirty == 1
    assert track.model == tracked(HEALTHY).model


def test_dropping_a_tick_is_as_if_it_had_never_been() -> None:
    with_gap = [*HEALTHY[:50], replace(HEALTHY[50], canary=None), *HEALTHY[51:]]
    without = [*HEALTHY[:50], *HEALTHY[51:]]
    assert tracked(with_gap).model == tracked(without).model


def test_lower_is_worse_with_the_arms_exchanged() -> None:
    fewer = readings([(10, 1000, 270, 9000)] * 40)
    assert words(fewer, MetricPolicy(falling=True, negligible=0.0))[-1] is MetricWord.FAIL
    assert MetricWord.FAIL not in words(fewer)
    same = readings([(30, 1000, 270, 9000)] * 80)
    assert words(same, MetricPolicy(falling=True, negligible=0.0))[-1] is MetricWord.PASS


counted = st.tuples(st.integers(1, 3000), st.floats(0, 1)).map(
    lambda pair: Counts(float(pair[0]), float(int(pair[0] * pair[1])))
)
sample = st.one_of(st.none(), counted, counted, counted)


@given(st.lists(st.tuples(sample, sample), max_size=60), st.integers(0, 60), st.integers(0, 60))
def test_streaming_batch_and_replay_agree_bit_for_bit(
    pairs: list[tuple[Counts | None, Counts | None]], cut: int, stage: int
) -> None:
    ledger = [reading(number, one, other) for number, (one, other) in enumerate(pairs)]

    def run(track: Track, part: list[Reading]) -> Track:
        for tick in part:
            number = (tick.at - NOON).total_seconds() / 10
            track = track.after(tick, 1 if number < stage else 2)
        return track

    batch = run(Track.begin(MetricPolicy(), (), 1), ledger)
    first = run(Track.begin(MetricPolicy(), (), 1), ledger[:cut])
    assert run(first, ledger[cut:]) == batch
    assert run(Track.begin(MetricPolicy(), (), 1), list(ledger)) == batch


@given(st.lists(st.tuples(sample, sample), max_size=80))
def test_no_ledger_raises_and_no_evidence_is_lost_to_nan(pairs: list[tuple[Counts | None, Counts | None]]) -> None:
    track = tracked([reading(n, one, other) for n, (one, other) in enumerate(pairs)], MetricPolicy(limit=0.02))
    assert math.isfinite(track.evidence.worse) and math.isfinite(track.evidence.ready)
    assert track.word() in MetricWord


@pytest.mark.parametrize("rate", [0.001, 0.05, 0.3])
def test_the_ceilings_evidence_is_one_at_most_on_average_at_the_ceiling(rate: float) -> None:
    n = 40
    law = [math.comb(n, k) * rate**k * (1 - rate) ** (n - k) for k in range(n + 1)]
    over = sum(chance * Ceiling(rate).after(k, n, 1.0).evidence for k, chance in enumerate(law))
    under = sum(chance * Floor(rate).after(k, n, 1.0).evidence for k, chance in enumerate(law))
    assert over <= 1.0 + 1e-9 and under <= 1.0 + 1e-9


# -- gauges ----------------------------------------------------------------------------------------------------------

GAUGE = MetricPolicy(Shape.GAUGE, tolerance=1.1, min_excess=0.0)


def gauges(canary: list[float], baseline: list[float] | None = None) -> list[Reading]:
    others = [None] * len(canary) if baseline is None else [Gauge(value) for value in baseline]
    return [reading(n, Gauge(one), other) for n, (one, other) in enumerate(zip(canary, others, strict=True))]


def wobble(level: float, ticks: int, seed: int = 1) -> list[float]:
    import random

    draw = random.Random(seed)
    return [level * math.exp(draw.gauss(0.0, 0.05)) for _ in range(ticks)]


def test_a_gauge_like_its_baseline_passes_and_one_twice_as_high_fails() -> None:
    assert words(gauges(wobble(1.0, 120), wobble(1.0, 120, 2)), GAUGE)[-1] is MetricWord.PASS
    assert words(gauges(wobble(2.0, 120), wobble(1.0, 120, 2)), GAUGE)[-1] is MetricWord.FAIL


def test_a_gauge_within_its_tolerance_does_not_fail() -> None:
    assert MetricWord.FAIL not in words(gauges(wobble(1.08, 360), wobble(1.0, 360, 2)), GAUGE)


def test_a_gauge_fails_above_its_limit_only_after_three_ticks_in_a_row() -> None:
    limited = MetricPolicy(Shape.GAUGE, tolerance=1.1, min_excess=0.0, limit=2.0)
    assert MetricWord.FAIL in words(gauges([1.0] * 12 + [3.0] * 3, [1.0] * 15), limited)
    assert MetricWord.FAIL not in words(gauges([1.0] * 13 + [3.0] * 2, [1.0] * 15), limited)


def test_a_gauge_that_is_just_above_its_limit_does_not_pass_alone_either() -> None:
    limited = MetricPolicy(Shape.GAUGE, tolerance=1.1, min_excess=0.0, limit=2.0)
    assert words(gauges([1.0] * 12 + [3.0]), limited, alone=True)[-1] is MetricWord.WARN
    assert words(gauges([1.0] * 12), limited, alone=True)[-1] is MetricWord.PASS
    assert words(gauges([1.0] * 40), GAUGE, alone=True)[-1] is MetricWord.WATCHING


def test_a_gauge_that_can_be_nothing_is_compared_by_its_plain_difference() -> None:
    plain = MetricPolicy(Shape.GAUGE, tolerance=1.1, min_excess=5.0)
    queue = [float(number % 3) for number in range(120)]
    assert words(gauges([value + 40 for value in queue], queue), plain)[-1] is MetricWord.FAIL
    assert MetricWord.FAIL not in words(gauges([value + 1 for value in queue], queue), plain)


def test_a_ratio_of_nothing_is_a_gap_for_a_gauge_compared_by_ratio() -> None:
    assert tracked(gauges([1.0] * 20, [0.0] * 20), GAUGE).ticks == 0


def test_single_instances_of_the_history_tell_a_gauges_spread() -> None:
    noise = [wobble(1.0, 720, seed) for seed in range(4)]
    history = [Gauge(sum(values) / 4, values) for values in zip(*noise, strict=True)]
    spread = spread_before(history, plain=False)
    assert spread.length == 6 and spread.sd is not None and 0.015 < spread.sd < 0.06
    track = GaugeTrack.begin(GAUGE, history)
    assert track.spread == spread


def test_an_instance_that_remembers_gets_longer_blocks() -> None:
    slow, value = [], 0.0
    for step in wobble(1.0, 1440, 9):
        value = 0.95 * value + math.log(step)
        slow.append(math.exp(value))
    history = [Gauge(1.0, (one, 1.0)) for one in slow]
    assert spread_before(history, plain=False).length > 6
