"""The longer explanation: keys with their thresholds, inputs, ticks, forecast, what would change the verdict."""

from __future__ import annotations

from dataclasses import replace

from adapters.contract import Buckets, Counts, Gauge, MetricQuery, Reading, Shape
from console.judge.explanation import EvidenceKey, Explanation, explain
from console.judge.policy import MetricPolicy
from console.judge.track import MetricWord, Track
from console.plan.nouns import Metric
from tests.judge_rig import ERRORS, reading, readings, stream, tracked

HEALTHY = readings(stream(1, 120, bad=0.01))
WORSE = readings(stream(2, 60, bad=0.01, ratio=6.0))
SUSPECT = readings([(4, 100, 18, 900)] * 12)
YOUNG = readings(stream(1, 15, bad=0.01))
CPU = Metric(MetricQuery("cpu", Shape.GAUGE), "prom", min_excess=0.0)
SLOW = Metric(MetricQuery("slow", Shape.HISTOGRAM), "prom")


def explained(
    ticks: list[Reading], metric: Metric = ERRORS, *, history: list[Reading] | None = None, alone: bool = False
) -> Explanation:
    track = tracked(ticks, MetricPolicy.of(metric), history or (), alone=alone)
    return explain(metric, track, tick_s=10.0, late=0, over=False)


def keys(told: Explanation) -> dict[str, EvidenceKey]:
    return {key.what: key for key in told.keys}


def test_both_keys_and_the_pass_stand_with_what_they_take() -> None:
    told = [(key.what, key.needed, key.consequence) for key in explained(HEALTHY).keys]
    assert told == [
        ("worse than the baseline", 100.0, "key 1 of a FAIL"),
        ("worse than 1.25x", 5.0, "key 2 of a FAIL"),
        ("below 2x or below 0.05 %", 20.0, "pass"),
    ]


def test_a_key_has_turned_where_its_evidence_suffices() -> None:
    turned = [key.is_met for key in explained(WORSE).keys]
    assert turned == [True, True, False]


def test_where_the_baseline_errs_more_than_what_is_negligible_only_the_ratio_passes() -> None:
    history = [reading(n - 40, None, Counts(900, 9)) for n in range(40)]
    assert "below 2x" in keys(explained(HEALTHY, history=history))


def test_a_limit_is_a_key_of_its_own() -> None:
    limited = replace(ERRORS, limit=0.05)
    assert keys(explained(HEALTHY, limited))["above the limit of 5 %"].consequence == "FAIL"


def test_a_fail_stays_and_says_what_it_takes_after_an_override() -> None:
    told = explained(WORSE)
    assert told.next_change.startswith("stays FAIL, even without data, until the next stage or a recorded")
    assert told.forecast == ()


def test_after_an_override_the_keys_take_twice_what_stood() -> None:
    track = tracked(WORSE, MetricPolicy.of(ERRORS)).after_override()
    told = explain(ERRORS, track, tick_s=10.0, late=0, over=False)
    assert keys(told)["worse than the baseline"].needed == 2.0 * track.evidence.worse


def test_a_warning_says_when_it_would_be_a_fail() -> None:
    track = tracked(SUSPECT, MetricPolicy.of(ERRORS))
    assert track.word() is MetricWord.WARN
    told = explain(ERRORS, track, tick_s=10.0, late=0, over=False).next_change
    assert told.startswith("FAIL once its keys turn, in ~") and told.endswith("; calm again below 5:1")


def test_watching_says_what_a_pass_takes_and_how_long_that_is() -> None:
    told = explained(YOUNG).next_change
    assert told.startswith("pass at 20:1, ") and "if it is like the baseline" in told
    assert "a 2x that began now would be FAIL in ~" in told


def test_warming_up_says_what_the_first_word_takes() -> None:
    assert explained(YOUNG[:2]).next_change == "a first word after 4 more ticks"
    rare = readings([(0, 100, 1, 9900)] * 8)
    assert explained(rare).next_change == "a first word once ~3 events are expected at 2x: 0.2 so far"


def test_a_pass_says_how_soon_a_regression_would_be_found() -> None:
    assert explained(HEALTHY).next_change.startswith(
        "WARN at 10:1 that it is worse; a 2x that began now would be FAIL in ~"
    )


def test_the_forecast_tells_three_sizes_at_the_traffic_seen() -> None:
    line = explained(HEALTHY).forecast[0]
    assert [part for part in ("2x ~", "5x ~", "20x ~", "(at 10 req/s of the canary, ") if part not in line] == []


def test_the_forecast_tells_what_would_have_been_caught_by_now() -> None:
    assert explained(HEALTHY).forecast[1].startswith("would already have caught >= 1.")


def test_an_excess_too_small_to_be_called_is_said_to_be() -> None:
    rare = readings([(1, 10_000, 9, 90_000)] * 30)
    assert "2x below 0.05 % more, never a FAIL" in explained(rare).forecast[0]


def test_without_a_bad_event_of_the_baseline_there_is_no_forecast() -> None:
    assert (
        explained(readings([(0, 100, 0, 900)] * 8)).forecast[0].startswith("none while the baseline has no bad event")
    )


def test_the_inputs_are_the_plans_numbers_and_the_burst_factor() -> None:
    told = "; ".join(explained(HEALTHY).inputs)
    for part in (
        "equal up to 1.25x",
        "a pass excludes 2x",
        "less than 0.05 % more is no FAIL",
        "below 0.05 % nothing matters",
        "burst factor 1.",
        "1.5 before the stage",
    ):
        assert part in told


def test_a_regression_says_how_many_more_events_there_are_and_whether_that_is_enough() -> None:
    assert any(line.endswith("0.05 % needed: enough") for line in explained(WORSE).inputs)


def test_the_ticks_say_how_many_were_judged_dropped_and_late() -> None:
    dirty = [*HEALTHY, reading(200, Counts(1, 5), Counts(900, 9))]
    track = tracked(dirty, MetricPolicy.of(ERRORS))
    told = explain(ERRORS, track, tick_s=10.0, late=3, over=False).ticks
    assert told.startswith("120 of 10 s judged in this stage, 120 in this rollout, 1 invalid dropped, 3 changed after")


def test_a_histogram_says_its_edges_and_what_each_of_them_says() -> None:
    def arm(scale: float) -> Buckets:
        return Buckets(1000 * scale, ((0.25, 900 * scale), (1.0, 990 * scale)))

    history = [reading(n - 60, None, arm(1)) for n in range(60)]
    told = explained([reading(n, arm(0.1), arm(1)) for n in range(30)], SLOW, history=history).inputs
    assert any(line.startswith("slower than 0.25 (near the baseline's p90): 1.0x, ") for line in told)
    assert any(line.startswith("slower than 1 (near its p99): 1.0x, ") for line in told)


def test_before_the_edges_are_chosen_that_is_said() -> None:
    told = explained([reading(0, Buckets(1, ((1.0, 1),)), Buckets(1, ((1.0, 1),)))], SLOW)
    assert any("not chosen yet" in line for line in told.inputs)


def gauges(ticks: int, canary: float = 1.0) -> list[Reading]:
    return [reading(n, Gauge(canary), Gauge(1.0 + 0.01 * (n % 3))) for n in range(ticks)]


def test_a_gauge_says_its_blocks_and_where_their_spread_comes_from() -> None:
    learned = explained(gauges(30), CPU).inputs
    assert any("learned from the stage's own 5 blocks, 5 needed" in line for line in learned)
    apart = [
        reading(n - 100, None, Gauge(1.0, (1.0 + 0.03 * (n * 7 % 5 - 2), 1.0 + 0.02 * (n * 3 % 5 - 2), 1.0)))
        for n in range(100)
    ]
    before = explained(gauges(30), CPU, history=apart).inputs
    assert any("learned from the baseline's before the stage" in line for line in before)


def test_a_gauge_has_one_key_because_its_null_is_the_tolerance() -> None:
    told = explained(gauges(30), CPU)
    assert [(key.what, key.needed) for key in told.keys] == [("worse than 1.25x", 100.0), ("below 2x", 20.0)]


def test_alone_the_past_may_warn_and_the_limit_passes() -> None:
    history = [reading(n - 40, None, Counts(900, 9)) for n in range(40)]
    lonely = [reading(n, Counts(1000, 10), None) for n in range(20)]
    told = explained(lonely, replace(ERRORS, limit=0.05), history=history, alone=True)
    assert [(key.what, key.consequence) for key in told.keys] == [
        ("above 1.5x what the baseline was before", "WARN, never FAIL"),
        ("above the limit of 5 %", "FAIL"),
        ("below the limit of 5 % or below 0.05 %", "pass"),
    ]
    assert told.forecast == ("none without a baseline",)


def test_alone_without_a_limit_only_a_negligible_share_passes() -> None:
    lonely = [reading(n, Counts(1000, 10), None) for n in range(20)]
    assert "below 0.05 %" in keys(explained(lonely, alone=True))


def test_a_track_that_judged_nothing_is_explained() -> None:
    told = explain(ERRORS, Track.begin(MetricPolicy(), (), 1), tick_s=10.0, late=0, over=False)
    assert told.ticks == "0 of 10 s judged in this stage, 0 in this rollout, none invalid"
    assert told.forecast == ("none before both arms have events in this stage",)
