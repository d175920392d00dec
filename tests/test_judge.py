"""Verdicts: the intervals against known exact values, the two rules, and what comes before every rule."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import Counts, Gauge, MetricQuery, MetricReply, Reading, Sample, Shape
from console.events.evidence import Verb
from console.events.kinds import SourceRead
from console.judge.counts import judge_counts, totals
from console.judge.gauges import judge_gauge
from console.judge.interval import incomplete_beta, ratio_interval, share_interval
from console.judge.rule import Circumstances, judge
from console.judge.verdict import Verdict, VerdictState
from console.plan.nouns import Metric
from console.state.gates import why_not
from tests.rollout_rig import Story

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ERRORS = Metric(MetricQuery("errors", Shape.COUNTS), "prom")
CPU = Metric(MetricQuery("cpu", Shape.GAUGE), "prom")
PASS, FAIL, UNSURE = VerdictState.PASS, VerdictState.FAIL, VerdictState.UNSURE
STALE, NO_DATA = VerdictState.STALE, VerdictState.NO_DATA
FLOWING = Circumstances(NOON, exposed=True, alone=False, canary_at=NOON, baseline_at=NOON)


def ticks(canary: list[Sample | None], baseline: list[Sample | None]) -> list[Reading]:
    return [
        Reading(NOON + timedelta(seconds=10 * number), one, other)
        for number, (one, other) in enumerate(zip(canary, baseline, strict=True))
    ]


def said(
    bad: float, n: float, base_bad: float, base_n: float, metric: Metric = ERRORS, least: int = 0, alone: bool = False
) -> Verdict:
    """The counts rule on one tick."""
    readings = ticks([Counts(n, bad)], [None if alone else Counts(base_n, base_bad)])
    return judge_counts(metric, readings, min_requests=least, alone=alone)


def level(canary: list[float], baseline: list[float] | None = None, metric: Metric = CPU) -> Verdict:
    """The gauge rule; no baseline: the canary is alone."""
    others: list[Sample | None] = [None] * len(canary) if baseline is None else [Gauge(value) for value in baseline]
    return judge_gauge(metric, ticks([Gauge(value) for value in canary], others), alone=baseline is None)


# The closed forms: k = 0 gives 1 - (alpha/2)^(1/n), k = n its mirror; I_x(1, 1) = x; the others by symmetry.
@pytest.mark.parametrize("n", [1, 2, 10, 300, 100_000])
def test_nothing_of_n_has_the_closed_form_of_clopper_and_pearson(n: int) -> None:
    low, high = share_interval(0, n)
    assert low == 0.0 and high == pytest.approx(1 - 0.005 ** (1 / n), rel=1e-7)
    low, high = share_interval(n, n)
    assert low == pytest.approx(0.005 ** (1 / n), rel=1e-7) and high == 1.0


@pytest.mark.parametrize(("k", "n"), [(1, 10), (5, 10), (3, 50), (17, 120), (50, 900)])
def test_the_ends_of_the_interval_have_half_a_percent_of_the_binomial_beyond_them(k: int, n: int) -> None:
    low, high = share_interval(k, n)

    def at_most(x: int, p: float) -> float:
        return math.fsum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(x + 1))

    assert 1 - at_most(k - 1, low) == pytest.approx(0.005, rel=1e-6)
    assert at_most(k, high) == pytest.approx(0.005, rel=1e-6)


def test_published_clopper_pearson_limits_are_met() -> None:
    """99 % limits of 0 of 10 and of 5 of 10 as tables print them."""
    assert share_interval(0, 10)[1] == pytest.approx(0.4113, abs=5e-5)
    low, high = share_interval(5, 10)
    assert low == pytest.approx(0.1283, abs=5e-5) and high == pytest.approx(0.8717, abs=5e-5)


@given(st.floats(0.01, 200), st.floats(0.01, 200), st.floats(0.001, 0.999))
def test_the_incomplete_beta_function_is_its_own_mirror(a: float, b: float, x: float) -> None:
    assert incomplete_beta(a, b, x) == pytest.approx(1 - incomplete_beta(b, a, 1 - x), abs=1e-9)


counted = st.integers(1, 20_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counted)
def test_an_interval_contains_its_share(seen: tuple[int, int]) -> None:
    k, n = seen
    low, high = share_interval(k, n)
    assert 0 <= low <= k / n <= high <= 1


@given(counted)
def test_one_more_bad_event_moves_both_ends_up(seen: tuple[int, int]) -> None:
    k, n = seen
    low, high = share_interval(k, n)
    above_low, above_high = share_interval(min(k + 1, n), n)
    assert above_low >= low - 1e-12 and above_high >= high - 1e-12


@given(counted)
def test_the_share_of_good_events_is_the_mirror_of_that_of_bad_ones(seen: tuple[int, int]) -> None:
    k, n = seen
    low, high = share_interval(k, n)
    other_low, other_high = share_interval(n - k, n)
    assert other_low == pytest.approx(1 - high, abs=1e-7)
    assert other_high == pytest.approx(1 - low, abs=1e-7)


@pytest.mark.parametrize(("k", "n"), [(12, 10), (-1, 10), (10.2, 10.1)])
def test_counts_outside_their_total_count_as_its_nearer_end(k: float, n: float) -> None:
    assert share_interval(k, n) == share_interval(min(max(k, 0.0), n), n)


def test_nothing_seen_excludes_nothing() -> None:
    assert share_interval(0, 0) == (0.0, 1.0)
    assert ratio_interval(0, 100, 0, 100) == ratio_interval(1, 0, 5, 100) == (0.0, math.inf)


arms = st.tuples(st.integers(0, 500), st.integers(500, 5000), st.integers(0, 500), st.integers(500, 5000))


@given(arms)
def test_swapping_the_arms_mirrors_the_ratios_interval(seen: tuple[int, int, int, int]) -> None:
    bad_c, n_c, bad_b, n_b = seen
    low, high = ratio_interval(bad_c, n_c, bad_b, n_b)
    other_low, other_high = ratio_interval(bad_b, n_b, bad_c, n_c)
    assert low == pytest.approx(0.0 if math.isinf(other_high) else 1 / other_high, rel=1e-5)
    assert high == pytest.approx(math.inf if other_low == 0 else 1 / other_low, rel=1e-5)


@given(arms)
def test_the_ratios_interval_contains_the_ratio(seen: tuple[int, int, int, int]) -> None:
    bad_c, n_c, bad_b, n_b = seen
    low, high = ratio_interval(bad_c, n_c, bad_b, n_b)
    ratio = (bad_c / n_c) / (bad_b / n_b) if bad_b else math.inf
    assert low * 0.999999 <= ratio or bad_c == 0
    assert high >= ratio * 0.999999 or bad_c == bad_b == 0


@given(arms, st.integers(2, 50))
def test_the_ratios_interval_depends_on_the_arms_exposure_only_by_its_ratio(
    seen: tuple[int, int, int, int], times: int
) -> None:
    bad_c, n_c, bad_b, n_b = seen
    low, high = ratio_interval(bad_c, n_c, bad_b, n_b)
    other_low, other_high = ratio_interval(bad_c, n_c * times, bad_b, n_b * times)
    assert other_low == pytest.approx(low) and other_high == pytest.approx(high)


def test_a_clearly_equal_canary_passes() -> None:
    assert said(100, 10_000, 1000, 100_000).state is PASS


def test_no_significant_difference_is_no_pass() -> None:
    verdict = said(1, 100, 10, 1000)
    assert (verdict.ratio, verdict.state) == (1.0, UNSURE)
    assert "cannot exclude 2x yet" in verdict.reason


@given(arms)
def test_a_pass_always_excludes_what_must_be_excluded(seen: tuple[int, int, int, int]) -> None:
    verdict = said(*seen)
    if verdict.state is PASS and verdict.high is not None:
        negligible = share_interval(seen[0], seen[1])[1] < ERRORS.negligible
        assert verdict.high < ERRORS.pass_below or negligible


def test_a_clearly_worse_canary_fails() -> None:
    verdict = said(100, 1000, 100, 10_000)
    assert verdict.state is FAIL and verdict.ratio == pytest.approx(10.0)
    assert verdict.reason.startswith("10x baseline (99 %: ")


def test_worse_within_tolerance_is_no_fail() -> None:
    assert said(1300, 10_000, 10_000, 100_000, replace(ERRORS, tolerance=1.5)).state is not FAIL
    assert said(1300, 10_000, 10_000, 100_000, replace(ERRORS, tolerance=1.1)).state is FAIL


def test_one_bad_event_never_fails_and_a_negligible_share_never_does() -> None:
    assert said(1, 100, 0, 1_000_000).state is not FAIL
    assert said(20, 1_000_000, 1, 10_000_000).state is not FAIL


def test_only_the_canary_having_errors_is_said_in_words() -> None:
    verdict = said(20, 1000, 0, 100_000)
    assert (verdict.state, verdict.ratio) == (FAIL, math.inf)
    assert verdict.reason.startswith("only the canary has errors;")


def test_below_the_wanted_number_of_requests_nothing_passes() -> None:
    assert (said(100, 10_000, 1000, 100_000, least=10_001).reason) == "10000 of 10001 requests"
    assert said(100, 10_000, 1000, 100_000, least=10_000).state is PASS


def test_below_the_wanted_number_of_requests_a_failure_still_fails() -> None:
    assert said(100, 1000, 100, 10_000, least=1_000_000).state is FAIL


def test_above_the_limit_beyond_doubt_fails_whatever_the_baseline_does() -> None:
    limited = replace(ERRORS, limit=0.05)
    assert said(200, 1000, 20_000, 100_000, limited).state is FAIL
    assert said(60, 1000, 6000, 100_000, limited).state is UNSURE
    assert said(40, 1000, 4000, 100_000, limited).state is PASS


def test_zero_errors_pass_only_when_the_share_is_shown_to_be_negligible() -> None:
    assert (said(0, 100, 0, 1000).state, said(0, 100, 0, 1000).reason) == (
        UNSURE,
        "no errors yet; 5.2 % cannot be excluded",
    )
    assert said(0, 100_000, 0, 1000).state is PASS


def test_zero_requests_are_unsure() -> None:
    assert said(0, 0, 10, 1000).reason == "no canary requests in this stage yet"
    assert judge_counts(ERRORS, [], min_requests=0, alone=False).state is UNSURE


def test_a_tick_in_which_only_one_arm_spoke_does_not_count() -> None:
    readings = ticks([Counts(100, 1), Counts(100, 90), None], [Counts(900, 9), None, Counts(900, 900)])
    canary, baseline = totals(readings, alone=False)
    assert (canary.n, canary.bad, baseline.n, baseline.bad) == (100, 1, 900, 9)


def test_alone_every_canary_tick_counts() -> None:
    readings = ticks([Counts(100, 1), Counts(100, 2)], [Counts(900, 9), None])
    assert totals(readings, alone=True)[0].n == 200


def test_alone_a_canary_passes_by_its_limit_or_by_being_negligible_and_else_is_unsure() -> None:
    assert said(100, 10_000, 0, 0, alone=True).reason == "no baseline to compare with at 100 %"
    assert said(100, 10_000, 0, 0, replace(ERRORS, limit=0.05), alone=True).state is PASS
    assert said(1000, 10_000, 0, 0, replace(ERRORS, limit=0.05), alone=True).state is FAIL
    assert said(1, 100_000, 0, 0, alone=True).state is PASS


def test_more_bad_than_total_does_not_raise() -> None:
    assert said(12, 10, 1, 1000).state is FAIL


@given(arms, st.booleans())
def test_more_errors_never_turn_a_failure_into_a_pass(seen: tuple[int, int, int, int], alone: bool) -> None:
    bad_c, n_c, bad_b, n_b = seen
    limited = replace(ERRORS, limit=0.05)
    before = said(bad_c, n_c, bad_b, n_b, limited, alone=alone)
    after = said(min(bad_c + 50, n_c), n_c, bad_b, n_b, limited, alone=alone)
    assert not (before.state is FAIL and after.state is PASS)


def test_a_gauge_is_unsure_before_a_dozen_ticks_with_both_arms() -> None:
    assert level([1.0] * 11, [1.0] * 11).reason == "11 of 12 ticks with both arms"
    assert level([1.0] * 12, [1.0] * 12).state is PASS


def test_a_gauge_far_above_its_baseline_fails_and_a_noisy_one_is_unsure() -> None:
    assert level([3.0, 3.1] * 10, [1.0] * 20).state is FAIL
    assert level([0.1, 4.0] * 10, [1.0] * 20).state is UNSURE


def test_a_gauge_fails_above_its_limit_only_after_three_ticks_in_a_row() -> None:
    limited = replace(CPU, limit=2.0)
    assert level([1.0] * 12 + [3.0] * 3, [1.0] * 15, limited).state is FAIL
    assert level([1.0] * 13 + [3.0] * 2, [1.0] * 15, limited).state is UNSURE


def test_a_gauge_that_was_just_above_its_limit_does_not_pass_alone_either() -> None:
    limited = replace(CPU, limit=2.0)
    assert level([1.0] * 12 + [3.0], metric=limited).reason == "may be above the limit of 2"
    assert level([1.0] * 12, metric=limited).state is PASS
    assert level([1.0] * 11, metric=limited).state is UNSURE


def test_a_gauge_alone_without_limit_is_unsure() -> None:
    assert level([1.0] * 40).reason == "no baseline to compare with at 100 %"


def test_a_gauge_whose_baseline_is_nothing_has_no_ratio() -> None:
    assert level([1.0] * 20, [0.0] * 20).reason == "0 of 12 ticks with both arms"


def test_no_canary_value_is_unsure() -> None:
    assert judge_gauge(CPU, ticks([None], [Gauge(1)]), alone=False).reason == "no canary value in this stage yet"


HEALTHY = ticks([Counts(10_000, 100)], [Counts(100_000, 1000)])


def at(seconds_ago: float | None) -> datetime | None:
    return None if seconds_ago is None else NOON - timedelta(seconds=seconds_ago)


@pytest.mark.parametrize(
    ("canary", "baseline", "state", "reason"),
    [
        (30, 30, PASS, "below 2x"),
        (31, 31, STALE, "newest sample 31 s old, limit 30 s"),
        (40, 90, STALE, "newest sample 40 s old, limit 30 s"),
        (31, 1, NO_DATA, "canary silent for 31 s, the other arm flows"),
        (1, 31, NO_DATA, "baseline silent for 31 s, the other arm flows"),
        (None, 1, NO_DATA, "canary has no data, the other arm flows"),
        (None, None, NO_DATA, "nothing read yet"),
    ],
)
def test_what_the_ages_of_both_arms_make_of_a_healthy_metric(
    canary: float | None, baseline: float | None, state: VerdictState, reason: str
) -> None:
    verdict = judge(ERRORS, HEALTHY, replace(FLOWING, canary_at=at(canary), baseline_at=at(baseline)))
    assert verdict.state is state
    assert reason in verdict.reason


@pytest.mark.parametrize(
    ("canary", "stage_began", "state"),
    [
        (None, 10, UNSURE),
        (500, 30, UNSURE),
        (None, 31, NO_DATA),
        (31, 40, NO_DATA),
    ],
)
def test_a_canary_has_a_moment_to_say_its_first_word_in_a_stage(
    canary: float | None, stage_began: float, state: VerdictState
) -> None:
    verdict = judge(ERRORS, [], replace(FLOWING, canary_at=at(canary), since=at(stage_began)))
    assert verdict.state is state


def test_alone_only_the_canary_is_watched() -> None:
    alone = replace(FLOWING, alone=True, baseline_at=at(1))
    assert judge(ERRORS, HEALTHY, replace(alone, canary_at=at(90))).reason == "newest sample 90 s old, limit 30 s"
    assert judge(ERRORS, HEALTHY, replace(alone, canary_at=None)).state is NO_DATA
    assert judge(ERRORS, HEALTHY, replace(alone, baseline_at=at(9000))).state is PASS


def test_unexposed_only_the_baseline_is_watched_and_there_is_no_verdict() -> None:
    here = replace(FLOWING, exposed=False, canary_at=None)
    verdict = judge(ERRORS, [], here)
    assert (verdict.state, verdict.idle) == (NO_DATA, True)
    stale = judge(ERRORS, [], replace(here, baseline_at=at(31)))
    assert (stale.state, stale.idle) == (STALE, False)


def test_a_partial_answer_never_passes_and_still_fails() -> None:
    partial = replace(FLOWING, partial="truncated")
    assert judge(ERRORS, HEALTHY, partial).reason == "partial data: truncated"
    bad = ticks([Counts(1000, 100)], [Counts(10_000, 100)])
    assert judge(ERRORS, bad, partial).state is FAIL


def test_a_query_that_fails_is_unsure_and_says_why() -> None:
    verdict = judge(ERRORS, HEALTHY, replace(FLOWING, problem="parse error"))
    assert (verdict.state, verdict.reason) == (UNSURE, "query failed: parse error")


def test_why_a_source_is_silent_is_said() -> None:
    here = replace(FLOWING, canary_at=at(99), baseline_at=at(99), source_fault="connection refused")
    assert judge(ERRORS, HEALTHY, here).reason.endswith("(connection refused)")


def test_the_age_of_a_verdict_is_that_of_the_arm_that_is_behind() -> None:
    assert judge(ERRORS, HEALTHY, replace(FLOWING, canary_at=at(3), baseline_at=at(12))).age_s == 12


def test_a_sample_from_the_future_has_no_negative_age() -> None:
    assert judge(ERRORS, HEALTHY, replace(FLOWING, canary_at=at(-60), baseline_at=at(-60))).age_s == 0


def test_the_wanted_number_of_requests_comes_with_the_circumstances() -> None:
    assert judge(ERRORS, HEALTHY, replace(FLOWING, min_requests=10_001)).state is UNSURE


@pytest.mark.parametrize("n", [1e300, 1e307, 1e308, 5e-324])
def test_absurd_numbers_never_raise_through_an_assessment(n: float) -> None:
    told = Story().open()
    told.promote()
    told.flow(60, bad=n, n=n)
    seen = told.seen
    assert all(entry.verdict is not None for entry in seen.metrics.values())
    assert why_not(seen, Verb.ROLLBACK) is None


def test_a_sample_dated_ahead_does_not_keep_old_data_fresh() -> None:
    told = Story().open()
    told.promote()
    told.flow(20)
    ahead = told.at + timedelta(days=365)
    replies = tuple(MetricReply(name, (), ahead, ahead) for name in told.state.metrics)
    told.tell(SourceRead(at=told.at, source="prom", replies=replies))
    told.wait(60)
    told.tell(SourceRead(at=told.at, source="prom", replies=replies, targets=tuple(told.state.targets)))
    assert told.seen.metrics["errors"].verdict is not None
    assert told.seen.metrics["errors"].verdict.state is STALE
