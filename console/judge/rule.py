"""The verdict of one metric: the data's condition first, then its track's evidence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Generic, TypeVar

from console.judge.counts import CountsTrack
from console.judge.gauges import GaugeTrack
from console.judge.latency import LatencyTrack
from console.judge.reason import Reason, dominant_model, flow_of, onset_of
from console.judge.track import MetricWord, Track
from console.judge.verdict import NOT_JUDGED, SILENT, ArmTotals, Verdict, VerdictContext, VerdictState
from console.plan.nouns import Metric

_T = TypeVar("_T")


def verdict(metric: Metric, track: Track | None, here: VerdictContext) -> Verdict:
    """The verdict of one metric.

    The first that applies: a latched FAIL; stale (no fresh sample from either arm), no_data (one arm is silent while
    the other flows, or nothing was ever read), no_data and idle (nothing is exposed), unsure (recorded samples are not
    judged yet), unsure (a query error), no_data (both arms have samples, but none that can be compared), unsure (a
    partial answer), then the evidence's own state.
    """
    if track is None:
        result = Verdict(metric.name, VerdictState.UNSURE, "nothing judged yet", detail=MetricWord.WARMING_UP)
    else:
        values = _ByIdentity(metric), _ByIdentity(track)
        result = _evidence_verdict(*values, here.tick_s, here.min_requests, here.left_s <= 0.0)
    newest = {"canary": here.canary_at, "baseline": here.baseline_at}
    ages = {arm: None if at is None else max(0.0, (here.now - at).total_seconds()) for arm, at in newest.items()}
    watched = ["canary"] * here.exposed + ["baseline"] * (not here.alone or not here.exposed)
    known = [age for arm in watched if (age := ages[arm]) is not None]
    result = replace(result, age_s=max(known) if known else None)
    silence = _silence(here, ages, watched)
    if result.state is VerdictState.FAIL:
        if silence is None or not here.exposed:
            return result
        return replace(result, reason=f"{result.reason}, now silent", detail=SILENT)
    if silence is not None:
        return _with_state(result, *silence)
    if not here.exposed:
        if not result.canary.n:
            result = replace(result, baseline=here.level)
        return replace(_with_state(result, VerdictState.NO_DATA, "nothing is exposed: not judged"), idle=True)
    if here.unjudged:
        return replace(_with_state(result, VerdictState.UNSURE, unjudged_text(here.unjudged)), detail=NOT_JUDGED)
    if here.problem is not None:
        return _with_state(result, VerdictState.UNSURE, f"query failed: {here.problem}")
    if track is not None and (mute := track.silence_reason(here.tick_s, here.stale_after_s)) is not None:
        return _with_state(result, VerdictState.NO_DATA, mute)
    if here.partial is not None and result.state is VerdictState.PASS:
        return _with_state(result, VerdictState.UNSURE, f"partial data: {here.partial}")
    return result


def unjudged_text(count: int) -> str:
    """The words for `count` recorded samples that no track has."""
    return "1 recorded sample is not judged yet" if count == 1 else f"{count:,} recorded samples are not judged yet"


def _with_state(result: Verdict, state: VerdictState, reason: str) -> Verdict:
    return replace(result, state=state, reason=reason, brief="", detail="")


def _silence(
    here: VerdictContext, ages: dict[str, float | None], watched: Sequence[str]
) -> tuple[VerdictState, str] | None:
    silent = [arm for arm in watched if (age := ages[arm]) is None or age > here.stale_after_s]
    if not silent:
        return None
    has_begun = here.since is None or (here.canary_at is not None and here.canary_at >= here.since)
    stage_s = math.inf if here.since is None else (here.now - here.since).total_seconds()
    if silent == ["canary"] and not has_begun and stage_s <= here.stale_after_s:
        return VerdictState.UNSURE, "waiting for the canary's first samples of this stage"
    if len(silent) < len(watched):
        age = ages[silent[0]]
        since = "has no data" if age is None else f"silent for {age:.0f} s"
        return VerdictState.NO_DATA, f"{silent[0]} {since}, the other arm flows"
    fault = f" ({here.source_fault})" if here.source_fault else f" ({here.problem})" if here.problem else ""
    known = [age for arm in watched if (age := ages[arm]) is not None]
    if not known:
        return VerdictState.NO_DATA, f"nothing read yet{fault}"
    return VerdictState.STALE, f"newest sample {min(known):.0f} s old, limit {here.stale_after_s:.0f} s{fault}"


class _ByIdentity(Generic[_T]):
    """A cache key that compares its long-lived value by identity."""

    __slots__ = ("value",)

    def __init__(self, value: _T) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByIdentity) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


@lru_cache(maxsize=512)
def _evidence_verdict(
    metrics: _ByIdentity[Metric], tracks: _ByIdentity[Track], tick_s: float, min_requests: int, over: bool
) -> Verdict:
    """The verdict by evidence alone; cached, because a screen needs it often and it changes once a tick."""
    metric, track = metrics.value, tracks.value
    canary, baseline, (low, high) = _arm_totals(track)
    word = track.word()
    evidence = track.evidence
    if word is MetricWord.PASS and canary.n < min_requests:
        word = MetricWord.WATCHING
    state = {MetricWord.FAIL: VerdictState.FAIL, MetricWord.PASS: VerdictState.PASS}.get(word, VerdictState.UNSURE)
    best = onset_of(track)
    shown = _displayed_ratio(metric, evidence.ratio)
    if evidence.ratio is not None:  # evidence is tempered, the estimate is not: it may be ahead of its own interval
        low, high = min(low, evidence.ratio), max(high, evidence.ratio)
    if metric.falling:
        low, high = (1.0 / high if high > 0 else math.inf), (1.0 / low if low > 0 else math.inf)
    reason = Reason(metric, track, word, canary, shown, (low, high), flow_of(track, tick_s), min_requests, over)
    line, brief = reason.texts()
    bounded = shown is not None and not isinstance(track.model, GaugeTrack)
    return Verdict(
        metric=metric.name,
        state=state,
        reason=line,
        brief=brief,
        canary=canary,
        baseline=baseline,
        ratio=shown,
        low=low if bounded else None,
        high=high if bounded else None,
        detail=_detail(word, reason, over=over),
        evidence=max(evidence.worse, track.latch.peak) if evidence.can_fail or track.latch.peak else None,
        ready=evidence.ready,
        trivial=evidence.trivial if evidence.can_fail else None,
        since=None if best is None else datetime.fromtimestamp(best, UTC),
        lately=_displayed_ratio(metric, reason.recent_ratio),
    )


def _detail(word: MetricWord, reason: Reason, *, over: bool) -> str:
    match word:
        case MetricWord.FAIL:
            return ""
        case MetricWord.PASS:
            return reason.exclusion
        case MetricWord.WATCHING if over:
            return "INCONCLUSIVE"
        case _:
            return str(word)


def _displayed_ratio(metric: Metric, ratio: float | None) -> float | None:
    """canary/baseline for display; the model of a falling metric exchanges the arms."""
    if ratio is None or not metric.falling:
        return ratio
    return 1.0 / ratio if ratio > 0.0 else math.inf


def _arm_totals(track: Track) -> tuple[ArmTotals, ArmTotals, tuple[float, float]]:
    """Both arms' totals in this stage, and the ratio's interval in the worse direction."""
    model = dominant_model(track)
    if isinstance(model, LatencyTrack):  # its edges are not chosen yet
        return ArmTotals(), ArmTotals(), (0.0, math.inf)
    if isinstance(model, CountsTrack):
        split = model.split
        kb, nb = (split.kc, split.nc) if track.policy.falling else (split.kb, split.nb)
        canary = ArmTotals(model.n, model.k, model.k / model.n if model.n > 0 else None)
        return canary, ArmTotals(nb, kb, kb / nb if nb > 0 else None), split.interval()
    ticks, sum_c, sum_b = model.sums
    both = [ArmTotals(ticks, 0.0, total / ticks if ticks else None) for total in (sum_c, sum_b)]
    return both[0], ArmTotals() if track.alone else both[1], (0.0, math.inf)
