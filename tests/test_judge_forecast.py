"""Forecasts: monotone, in line with what the engine then does, and never a promise that cannot be kept."""

from __future__ import annotations

import math
from statistics import median

import pytest

from console.judge.forecast import (
    Flow,
    projected_evidence,
    seconds_to_find,
    seconds_to_pass,
    smallest_found,
    weight_to_find,
)
from console.judge.latch import FAIL_AT, NOT_TRIVIAL, READY
from console.judge.mixture import Mixture
from console.judge.split import Split
from tests.judge_rig import stream


def found_after(flow: Flow, ratio: float, seed: int) -> float:
    """Seconds until the engine calls it, on a random stream."""
    split = Split.begin(phi=flow.phi)
    ticks = stream(seed, 400, canary=flow.canary * 10, baseline=flow.baseline * 10, bad=flow.bad, ratio=ratio)
    for number, (kc, nc, kb, nb) in enumerate(ticks, start=1):
        split = split.after(10.0 * number, kc, nc, kb, nb)
        if split.worse.evidence >= FAIL_AT and split.trivial.evidence >= NOT_TRIVIAL:
            return 10.0 * number
    return math.inf


@pytest.mark.parametrize(
    ("canary", "baseline", "bad", "ratio"), [(5, 95, 0.005, 5), (20, 180, 0.005, 3), (10, 30, 0.01, 4)]
)
def test_what_is_said_is_what_it_takes(canary: float, baseline: float, bad: float, ratio: float) -> None:
    flow = Flow(canary, baseline, bad, phi=1.0)
    said = seconds_to_find(flow, ratio)
    got = median(found_after(flow, ratio, seed) for seed in range(40))
    assert abs(said - got) <= max(0.35 * got, 20.0)


FLOW = Flow(4, 396, 0.004)


def test_a_larger_regression_is_found_sooner_and_more_traffic_finds_it_sooner() -> None:
    times = [seconds_to_find(FLOW, ratio) for ratio in (2, 3, 5, 20)]
    assert times == sorted(times, reverse=True) and times[-1] < times[0]
    assert seconds_to_find(FLOW.at_weight(0.05), 2) < seconds_to_find(FLOW.at_weight(0.01), 2)


def test_the_smallest_ratio_found_is_found_and_a_little_less_is_not() -> None:
    smallest = smallest_found(FLOW, 600)
    assert smallest is not None
    assert seconds_to_find(FLOW, smallest * 1.01) <= 600 < seconds_to_find(FLOW, smallest * 0.9)


def test_the_weight_asked_for_is_enough_and_the_next_smaller_is_not() -> None:
    weight = weight_to_find(FLOW, 2, 600)
    assert weight is not None and weight >= 0.02
    assert seconds_to_find(FLOW.at_weight(weight), 2) <= 600 < seconds_to_find(FLOW.at_weight(weight - 0.01), 2)


def test_what_is_never_called_takes_for_ever() -> None:
    assert math.isinf(seconds_to_find(FLOW, 1.2))
    assert math.isinf(seconds_to_find(Flow(4, 396, 0.0), 2))
    assert math.isinf(seconds_to_find(Flow(4, 396, 0.0001), 2, min_excess=0.0005))
    assert math.isinf(seconds_to_find(Flow(0, 400, 0.01), 2))
    assert math.isinf(seconds_to_find(Flow(400, 0, 0.01), 2))
    assert math.isinf(seconds_to_find(Flow(4, 396, 0.6), 2))
    assert smallest_found(Flow(0.001, 0.1, 0.00001), 60) is None
    assert weight_to_find(Flow(0.001, 0.1, 0.00001), 2, 60) is None


def test_total_failure_takes_two_ticks_at_least() -> None:
    assert seconds_to_find(Flow(1000, 9000, 0.001), 900) == 20.0


def test_a_projection_of_no_ticks_is_what_stands() -> None:
    mixture = Mixture((0.3, 2.0), expected=5.0)
    assert projected_evidence(mixture, [0.1, -0.1], 0.5, 0.0) == pytest.approx(mixture.evidence)


def test_a_projection_of_one_tick_is_about_what_the_engine_makes_of_it() -> None:
    mixture = Mixture((0.3, 2.0), expected=5.0)
    assert projected_evidence(mixture, [0.2, -0.1], 0.5, 1.0) == pytest.approx(
        mixture.after([0.2, -0.1], 0.5).evidence, rel=0.01
    )


def test_evidence_that_stands_already_shortens_the_wait() -> None:
    split = Split.begin(phi=1.0)
    for number, (kc, nc, kb, nb) in enumerate(stream(1, 6, canary=40, baseline=3960, bad=0.004, ratio=6.0)):
        split = split.after(10.0 * number, kc, nc, kb, nb)
    ahead = Flow(4, 396, 0.004, phi=1.0, worse=split.worse, trivial=split.trivial)
    assert split.worse.evidence > 1.0
    assert seconds_to_find(ahead, 6) < seconds_to_find(ahead.without_evidence, 6)


def test_a_healthy_canary_is_told_when_it_may_pass() -> None:
    said = seconds_to_pass(Flow(20, 180, 0.005, phi=1.0), worse_by=2.0, negligible=0.0)
    passed = []
    for seed in range(40):
        split = Split.begin(phi=1.0)
        for number, (kc, nc, kb, nb) in enumerate(stream(seed, 300, canary=200, baseline=1800, bad=0.005), start=1):
            split = split.after(10.0 * number, kc, nc, kb, nb)
            if split.better.evidence >= READY:
                break
        passed.append(10.0 * number)
    assert abs(said - median(passed)) <= 0.4 * median(passed)


def test_without_errors_a_pass_comes_by_the_negligible_share_alone() -> None:
    assert math.isinf(seconds_to_pass(Flow(20, 180, 0.0), worse_by=2.0, negligible=0.0))
    by_share = seconds_to_pass(Flow(20, 180, 0.0, phi=1.0), worse_by=2.0, negligible=0.0005)
    assert 300 < by_share < 700
