"""Several metrics, one stage; and whether the canary gets the traffic it was given."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.contract import Counts, MetricQuery, Reading, Shape
from console.judge.evidence import Evidence
from console.judge.latch import Latch
from console.judge.policy import MetricPolicy
from console.judge.rule import verdict
from console.judge.stage import stage_verdict, traffic_mismatch
from console.judge.track import Track
from console.judge.verdict import StageVerdict, StageWord, Verdict, VerdictState
from console.plan.nouns import Metric, Role
from tests.judge_rig import FLOWING, reading, readings, stream, tracked

HEALTHY = readings(stream(1, 120, bad=0.01))
WORSE = readings(stream(2, 60, bad=0.01, ratio=6.0))
SUSPECT = readings([(3, 100, 18, 900)] * 6)


def metric(name: str, role: Role = Role.CRITICAL, limit: float | None = None) -> Metric:
    return Metric(MetricQuery(name, Shape.COUNTS), "prom", role, limit=limit)


def together(
    *entries: tuple[Metric, list[Reading]], lost: float | None = None, over: bool = False, silent: str = ""
) -> StageVerdict:
    tracks: dict[str, Track | None] = {one.name: tracked(ticks, MetricPolicy.of(one)) for one, ticks in entries}
    verdicts: dict[str, Verdict] = {}
    for one, _ in entries:
        said = verdict(one, tracks[one.name], FLOWING)
        verdicts[one.name] = replace(said, state=VerdictState.NO_DATA, reason="silent") if one.name == silent else said
    return stage_verdict([one for one, _ in entries], verdicts, tracks, mismatch=lost, over=over)


def test_all_critical_metrics_passing_is_a_pass() -> None:
    said = together((metric("a"), HEALTHY), (metric("b"), HEALTHY), (metric("g", Role.GUARD), SUSPECT))
    assert said.word is StageWord.PASS


def test_one_metric_fails_the_stage_when_the_average_convicts() -> None:
    said = together((metric("a"), HEALTHY), (metric("b"), WORSE))
    assert (said.word, said.metric) == (StageWord.FAIL, "b")
    assert said.evidence >= 100


def test_evidence_of_one_among_many_has_to_be_so_much_larger() -> None:
    """What convicts alone does not convict the average of five: the stage warns, and says how far it is."""
    short, track = [], Track.begin(MetricPolicy(), (), 1)
    for tick in WORSE:
        short.append(tick)
        track = track.after(tick, 1)
        if track.latch.failed_at is not None:
            break
    assert track.latch.peak < 500
    alone = together((metric("a"), short))
    among = together((metric("a"), short), *[(metric(f"m{n}"), HEALTHY) for n in range(4)])
    assert alone.word is StageWord.FAIL
    assert (among.word, among.metric) == (StageWord.WARN, "a")
    assert among.reason.endswith("of 100:1 over 5 metrics")


def stood(worse: float, peak: float = 0.0) -> Track:
    """A track whose evidence stands at `worse`; latched with a `peak` if it has one."""
    latch = Latch(0.0, "worse", peak) if peak else Latch()
    standing = Evidence(worse=worse, trivial=50.0, ready=1.0, ratio=3.0, expected=10.0)
    return Track(MetricPolicy(), tracked(HEALTHY).model, 1, latch=latch, evidence=standing, ticks=60)


@pytest.mark.parametrize(
    ("a", "b", "word"),
    [
        (stood(1, peak=150), stood(60), StageWord.WARN),
        (stood(1, peak=250), stood(1), StageWord.FAIL),
        (stood(150, peak=150), stood(60), StageWord.FAIL),
    ],
)
def test_peaks_of_different_moments_are_not_averaged(a: Track, b: Track, word: StageWord) -> None:
    tracks: dict[str, Track | None] = {"a": a, "b": b}
    metrics = [metric("a"), metric("b")]
    verdicts = {one.name: verdict(one, tracks[one.name], FLOWING) for one in metrics}
    assert stage_verdict(metrics, verdicts, tracks, mismatch=None, over=False).word is word


def test_a_guard_fails_the_stage_and_an_info_metric_never_does() -> None:
    assert together((metric("a"), HEALTHY), (metric("g", Role.GUARD), WORSE)).word is StageWord.FAIL
    said = together((metric("a"), HEALTHY), (metric("i", Role.INFO), WORSE))
    assert said.word is StageWord.PASS and said.flagged == ("i",)


def test_an_ordinary_info_metric_is_not_flagged() -> None:
    assert together((metric("a"), HEALTHY), (metric("i", Role.INFO), HEALTHY)).flagged == ()


def test_a_ceiling_fails_the_stage_whatever_the_average_says() -> None:
    limited = metric("a", limit=0.05)
    both_bad = readings([(30, 100, 270, 900)] * 20)
    said = together((limited, both_bad), *[(metric(f"m{n}"), HEALTHY) for n in range(9)])
    assert (said.word, said.metric) == (StageWord.FAIL, "a")


def test_silence_of_a_critical_metric_and_the_wrong_traffic_hold() -> None:
    assert together((metric("a"), HEALTHY), (metric("b"), HEALTHY), silent="b").word is StageWord.HOLD
    said = together((metric("a"), HEALTHY), lost=0.02)
    assert said.word is StageWord.HOLD and said.reason.startswith("TRAFFIC MISMATCH")


def test_a_failure_is_not_hidden_by_a_hold() -> None:
    assert together((metric("a"), WORSE), (metric("b"), HEALTHY), silent="b", lost=0.02).word is StageWord.FAIL


def test_when_the_time_is_over_not_knowing_is_called_inconclusive_and_never_a_success() -> None:
    young = readings(stream(1, 15, bad=0.01))
    assert together((metric("a"), young)).word is StageWord.WATCHING
    assert together((metric("a"), young), over=True).word is StageWord.INCONCLUSIVE


def test_a_stage_without_critical_metrics_is_watched() -> None:
    assert together((metric("i", Role.INFO), HEALTHY)).word is StageWord.WATCHING


def share(canary: float, total: float, ticks: int = 18) -> list[Reading]:
    return [reading(n, Counts(canary, 0), Counts(total - canary, 0)) for n in range(ticks)]


@pytest.mark.parametrize(("canary", "found"), [(100, None), (81, None), (124, None), (70, 0.07), (130, 0.13), (0, 0.0)])
def test_the_share_must_lie_near_the_weight_for_three_minutes(canary: float, found: float | None) -> None:
    seen = traffic_mismatch(share(canary, 1000), 0.1, 10.0)
    assert seen == found if found is None else seen == pytest.approx(found)


def test_less_than_three_minutes_or_too_few_requests_say_nothing() -> None:
    assert traffic_mismatch(share(0, 1000, 17), 0.1, 10.0) is None
    assert traffic_mismatch(share(0, 100, 18), 0.1, 10.0) is None
    assert traffic_mismatch(share(0, 100, 60), 0.1, 10.0) == 0.0


def test_a_share_that_swings_to_both_sides_is_no_mismatch() -> None:
    swinging = [*share(200, 1000, 6), *share(20, 1000, 6), *share(200, 1000, 6)]
    assert traffic_mismatch(swinging, 0.1, 10.0) is None


def test_with_everything_or_nothing_on_the_canary_there_is_no_share_to_miss() -> None:
    assert traffic_mismatch(share(500, 1000), 1.0, 10.0) is None
    assert traffic_mismatch(share(500, 1000), 0.0, 10.0) is None
