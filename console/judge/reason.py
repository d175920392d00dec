"""One metric's verdict in one line: what was seen, how sure that is, since when, what would change it."""

from __future__ import annotations

import math

from console.judge.counts import CountsTrack
from console.judge.forecast import Flow, seconds_to_find, seconds_to_pass, weight_to_find
from console.judge.gauges import GaugeTrack
from console.judge.latency import LatencyTrack
from console.judge.track import PASS_TICKS, WARM_EVENTS, WARM_TICKS, Track, Word, clearly
from console.judge.verdict import ArmTotals
from console.judge.wording import clock, odds, per_second, share, span, times, wait
from console.plan.nouns import Metric


def onset_of(track: Track) -> float | None:
    """The likeliest beginning of a regression, unix seconds; None while nothing speaks for one."""
    shaped = track.shaped
    if isinstance(shaped, LatencyTrack):
        telling = shaped.telling
        shaped = telling[1] if telling is not None else shaped
    best = shaped.split.onset.best() if isinstance(shaped, CountsTrack) else None
    return None if best is None else best[1]


def flow_of(track: Track, tick_s: float) -> Flow | None:
    """What has flowed in this stage so far, for forecasts; None for a gauge, alone, or before anything flowed."""
    shaped = track.shaped
    if isinstance(shaped, LatencyTrack):
        telling = shaped.telling
        shaped = telling[1] if telling is not None else shaped
    if not isinstance(shaped, CountsTrack) or not track.ticks or track.alone:
        return None
    split = shaped.split
    if split.nb <= 0.0 or split.nc <= 0.0 or not split.ticks:
        return None
    seconds = split.ticks * tick_s
    return Flow(
        split.nc / seconds,
        split.nb / seconds,
        split.kb / split.nb,
        tick_s,
        split.bursts.phi,
        worse=split.worse,
        trivial=split.trivial,
        better=split.better,
    )


class Reason:
    """One metric's line, by its word."""

    def __init__(
        self,
        metric: Metric,
        track: Track,
        word: Word,
        canary: ArmTotals,
        ratio: float | None,
        ends: tuple[float, float],
        tick_s: float,
        min_requests: int,
        *,
        over: bool,
    ) -> None:
        self._metric = metric
        self._track = track
        self._word = word
        self._canary = canary
        self._ratio = ratio
        self._ends = ends
        self._min_requests = min_requests
        self._over = over
        """The stage's time is over."""
        self._flow = flow_of(track, tick_s)

    def line(self) -> str:
        """What stands beside the verdict."""
        match self._word:
            case Word.FAIL:
                return self._fail()
            case Word.WARN:
                return self._warn()
            case Word.WARMING_UP:
                return self._warming()
            case Word.PASS:
                return self._pass()
            case Word.WATCHING:
                return self._watching()

    @property
    def _seen(self) -> str:
        """`1.2x (0.6-2.3)`, or what there is instead of a ratio."""
        if self._ratio is not None:
            return f"{times(self._ratio)} ({span(*self._ends)})" if self._has_interval else times(self._ratio)
        if self._canary.value is None:
            return "no canary events"
        if isinstance(self._track.shaped, GaugeTrack):
            return f"{self._canary.value:.3g}"
        return f"{share(self._canary.value)} of {self._canary.n:,.0f}"

    @property
    def _has_interval(self) -> bool:
        return not isinstance(self._track.shaped, GaugeTrack)

    def _fail(self) -> str:
        latch = self._track.latch
        if latch.by == "limit":
            return f"{self._level} above the limit of {self._limit}, {odds(latch.peak)}, since {self._when}"
        return f"{self._seen}, {odds(latch.peak)}, since {self._when}"

    @property
    def _level(self) -> str:
        value = self._canary.value
        if value is None:
            return "the canary is"
        return f"{value:.3g} is" if isinstance(self._track.shaped, GaugeTrack) else f"{share(value)} is"

    @property
    def _limit(self) -> str:
        limit = self._metric.limit or 0.0
        return f"{limit:g}" if isinstance(self._track.shaped, GaugeTrack) else share(limit)

    @property
    def _when(self) -> str:
        begun = onset_of(self._track) if self._track.latch.by == "worse" else None
        return clock(begun if begun is not None else self._track.latch.failed_at or 0.0)

    def _warn(self) -> str:
        standing = self._track.standing
        if not standing.can_fail and standing.worse >= standing.limit:
            return f"{self._seen}: {odds(standing.worse)} that it is 1.5x what the baseline was before"
        if standing.limit > standing.worse:
            return f"{self._level} maybe above the limit of {self._limit}, {odds(standing.limit)}"
        told = f"{self._seen}, {odds(standing.worse)} that it is worse"
        if standing.worse >= 100.0 and not clearly(standing, self._track.terms):
            return f"{told}, by less than {share(self._metric.min_excess)}"
        ratio = standing.ratio
        if self._flow is not None and ratio is not None and not math.isinf(ratio):
            left_s = seconds_to_find(
                self._flow, ratio, tolerance=self._metric.tolerance, min_excess=self._metric.min_excess
            )
            if not math.isinf(left_s):
                return f"{told}; verdict in {wait(left_s)} if it holds"
        return told

    def _warming(self) -> str:
        track = self._track
        if track.ticks < WARM_TICKS:
            told = f"{track.ticks} of {WARM_TICKS} ticks"
        else:
            told = f"{track.standing.expected or 0.0:.1f} of ~{WARM_EVENTS:.0f} events needed"
        if self._flow is None:
            return told
        return f"{told}; {self._in_sight(self._flow)} at {per_second(self._flow.canary)}"

    def _in_sight(self, flow: Flow) -> str:
        asked = self._metric.pass_below
        seconds = seconds_to_find(flow, asked, tolerance=self._metric.tolerance, min_excess=self._metric.min_excess)
        if math.isinf(seconds) and flow.bad <= 0.0:
            return "no errors to compare yet"
        if math.isinf(seconds) and flow.bad * (asked - 1) < self._metric.min_excess:
            return f"a {asked:g}x would be less than {share(self._metric.min_excess)} more"
        return f"a {asked:g}x would show in {wait(seconds)}"

    def _pass(self) -> str:
        standing = self._track.standing
        if standing.passes_by == "negligible":
            return f"{self._seen}: {odds(standing.ready)} that it is below {share(self._metric.negligible)}"
        if standing.passes_by == "limit":
            return f"{self._seen}: below the limit of {self._limit}; no baseline to compare with"
        return f"{self._seen}, {odds(standing.ready)} that it is below {self._metric.pass_below:g}x"

    def _watching(self) -> str:
        track = self._track
        if track.word() is Word.PASS:
            return f"{self._seen}: {self._canary.n:,.0f} of {self._min_requests:,} requests"
        if not track.standing.fits:
            return f"{self._level} above the limit of {self._limit}, as seen"
        if track.alone:
            return f"{self._seen}: no baseline to compare with"
        if track.ticks < PASS_TICKS and track.standing.ready >= 20.0:
            return f"{self._seen}: {track.ticks} of {PASS_TICKS} ticks"
        if self._flow is None:
            return f"{self._seen}: cannot exclude {self._metric.pass_below:g}x yet"
        if self._over:
            return f"{self._seen}: cannot exclude {self._metric.pass_below:g}x; {self._more(self._flow)}"
        return f"{self._seen}, {self._in_sight(self._flow)}"

    def _more(self, flow: Flow) -> str:
        """What it would take: time, or traffic."""
        metric = self._metric
        seconds = seconds_to_pass(flow, worse_by=metric.pass_below, negligible=self._track.terms.negligible)
        told = f"needs {wait(seconds)} more" if not math.isinf(seconds) else "time alone will not tell"
        weight = weight_to_find(flow, metric.pass_below, 600.0, tolerance=metric.tolerance)
        now = flow.canary / flow.total
        return f"{told}, or {weight * 100:.2g} %" if weight is not None and weight > 1.5 * now else told
