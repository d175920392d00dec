"""The verdict of a stage from those of its metrics, and the check that the canary gets its share of the traffic.

Evidence is averaged over the critical metrics, so many metrics cause no more false alarms than one. The average of
e-values is an e-value under any dependence (Vovk and Wang 2021). `info` metrics have no effect; those that stand out at
a false discovery rate of 10 % are named (e-BH, Wang and Ramdas 2022).

With another share of the traffic the canary serves other requests than intended, and its errors prove nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adapters.contract import Buckets, Counts, Reading
from console.judge.latch import FAIL_AT, NOT_TRIVIAL
from console.judge.track import MetricWord, Track
from console.judge.verdict import NOT_JUDGED, StageVerdict, StageWord, Verdict, VerdictState
from console.judge.wording import odds
from console.plan.nouns import Metric, Role

_FDR = 0.1
PARTS = 3
PART_S = 60.0
PART_REQUESTS = 100.0
"""Least number of canary requests expected by the weight in each part."""
_LEAST, _MOST = 0.8, 1.25


def stage_verdict(
    metrics: Sequence[Metric],
    verdicts: Mapping[str, Verdict],
    tracks: Mapping[str, Track | None],
    *,
    mismatch: float | None,
    over: bool,
) -> StageVerdict:
    """The stage's verdict; the first state that applies.

    Args:
        metrics: of the stage.
        verdicts, tracks: of the metrics, by name; no track before anything was judged.
        mismatch: the canary's observed share if it differs from the set one (`traffic_mismatch`).
        over: the stage's time is over.
    """
    critical = [metric for metric in metrics if metric.role is Role.CRITICAL]
    evidence = [_evidence(tracks.get(metric.name)) for metric in critical]
    mean = sum(evidence) / len(evidence) if evidence else 1.0
    flagged = _flagged_metrics([metric for metric in metrics if metric.role is Role.INFO], tracks)

    def say(word: StageWord, reason: str, metric: str | None = None) -> StageVerdict:
        return StageVerdict(word, reason, mean, metric, mismatch, flagged)

    if (failed := _failing_metric(metrics, verdicts, tracks, mean)) is not None:
        return say(StageWord.FAIL, f"{failed}: {verdicts[failed].reason}", failed)
    for metric in critical:
        found = verdicts[metric.name]
        if found.state in (VerdictState.NO_DATA, VerdictState.STALE) or found.detail == NOT_JUDGED:
            return say(StageWord.HOLD, f"{metric.name}: {found.reason}", metric.name)
    if mismatch is not None:
        return say(StageWord.HOLD, f"TRAFFIC MISMATCH: the canary gets {mismatch * 100:.2g} % of the requests")
    for metric in critical:
        found = verdicts[metric.name]
        if found.state is VerdictState.FAIL:  # a FAIL by its own evidence, not yet by the average
            many = f"{odds(mean)} of {FAIL_AT:.0f}:1 over {len(critical)} metrics"
            return say(StageWord.WARN, f"{metric.name}: {found.reason}; {many}", metric.name)
        if found.detail == MetricWord.WARN:
            return say(StageWord.WARN, f"{metric.name}: {found.reason}", metric.name)
    open_ = [metric.name for metric in critical if verdicts[metric.name].state is not VerdictState.PASS]
    if critical and not open_:
        return say(StageWord.PASS, "every critical metric passes")
    if not critical:
        return say(StageWord.WATCHING, "no metric is critical")
    reason = f"{open_[0]}: {verdicts[open_[0]].reason}"
    return say(StageWord.INCONCLUSIVE if over else StageWord.WATCHING, reason, open_[0])


def _evidence(track: Track | None) -> float:
    """Current evidence of key 1; the peaks of different moments have no average that bounds the error rate."""
    return track.evidence.worse if track is not None and track.evidence.can_fail else 1.0


def _failing_metric(
    metrics: Sequence[Metric], verdicts: Mapping[str, Verdict], tracks: Mapping[str, Track | None], mean: float
) -> str | None:
    """The metric that fails the stage: by limit, guard or average.

    A critical metric whose own evidence once reached `FAIL_AT` times the number of critical metrics fails the stage and
    stays: the average was large enough at that moment, whatever the others' evidence was.
    """
    failing = [metric for metric in metrics if verdicts[metric.name].state is VerdictState.FAIL]
    for metric in failing:
        track = tracks.get(metric.name)
        by_limit = track is not None and track.latch.by == "limit"
        if metric.role is not Role.INFO and (by_limit or metric.role is Role.GUARD):
            return metric.name
    critical = sum(metric.role is Role.CRITICAL for metric in metrics)
    own = [(tracks.get(metric.name), metric.name) for metric in failing if metric.role is Role.CRITICAL]
    suspects = [(track, name) for track, name in own if track is not None and track.latch.by == "worse"]
    alone = [(track.latch.peak, name) for track, name in suspects if track.latch.peak >= FAIL_AT * critical]
    if alone:
        return max(alone)[1]
    if not suspects or mean < FAIL_AT:
        return None
    top, name = max(suspects, key=lambda suspect: _evidence(suspect[0]))
    return name if top.evidence.trivial >= NOT_TRIVIAL else None


def _flagged_metrics(info: Sequence[Metric], tracks: Mapping[str, Track | None]) -> tuple[str, ...]:
    ranked = sorted(((_evidence(tracks.get(metric.name)), metric.name) for metric in info), reverse=True)
    many = 0
    for place, (evidence, _) in enumerate(ranked, start=1):
        if evidence >= len(ranked) / (_FDR * place):
            many = place
    return tuple(name for _, name in ranked[:many])


def traffic_mismatch(ticks: Sequence[Reading], weight: float, tick_s: float) -> float | None:
    """The canary's observed share (0..1) if it stays outside 0.8 to 1.25 times `weight`.

    The last three parts, each a minute or a hundred expected canary requests, whichever is longer, all lie outside on
    the same side. Measured: at 2 requests a second a healthy canary is reported in 0.05 to 0.3 % of hours, at higher
    rates never; half or one and a half times the share is found in three minutes from 2 requests a second on.

    Args:
        ticks: the stage's judged ticks, oldest first; read backwards as far as needed.
        weight: the canary's set share during all that time, 0..1.
        tick_s: length of a tick in seconds.

    Returns:
        The share; None if it fits, varies, or too few requests were expected.
    """
    if not 0.0 < weight < 1.0:
        return None
    shares: list[float] = []
    own = both = seconds = all_own = all_both = 0.0
    for tick in reversed(ticks):
        canary, baseline = tick.canary, tick.baseline
        if not isinstance(canary, Counts | Buckets) or not isinstance(baseline, Counts | Buckets):
            continue
        own, both, seconds = own + canary.total, both + canary.total + baseline.total, seconds + tick_s
        if seconds < PART_S or weight * both < PART_REQUESTS:
            continue
        shares.append(own / both)
        all_own, all_both = all_own + own, all_both + both
        own = both = seconds = 0.0
        if len(shares) == PARTS:
            break
    if len(shares) < PARTS:
        return None
    if all(share < _LEAST * weight for share in shares) or all(share > _MOST * weight for share in shares):
        return all_own / all_both
    return None
