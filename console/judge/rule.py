"""The one function the console calls for a metric: whether anything can be known, then what its track says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Generic, TypeVar

from console.judge.context import VerdictContext
from console.judge.counts import CountsTrack
from console.judge.gauges import GaugeTrack
from console.judge.latency import LatencyTrack
from console.judge.reason import Reason, onset_of
from console.judge.track import Track, Word
from console.judge.verdict import SILENT, ArmTotals, Verdict, VerdictState
from console.plan.nouns import Metric

_T = TypeVar("_T")


def verdict(metric: Metric, track: Track | None, here: VerdictContext) -> Verdict:
    """The verdict of one metric; first match wins:

    a latched FAIL; stale (nothing fresh from either arm), no_data (an arm is silent while the other flows, or nothing
    was ever read), no_data and idle (nothing is exposed), unsure (a query error), no_data (both arms have samples and
    nothing can be learned from them), unsure (a partial answer), then what the evidence says.
    """
    if track is None:
        said = Verdict(metric.name, VerdictState.UNSURE, "nothing judged yet", detail=Word.WARMING_UP)
    else:
        said = _said(_Same(metric), _Same(track), here.tick_s, here.min_requests, here.left_s <= 0.0)
    ages = {"canary": _age(here.canary_at, here.now), "baseline": _age(here.baseline_at, here.now)}
    watched = ["canary"] * here.exposed + ["baseline"] * (not here.alone or not here.exposed)
    known = [age for arm in watched if (age := ages[arm]) is not None]
    said = replace(said, age_s=max(known) if known else None)
    silence = _silence(here, ages, watched)
    if said.state is VerdictState.FAIL:
        if silence is None or not here.exposed:
            return said
        return replace(said, reason=f"{said.reason}, now silent", detail=SILENT)
    if silence is not None:
        return _instead(said, silence[0], silence[1])
    if not here.exposed:
        if not said.canary.n:
            said = replace(said, baseline=here.level)
        return replace(_instead(said, VerdictState.NO_DATA, "nothing is exposed: not judged"), idle=True)
    if here.problem is not None:
        return _instead(said, VerdictState.UNSURE, f"query failed: {here.problem}")
    if track is not None and (mute := track.silence_reason(here.tick_s, here.stale_after_s)) is not None:
        return _instead(said, VerdictState.NO_DATA, mute)
    if here.partial is not None and said.state is VerdictState.PASS:
        return _instead(said, VerdictState.UNSURE, f"partial data: {here.partial}")
    return said


def _instead(said: Verdict, state: VerdictState, reason: str) -> Verdict:
    """`said` with another state, for another reason than the evidence."""
    return replace(said, state=state, reason=reason, brief="", detail="")


def _age(at: datetime | None, now: datetime) -> float | None:
    return None if at is None else max(0.0, (now - at).total_seconds())


def _had_its_time(here: VerdictContext) -> bool:
    """Whether the canary has spoken in this stage, or has had as long as a sample may be old to do so."""
    if here.since is None or (here.canary_at is not None and here.canary_at >= here.since):
        return True
    return (here.now - here.since).total_seconds() > here.stale_after_s


def _silence(
    here: VerdictContext, ages: dict[str, float | None], watched: Sequence[str]
) -> tuple[VerdictState, str] | None:
    silent = [arm for arm in watched if (age := ages[arm]) is None or age > here.stale_after_s]
    if not silent:
        return None
    if silent == ["canary"] and not _had_its_time(here):
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


class _Same(Generic[_T]):
    """A value that is looked up by being the very same one: tracks and metrics live longer than one look at them."""

    __slots__ = ("value",)

    def __init__(self, value: _T) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


@lru_cache(maxsize=512)
def _said(metrics: _Same[Metric], tracks: _Same[Track], tick_s: float, min_requests: int, over: bool) -> Verdict:
    """What the evidence says, silence aside; a screen asks several times a second, the answer changes once a tick."""
    metric, track = metrics.value, tracks.value
    canary, baseline, (low, high) = _seen(track)
    word = track.word()
    standing = track.standing
    if word is Word.PASS and canary.n < min_requests:
        word = Word.WATCHING
    state = {Word.FAIL: VerdictState.FAIL, Word.PASS: VerdictState.PASS}.get(word, VerdictState.UNSURE)
    best = onset_of(track)
    shown = _shown(metric, standing.ratio)
    if standing.ratio is not None:  # evidence is tempered, the estimate is not: it may be ahead of its own interval
        low, high = min(low, standing.ratio), max(high, standing.ratio)
    if metric.falling:
        low, high = (1.0 / high if high > 0 else math.inf), (1.0 / low if low > 0 else math.inf)
    reason = Reason(metric, track, word, canary, shown, (low, high), tick_s, min_requests, over=over)
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
        evidence=max(standing.worse, track.latch.peak) if standing.can_fail or track.latch.peak else None,
        ready=standing.ready,
        trivial=standing.trivial if standing.can_fail else None,
        since=None if best is None else datetime.fromtimestamp(best, UTC),
        lately=_shown(metric, reason.lately),
    )


def _detail(word: Word, reason: Reason, *, over: bool) -> str:
    match word:
        case Word.FAIL:
            return ""
        case Word.PASS:
            return reason.excluded
        case Word.WATCHING if over:
            return "INCONCLUSIVE"
        case _:
            return str(word)


def _shown(metric: Metric, ratio: float | None) -> float | None:
    """canary/baseline, also where the engine has the arms exchanged."""
    if ratio is None or not metric.falling:
        return ratio
    return 1.0 / ratio if ratio > 0.0 else math.inf


def _seen(track: Track) -> tuple[ArmTotals, ArmTotals, tuple[float, float]]:
    """Both arms' totals in this stage, and the ratio's interval (in the direction that is worse)."""
    shaped = track.model
    if isinstance(shaped, LatencyTrack):
        telling = shaped.dominant_model
        if telling is None:
            return ArmTotals(), ArmTotals(), (0.0, math.inf)
        shaped = telling[1]
    if isinstance(shaped, CountsTrack):
        split = shaped.split
        kb, nb = (split.kc, split.nc) if track.terms.falling else (split.kb, split.nb)
        canary = ArmTotals(shaped.n, shaped.k, shaped.k / shaped.n if shaped.n > 0 else None)
        return canary, ArmTotals(nb, kb, kb / nb if nb > 0 else None), split.interval()
    ticks, sum_c, sum_b = shaped.sums
    both = [ArmTotals(ticks, 0.0, total / ticks if ticks else None) for total in (sum_c, sum_b)]
    return both[0], ArmTotals() if track.alone else both[1], (0.0, math.inf)
