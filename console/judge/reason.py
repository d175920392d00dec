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


def dominant_model(track: Track) -> CountsTrack | LatencyTrack | GaugeTrack:
    """What a track's numbers come from: of a histogram's engines the one whose edge says most."""
    shaped = track.model
    if isinstance(shaped, LatencyTrack):
        most = shaped.dominant_model
        return shaped if most is None else most[1]
    return shaped


def onset_of(track: Track) -> float | None:
    """The likeliest beginning of a regression, unix seconds; None while nothing speaks for one."""
    shaped = dominant_model(track)
    best = shaped.split.onset.best() if isinstance(shaped, CountsTrack) else None
    return None if best is None else best[1]


def flow_of(track: Track, tick_s: float) -> Flow | None:
    """What has flowed in this stage so far, for forecasts; None for a gauge, alone, or before anything flowed."""
    shaped = dominant_model(track)
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

    def texts(self) -> tuple[str, str]:
        """(what stands beside the verdict, the same without what has a column of its own)."""
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
    def lately(self) -> float | None:
        """The ratio since the regression's likeliest beginning, in the direction that is worse; None without one."""
        shaped = dominant_model(self._track)
        best = shaped.split.onset.best() if isinstance(shaped, CountsTrack) else None
        if best is None:
            return None
        kc, nc, kb, nb = best[2]
        if kc <= 0.0 or nc <= 0.0 or nb <= 0.0:
            return None
        return (kc / nc) / (kb / nb) if kb > 0.0 else math.inf

    @property
    def excluded(self) -> str:
        """What a pass has excluded: "<2x", "<0.05 %"."""
        standing = self._track.standing
        if standing.passes_by == "negligible":
            return f"<{share(self._metric.negligible)}"
        return f"<{self._limit}" if standing.passes_by == "limit" else f"<{self._metric.pass_below:g}x"

    @property
    def _seen(self) -> str:
        """`1.2x (0.6-2.3)`, or what there is instead of a ratio."""
        if self._ratio is not None:
            return f"{times(self._ratio)} ({span(*self._ends)})" if self._has_interval else times(self._ratio)
        if self._canary.value is None:
            return "no canary events"
        if isinstance(self._track.model, GaugeTrack):
            return f"{self._canary.value:.3g}"
        return f"{share(self._canary.value)} of {self._canary.n:,.0f}"

    @property
    def _has_interval(self) -> bool:
        return not isinstance(self._track.model, GaugeTrack)

    def _fail(self) -> tuple[str, str]:
        latch = self._track.latch
        if latch.by == "limit":
            since = clock(latch.failed_at or 0.0)
            above = f"above the limit of {self._limit}"
            return f"{self._level} {above}, {odds(latch.peak)}, since {since}", f"above {self._limit} since {since}"
        since = clock(self._begun if self._begun is not None else latch.failed_at or 0.0)
        lately = "" if self._shown_lately is None else f"{times(self._shown_lately)} "
        apart = bool(lately) and (self._ratio is None or lately.strip() != times(self._ratio))
        over = f" over the stage, {odds(latch.peak)}, {lately}" if apart else f", {odds(latch.peak)}, "
        return f"{self._seen}{over}since {since}", f"{lately}since {since}"

    @property
    def _begun(self) -> float | None:
        return onset_of(self._track)

    @property
    def _shown_lately(self) -> float | None:
        lately = self.lately
        if lately is None or not self._metric.falling:
            return lately
        return 1.0 / lately

    @property
    def _level(self) -> str:
        value = self._canary.value
        if value is None:
            return "the canary is"
        return f"{value:.3g} is" if isinstance(self._track.model, GaugeTrack) else f"{share(value)} is"

    @property
    def _limit(self) -> str:
        limit = self._metric.limit or 0.0
        return f"{limit:g}" if isinstance(self._track.model, GaugeTrack) else share(limit)

    def _warn(self) -> tuple[str, str]:
        standing = self._track.standing
        if not standing.can_fail and standing.worse >= standing.limit:
            then = "1.5x what the baseline was before"
            return f"{self._seen}: {odds(standing.worse)} that it is {then}", f"above {then}"
        if standing.limit > standing.worse:
            above = f"maybe above the limit of {self._limit}"
            return f"{self._level} {above}, {odds(standing.limit)}", f"maybe above {self._limit}"
        told = f"{self._seen}, {odds(standing.worse)} that it is worse"
        if standing.worse >= 100.0 and not clearly(standing, self._track.terms):
            less = f"by less than {share(self._metric.min_excess)}"
            return f"{told}, {less}", less
        ratio = self.lately or standing.ratio
        if self._flow is not None and ratio is not None and not math.isinf(ratio):
            left_s = seconds_to_find(
                self._flow, ratio, tolerance=self._metric.tolerance, min_excess=self._metric.min_excess
            )
            if not math.isinf(left_s):
                return f"{told}; verdict in {wait(left_s)} if it holds", f"verdict in {wait(left_s)}"
        return told, ""

    def _warming(self) -> tuple[str, str]:
        track = self._track
        if track.ticks < WARM_TICKS:
            told = f"{track.ticks} of {WARM_TICKS} ticks"
        else:
            told = f"{track.standing.expected or 0.0:.1f} of ~{WARM_EVENTS:.0f} events needed"
        if self._flow is None:
            return told, told
        line, brief = self._in_sight(self._flow)
        return f"{told}; {line} at {per_second(self._flow.canary)}", brief

    def _in_sight(self, flow: Flow) -> tuple[str, str]:
        asked = self._metric.pass_below
        seconds = seconds_to_find(flow, asked, tolerance=self._metric.tolerance, min_excess=self._metric.min_excess)
        if math.isinf(seconds) and flow.bad <= 0.0:
            told = "no errors to compare yet"
            return told, told
        if math.isinf(seconds) and flow.bad * (asked - 1) < self._metric.min_excess:
            least = share(self._metric.min_excess)
            return f"a {asked:g}x would be less than {least} more", f"{asked:g}x is under {least}"
        return f"a {asked:g}x would show in {wait(seconds)}", f"{asked:g}x shows in {wait(seconds)}"

    def _pass(self) -> tuple[str, str]:
        standing = self._track.standing
        if standing.passes_by == "negligible":
            return f"{self._seen}: {odds(standing.ready)} that it is below {share(self._metric.negligible)}", ""
        if standing.passes_by == "limit":
            return f"{self._seen}: below the limit of {self._limit}; no baseline to compare with", "no baseline"
        return f"{self._seen}, {odds(standing.ready)} that it is below {self._metric.pass_below:g}x", ""

    def _watching(self) -> tuple[str, str]:
        track = self._track
        asked = f"{self._metric.pass_below:g}x"
        if track.word() is Word.PASS:
            wanted = f"{self._canary.n:,.0f} of {self._min_requests:,} requests"
            return f"{self._seen}: {wanted}", wanted
        if not track.standing.fits:
            return f"{self._level} above the limit of {self._limit}, as seen", f"above {self._limit}"
        if track.alone:
            return f"{self._seen}: no baseline to compare with", "no baseline"
        if track.ticks < PASS_TICKS and track.standing.ready >= 20.0:
            ticks = f"{track.ticks} of {PASS_TICKS} ticks"
            return f"{self._seen}: {ticks}", ticks
        if self._flow is None:
            return f"{self._seen}: cannot exclude {asked} yet", f"{asked} not excluded"
        if self._over:
            line, brief = self._more(self._flow)
            return f"{self._seen}: cannot exclude {asked}; {line}", brief
        line, brief = self._in_sight(self._flow)
        return f"{self._seen}, {line}", brief

    def _more(self, flow: Flow) -> tuple[str, str]:
        """What it would take: time, or traffic."""
        metric = self._metric
        seconds = seconds_to_pass(flow, worse_by=metric.pass_below, negligible=self._track.terms.negligible)
        brief = f"needs {wait(seconds)} more" if not math.isinf(seconds) else "time will not tell"
        told = brief if not math.isinf(seconds) else "time alone will not tell"
        weight = weight_to_find(flow, metric.pass_below, 600.0, tolerance=metric.tolerance)
        now = flow.canary / flow.total
        return (f"{told}, or {weight * 100:.2g} %" if weight is not None and weight > 1.5 * now else told), brief
