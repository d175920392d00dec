"""The benchmark's own parts: what it plays, the peers' rules as their sources say, dirt that must change nothing."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from tests.bench.cli import JUDGE_PARTS
from tests.bench.judge import absolute, dirty, forecast, gauge, kayenta, latency, own_rate, peers, run, traffic
from tests.bench.judge.cells import Scale, play
from tests.bench.judge.limits import limit_s, oracle_halts
from tests.bench.judge.shares import Delays, Share, seeded_rng, share, span
from tests.bench.judge.tables import GoalResult, share_result
from tests.bench.judge.ticks import Array, Ticks
from tests.bench.judge.worlds import Regime, Weather, World, simulate

TINY = Scale(nulls=40, peer_nulls=20, regressions=20, kayentas=4)


def counts(kc: list[float], nc: float, kb: list[float], nb: float) -> Ticks:
    columns = [np.array([values], dtype=float).T for values in (kc, [nc] * len(kc), kb, [nb] * len(kb))]
    return Ticks(*columns)


def rows(*values: float) -> Array:
    return np.array([values], dtype=float)


# -- figures -----------------------------------------------------------------------------------------------------------


def test_wilsons_interval() -> None:
    low, high = Share(5, 1000).bounds
    assert (low, high) == pytest.approx((0.002137, 0.011650), abs=2e-6)
    assert Share(0, 0).bounds == (0.0, 1.0)


def test_a_goal_within_the_interval_is_not_settled_and_one_beyond_it_is_missed() -> None:
    assert share_result(Share(1, 1000), 0.002) is GoalResult.OK
    assert share_result(Share(3, 1000), 0.002) is GoalResult.OPEN
    assert share_result(Share(30, 1000), 0.002) is GoalResult.MISS


def test_a_delay_counts_from_the_regression_and_never_is_never() -> None:
    found = np.zeros((10, 2), dtype=bool)
    found[6:, 0] = True
    delays = Delays.after(found, from_tick=5)
    assert list(delays.seconds) == [20.0, math.inf]
    assert span(delays.quantile(0.9)) == "never"


def test_the_oracle_takes_what_walds_limit_says() -> None:
    world = World(Regime(2, 0.005), ratio=5.0)
    delays = Delays.after(oracle_halts(simulate(world, 400, seeded_rng(1, "oracle")), world))
    assert float(np.mean(delays.seconds)) == pytest.approx(limit_s(world.regime, 5.0), rel=0.3)


# -- peers -------------------------------------------------------------------------------------------------------------


def test_mann_whitney_does_not_see_rare_errors_on_a_small_canary() -> None:
    # kayenta issue 426: the baseline is all zero, the canary has a few errors; the answer is Pass
    assert not kayenta.is_high(rows(0, 1, 2, 1, 0, 0), rows(0, 0, 0, 0, 0, 0))[0]


def test_mann_whitney_sees_a_lasting_shift() -> None:
    baseline = rows(*(1 + 0.01 * i for i in range(30)))
    assert kayenta.is_high(baseline + 1, baseline)[0]
    assert not kayenta.is_high(baseline, baseline)[0]


def test_flaggers_counter_is_cumulative_and_a_good_minute_forgives_nothing() -> None:
    bad = [10.0 if tick // 6 % 2 == 0 else 0.0 for tick in range(360)]
    halts = peers.flagger(counts(bad, 100, [0] * 360, 9900))
    assert halts[:, 0].argmax() == 19 * 6 - 1


def test_argo_fails_with_the_fourth_failure() -> None:
    halts = peers.argo(counts([10.0] * 360, 100, [0] * 360, 9900))
    assert halts[:, 0].argmax() == 4 * 30 - 1


def test_the_count_mixture_is_an_e_process_for_a_fixed_share() -> None:
    ticks = simulate(World(Regime(20, 0.001)), 500, seeded_rng(2, "mixture"))
    assert share(peers.count_mixture(ticks)).part <= 0.02


def test_log_gamma() -> None:
    values = np.array([0.01, 0.5, 1.0, 3.0, 40.0, 1e5])
    assert peers.log_gamma(values) == pytest.approx([math.lgamma(value) for value in values], abs=1e-7, rel=1e-11)


# -- the canary's own rate ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.0005, 0.05, 0.4])
def test_one_tick_about_the_canarys_own_rate_expects_at_most_one(rate: float) -> None:
    n = 60
    k = np.arange(n + 1, dtype=float)
    law = np.ones(1)
    for _ in range(n):
        law = np.append(law, 0) * (1 - rate) + np.insert(law, 0, 0) * rate
    each = Ticks(k[None], np.full((1, n + 1), float(n)), np.zeros((1, n + 1)), np.zeros((1, n + 1)))
    phi = np.ones((1, n + 1))
    for evidence in (absolute.below_evidence(each, phi, rate), absolute.ceiling_evidence(each, phi, rate)):
        assert float((law * evidence[0]).sum()) <= 1 + 1e-9


def test_the_rule_of_four() -> None:
    quiet = counts([0.0] * 200, 20, [0.0] * 200, 1980)
    below = absolute.below_evidence(quiet, np.ones((200, 1)), 0.001)
    assert int((below[:, 0] >= 20).argmax() + 1) * 20 == pytest.approx(3900, abs=100)


# -- dirt --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["clean", "samples 30 s late", "20 % doubled timestamps"])
def test_dirt_that_loses_nothing_changes_nothing(kind: str) -> None:
    ticks = simulate(World(Regime(20, 0.005)), 3, seeded_rng(3, kind))
    spoiled, usable = dirty.spoil_ticks(ticks, dirty.KINDS[kind][0], seeded_rng(4, kind))
    assert usable.all()
    assert np.array_equal(spoiled.kc, ticks.kc) and np.array_equal(spoiled.nb, ticks.nb)


def test_a_reset_loses_at_most_what_was_counted_before_it_within_its_tick() -> None:
    ticks = simulate(World(Regime(20, 0.005)), 5, seeded_rng(5, "reset"))
    spoiled, usable = dirty.spoil_ticks(ticks, dirty.reset_counters, seeded_rng(6, "reset"))
    assert usable.mean() > 0.99
    assert (spoiled.nc <= ticks.nc).all()
    assert ((spoiled.nc < ticks.nc).sum(axis=0) >= 7).all()


def test_a_tick_with_a_missing_arm_does_not_count_and_its_events_come_with_the_next() -> None:
    ticks = simulate(World(Regime(20, 0.005)), 5, seeded_rng(7, "gaps"))
    spoiled, usable = dirty.spoil_ticks(ticks, dirty.drop_canary_ticks, seeded_rng(8, "gaps"))
    assert 0.85 < usable.mean() < 0.95
    until = [int(np.flatnonzero(usable[:, stage])[-1]) + 1 for stage in range(5)]
    for stage, end in enumerate(until):
        assert spoiled.nc[:end, stage].sum() == ticks.nc[:end, stage].sum()


# -- parts -------------------------------------------------------------------------------------------------------------


def test_a_forecast_from_the_state_is_no_less_than_two_ticks_and_finite_where_errors_flow() -> None:
    (part,) = play(World(Regime(20, 0.005), ratio=5.0, from_tick=60), 20, 1, "test")
    said = forecast.projected(part, 60)
    assert (said >= 20).all() and (said < 3600).all()


def test_gauges_and_latency_hold_healthy_canaries_harmless_and_find_large_shifts() -> None:
    assert share(gauge.fails(gauge.simulate(60.0, 1.0, 0, 60, 1))).part <= 0.05
    assert share(gauge.fails(gauge.simulate(10.0, 1.49, 0, 30, 1))).part >= 0.9
    assert share(latency.fails(20.0, 1.0, 60, 1)).part <= 0.05
    assert share(latency.fails(20.0, 1.5, 30, 1)).part >= 0.95


def test_a_share_is_held_only_when_three_blocks_on_end_are_wrong() -> None:
    canary, both = traffic.requests(5.0, 0.5, False, 20, 1)
    found = Delays.after(traffic.mismatches(canary, both), traffic.HALF)
    assert 60 < found.median <= 180
    assert not traffic.mismatches(*traffic.requests(5.0, 1.0, False, 20, 1)).any()


def test_a_negligible_excess_does_not_fail() -> None:
    findings = own_rate.run(TINY, 1)
    small = next(goal for goal in findings.goals if "must not fail" in goal.name)
    assert small.result is GoalResult.OK


def test_every_part_can_be_asked_for_alone() -> None:
    assert tuple(run.PARTS) == JUDGE_PARTS


def test_the_page_says_how_it_was_made_and_lists_every_goal(tmp_path: Path) -> None:
    report = run.run(7, quick=True, only="real")
    page = report.markdown("2026-01-02")
    assert "python -m tests.bench judge --quick --seed 7 --write" in page and "2026-01-02" in page
    assert all(goal.name in page for goal in report.findings.goals)
    assert report.missed == []


def test_weather_does_what_it_says() -> None:
    incident = simulate(World(Regime(100, 0.02), Weather.INCIDENT), 20, seeded_rng(9, "weather"))
    per_tick = incident.kb / incident.nb
    assert np.allclose((per_tick > 0.08).sum(axis=0), 60, atol=2)
