"""What comes before the evidence, and how a verdict reads: one line for a tired engineer."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from adapters.contract import Counts, MetricQuery, MetricReply, Reading, Shape
from console.events.evidence import Verb
from console.events.kinds import SourceRead
from console.judge.policy import MetricPolicy
from console.judge.rule import verdict
from console.judge.verdict import VerdictState
from console.plan.nouns import Metric
from console.state.gates import why_not
from tests.judge_rig import ERRORS, FLOWING, NOON, reading, readings, stream, tracked
from tests.rollout_rig import Story

PASS, FAIL, UNSURE = VerdictState.PASS, VerdictState.FAIL, VerdictState.UNSURE
STALE, NO_DATA = VerdictState.STALE, VerdictState.NO_DATA
HEALTHY = tracked(readings(stream(1, 120, bad=0.01)))
WORSE = tracked(readings(stream(2, 60, bad=0.01, ratio=6.0)))


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
    said = verdict(ERRORS, HEALTHY, replace(FLOWING, canary_at=at(canary), baseline_at=at(baseline)))
    assert said.state is state
    assert reason in said.reason


HEALTHY_TICKS = stream(1, 120, bad=0.01)


@pytest.mark.parametrize(
    ("idle", "ticks", "state"),
    [((0, 0, 9, 900), 2, PASS), ((0, 0, 9, 900), 3, NO_DATA), ((0, 0, 0, 1), 30, PASS), ((1, 100, 0, 0), 3, NO_DATA)],
)
def test_an_arm_that_gets_none_of_its_requests_is_no_pass_any_more(
    idle: tuple[float, float, float, float], ticks: int, state: VerdictState
) -> None:
    said = verdict(ERRORS, tracked(readings([*HEALTHY_TICKS, *[idle] * ticks])), FLOWING)
    assert said.state is state
    back = verdict(ERRORS, tracked(readings([*HEALTHY_TICKS, *[idle] * ticks, (1, 100, 9, 900)])), FLOWING)
    assert back.state is PASS


def test_who_gets_no_requests_is_said() -> None:
    said = verdict(ERRORS, tracked(readings([*HEALTHY_TICKS, *[(0, 0, 9, 900)] * 4])), FLOWING)
    assert said.reason == "no request to the canary in 40 s, where its share was 395"


def test_no_traffic_at_all_is_nobodys_silence() -> None:
    assert verdict(ERRORS, tracked(readings([*HEALTHY_TICKS, *[(0, 0, 0, 0)] * 60])), FLOWING).state is PASS


def test_arms_that_never_meet_in_a_tick_are_no_pass_any_more() -> None:
    apart = [reading(120 + n, Counts(100, 1) if n % 2 else None, None if n % 2 else Counts(900, 9)) for n in range(5)]
    ticks = readings(HEALTHY_TICKS)
    assert verdict(ERRORS, tracked([*ticks, *apart[:3]]), FLOWING).state is PASS
    said = verdict(ERRORS, tracked([*ticks, *apart]), FLOWING)
    assert (said.state, said.reason) == (NO_DATA, "no tick in 50 s in which the arms could be compared")
    assert verdict(ERRORS, tracked([*ticks, *apart]), replace(FLOWING, stale_after_s=60)).state is PASS


@pytest.mark.parametrize(
    ("canary", "stage_began", "state"), [(None, 10, UNSURE), (500, 30, UNSURE), (None, 31, NO_DATA), (31, 40, NO_DATA)]
)
def test_a_canary_has_a_moment_to_say_its_first_word_in_a_stage(
    canary: float | None, stage_began: float, state: VerdictState
) -> None:
    said = verdict(ERRORS, None, replace(FLOWING, canary_at=at(canary), since=at(stage_began)))
    assert said.state is state


def test_alone_only_the_canary_is_watched() -> None:
    lonely = tracked([reading(n, Counts(10_000, 0), None) for n in range(20)], alone=True)
    alone = replace(FLOWING, alone=True, baseline_at=at(1))
    assert verdict(ERRORS, lonely, replace(alone, canary_at=at(90))).reason == "newest sample 90 s old, limit 30 s"
    assert verdict(ERRORS, lonely, replace(alone, canary_at=None)).state is NO_DATA
    assert verdict(ERRORS, lonely, replace(alone, baseline_at=at(9000))).state is PASS


def test_unexposed_only_the_baseline_is_watched_and_there_is_no_verdict() -> None:
    here = replace(FLOWING, exposed=False, canary_at=None)
    said = verdict(ERRORS, None, here)
    assert (said.state, said.idle) == (NO_DATA, True)
    stale = verdict(ERRORS, None, replace(here, baseline_at=at(31)))
    assert (stale.state, stale.idle) == (STALE, False)


def test_a_latched_fail_outlives_silence_and_says_so() -> None:
    said = verdict(ERRORS, WORSE, replace(FLOWING, canary_at=at(99)))
    assert said.state is FAIL and said.reason.endswith(", now silent")


def test_a_partial_answer_never_passes_and_still_fails() -> None:
    partial = replace(FLOWING, partial="truncated")
    assert verdict(ERRORS, HEALTHY, partial).reason == "partial data: truncated"
    assert verdict(ERRORS, WORSE, partial).state is FAIL


def test_a_query_that_fails_is_unsure_and_says_why() -> None:
    said = verdict(ERRORS, HEALTHY, replace(FLOWING, problem="parse error"))
    assert (said.state, said.reason) == (UNSURE, "query failed: parse error")


def test_why_a_source_is_silent_is_said() -> None:
    here = replace(FLOWING, canary_at=at(99), baseline_at=at(99), source_fault="connection refused")
    assert verdict(ERRORS, HEALTHY, here).reason.endswith("(connection refused)")


def test_the_age_of_a_verdict_is_that_of_the_arm_that_is_behind() -> None:
    assert verdict(ERRORS, HEALTHY, replace(FLOWING, canary_at=at(3), baseline_at=at(12))).age_s == 12


def test_a_sample_from_the_future_has_no_negative_age() -> None:
    assert verdict(ERRORS, HEALTHY, replace(FLOWING, canary_at=at(-60), baseline_at=at(-60))).age_s == 0


def test_below_the_wanted_number_of_requests_nothing_passes_and_a_failure_still_fails() -> None:
    few = verdict(ERRORS, HEALTHY, replace(FLOWING, min_requests=12_001))
    assert few.state is UNSURE and few.reason.endswith("12,000 of 12,001 requests")
    assert verdict(ERRORS, WORSE, replace(FLOWING, min_requests=10**9)).state is FAIL


# -- how it reads ------------------------------------------------------------------------------------------------------


def said_after(ticks: list[Reading], metric: Metric = ERRORS, **here: object) -> str:
    circumstances = replace(FLOWING, **here)  # type: ignore[arg-type]
    return verdict(metric, tracked(ticks, MetricPolicy.of(metric)), circumstances).reason


def test_a_fail_says_ratio_interval_odds_and_since_when() -> None:
    told = verdict(ERRORS, WORSE, FLOWING).reason
    assert re.fullmatch(r"[\d.]+x \([\d.]+-[\d.]+\), >?[\dek.]+:1, since 12:0\dZ", told)


def test_a_fail_that_began_late_tells_what_it_is_since_then_apart_from_the_stages_average() -> None:
    late = [*stream(1, 60, bad=0.01), *stream(2, 20, bad=0.01, ratio=6.0)]
    told = said_after(readings(late))
    assert re.fullmatch(
        r"2\.\dx \([\d.]+-[\d.]+\) over the stage, >?[\dek.]+:1, [4-7]\.\dx since 12:(09|10|11)Z", told
    ), told


def test_a_pass_says_what_was_excluded_and_how_surely() -> None:
    told = verdict(ERRORS, HEALTHY, FLOWING).reason
    assert re.fullmatch(r"[\d.]+x \([\d.]+-[\d.]+\), >?[\dek.]+:1 that it is below 2x", told)


def test_watching_says_when_a_regression_would_show() -> None:
    told = said_after(readings(stream(1, 20, bad=0.01)))
    assert re.fullmatch(r"[\d.]+x \([\d.]+-[\d.]+\), a 2x would show in ~\d+ (s|min)", told)


def test_the_forecast_moves_with_the_traffic() -> None:
    found = [
        re.search(
            r"a 2x would show in ~(\d+) min", said_after(readings([(0.2 * n, 20.0 * n, 1.8 * n, 180.0 * n)] * 20))
        )
        for n in (1, 3)
    ]
    waits = [int(match.group(1)) for match in found if match is not None]
    assert len(waits) == 2 and waits[0] > 2 * waits[1]


def test_warming_up_says_how_far_and_at_which_traffic() -> None:
    assert said_after(readings([(0, 50, 1, 900)] * 3)).startswith("3 of 6 ticks; a 2x would show in ")
    told = said_after(readings([(0, 50, 0.2, 900)] * 12), replace(ERRORS, min_excess=0.0))
    assert re.match(r"0\.3 of ~3 events needed; a 2x would show in ~\d+ .* at 5 req/s", told)


def test_without_any_errors_no_ratio_is_made_up() -> None:
    assert (
        said_after(readings([(0, 50, 0, 900)] * 12)) == "0.0 of ~3 events needed; no errors to compare yet at 5 req/s"
    )


def test_a_stage_whose_time_is_over_says_what_it_would_take() -> None:
    told = said_after(readings(stream(1, 20, bad=0.01)), left_s=0.0)
    assert "cannot exclude 2x; needs ~" in told
    over = verdict(ERRORS, tracked(readings(stream(1, 20, bad=0.01))), replace(FLOWING, left_s=0.0))
    assert (over.state, over.detail) == (UNSURE, "INCONCLUSIVE")


def test_a_limit_that_is_broken_is_what_is_said() -> None:
    limited = replace(ERRORS, limit=0.05)
    told = said_after(readings([(30, 100, 270, 900)] * 20), limited)
    assert re.fullmatch(r"30 % is above the limit of 5 %, >?[\dek.]+:1, since 12:00Z", told)


def test_a_negligible_share_passes_in_those_words() -> None:
    told = said_after(readings([(0, 500, 0, 4500)] * 30))
    assert told.endswith("that it is below 0.05 %")


def test_an_excess_too_small_to_act_upon_is_said() -> None:
    told = said_after(readings([(6, 100_000, 9, 900_000)] * 60))
    assert told.endswith("that it is worse, by less than 0.05 %")


def test_a_falling_usage_is_shown_as_what_the_canary_has_of_the_baseline() -> None:
    orders = Metric(MetricQuery("orders", Shape.COUNTS), "prom", falling=True)
    track = tracked(readings([(10, 1000, 270, 9000)] * 40), MetricPolicy.of(orders))
    said = verdict(orders, track, FLOWING)
    assert said.state is FAIL and said.ratio == pytest.approx(1 / 3)
    assert said.low is not None and said.high is not None and said.low < 1 / 3 < said.high < 1
    assert (said.canary.bad, said.baseline.bad) == (400, 10_800)


def test_errors_of_the_canary_alone_are_said_in_words() -> None:
    told = said_after(readings([(20, 1000, 0, 100_000)] * 10))
    assert told.startswith("only the canary (")


@pytest.mark.parametrize("n", [1e300, 1e307, 1e308, 5e-324, math.inf, math.nan])
def test_absurd_numbers_never_raise_through_an_assessment(n: float) -> None:
    told = Story().open()
    told.promote()
    told.flow(120, bad=n, n=n)
    seen = told.seen
    assert all(entry.verdict is not None for entry in seen.metrics.values())
    assert seen.metrics["errors"].verdict.state is not PASS  # type: ignore[union-attr]
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


def test_the_interval_never_leaves_out_the_ratio_it_stands_beside() -> None:
    """Evidence of a sudden regression is capped tick by tick, so that the interval lags behind the estimate."""
    sudden = readings([*stream(1, 40, bad=0.01), *stream(2, 3, bad=0.01, ratio=20.0)])
    said = verdict(ERRORS, tracked(sudden), FLOWING)
    assert said.ratio is not None and said.high is not None
    assert said.high >= said.ratio


def test_a_fail_says_how_much_worse_it_has_been_since_it_began() -> None:
    sudden = readings([*[(10, 1000, 90, 9000)] * 40, *[(60, 1000, 90, 9000)] * 4])
    said = verdict(ERRORS, tracked(sudden), FLOWING)
    assert said.state is FAIL and said.lately == pytest.approx(6.0)
    assert said.since == NOON + timedelta(seconds=400)
    assert said.brief == f"6.0x since {said.since:%H:%MZ}"
    assert said.ratio == pytest.approx(1.45, rel=0.05)


def test_quiet_ticks_since_a_regression_began_count_as_such() -> None:
    """They lower the rate of both arms, not the ratio."""
    sudden = readings([*[(10, 1000, 90, 9000)] * 40, *[(60, 1000, 90, 9000), (0, 1000, 0, 9000)] * 4])
    assert verdict(ERRORS, tracked(sudden), FLOWING).lately == pytest.approx(6.0)
