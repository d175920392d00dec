"""A metric's verdict in one line: estimate, odds, beginning, and what would change it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from console.judge.counts import CountsTrack
from console.judge.forecast import Flow, seconds_to_find, seconds_to_pass, weight_to_find
from console.judge.gauges import GaugeTrack
from console.judge.latency import LatencyTrack
from console.judge.onset import Sums
from console.judge.track import PASS_TICKS, WARM_EVENTS, WARM_TICKS, MetricWord, Track, has_material_excess
from console.judge.verdict import ArmTotals
from console.judge.wording import clock, odds, per_second, share, span, times, wait
from console.plan.nouns import Metric


def dominant_model(track: Track) -> CountsTrack | LatencyTrack | GaugeTrack:
    """The model behind a track's numbers; for a histogram that of the dominant edge."""
    model = track.model
    if isinstance(model, LatencyTrack):
        most = model.dominant_model
        return model if most is None else most[1]
    return model


def onset_of(track: Track) -> float | None:
    """The likeliest beginning of a regression in unix seconds; None if there is none."""
    best = _onset_run(track)
    return None if best is None else best[1]


def _onset_run(track: Track) -> tuple[float, float, Sums] | None:
    model = dominant_model(track)
    return model.split.onset.best() if isinstance(model, CountsTrack) else None


def find_s(metric: Metric, flow: Flow, ratio: float) -> float:
    """Seconds until a regression of `ratio` that begins now fails the metric; infinite if it never does."""
    return seconds_to_find(flow, ratio, tolerance=metric.tolerance, min_excess=metric.min_excess)


def limit_text(metric: Metric, track: Track) -> str:
    """The metric's own limit: a level of a gauge, else a share."""
    limit = metric.limit or 0.0
    return f"{limit:g}" if isinstance(track.model, GaugeTrack) else share(limit)


def flow_of(track: Track, tick_s: float) -> Flow | None:
    """Traffic and evidence of this stage so far; None for a gauge, without a baseline, or before any traffic."""
    model = dominant_model(track)
    if not isinstance(model, CountsTrack) or not track.ticks or track.alone:
        return None
    split = model.split
    if split.nb <= 0.0 or split.nc <= 0.0 or not split.ticks:
        return None
    seconds = split.ticks * tick_s
    now = (split.nc / seconds, split.nb / seconds, split.kb / split.nb, tick_s, split.bursts.phi)
    return Flow(*now, worse=split.worse, trivial=split.trivial, better=split.better)


@dataclass(frozen=True, slots=True)
class Reason:
    """Text of one metric's verdict."""

    metric: Metric
    track: Track
    word: MetricWord
    canary: ArmTotals
    ratio: float | None
    ends: tuple[float, float]
    """Interval of the ratio."""
    flow: Flow | None
    min_requests: int
    over: bool
    """Whether the stage's time is over."""

    def texts(self) -> tuple[str, str]:
        """(full reason, the part that has no column of its own)."""
        texts = {
            MetricWord.FAIL: self._fail_texts,
            MetricWord.WARN: self._warn_texts,
            MetricWord.WARMING_UP: self._warming_texts,
            MetricWord.PASS: self._pass_texts,
            MetricWord.WATCHING: self._watching_texts,
        }
        return texts[self.word]()

    @property
    def recent_ratio(self) -> float | None:
        """The ratio since the regression's likeliest beginning, in the worse direction, or None."""
        best = _onset_run(self.track)
        if best is None:
            return None
        kc, nc, kb, nb = best[2]
        if kc <= 0.0 or nc <= 0.0 or nb <= 0.0:
            return None
        return (kc / nc) / (kb / nb) if kb > 0.0 else math.inf

    @property
    def exclusion(self) -> str:
        """Text of what a pass excludes: "<2x", "<0.05 %"."""
        evidence = self.track.evidence
        if evidence.passes_by == "negligible":
            return f"<{share(self.metric.negligible)}"
        return f"<{self._limit}" if evidence.passes_by == "limit" else f"<{self.metric.pass_below:g}x"

    @property
    def _is_gauge(self) -> bool:
        return isinstance(self.track.model, GaugeTrack)

    @property
    def _estimate(self) -> str:
        """`1.2x (0.6-2.3)`, or the canary's own value without a ratio."""
        if self.ratio is not None:
            return times(self.ratio) if self._is_gauge else f"{times(self.ratio)} ({span(*self.ends)})"
        if self.canary.value is None:
            return "no canary events"
        if self._is_gauge:
            return f"{self.canary.value:.3g}"
        return f"{share(self.canary.value)} of {self.canary.n:,.0f}"

    def _fail_texts(self) -> tuple[str, str]:
        latch = self.track.latch
        if latch.by == "limit":
            since = clock(latch.failed_at or 0.0)
            above = f"above the limit of {self._limit}"
            return f"{self._level} {above}, {odds(latch.peak)}, since {since}", f"above {self._limit} since {since}"
        begun, recent = onset_of(self.track), self.recent_ratio
        since = clock(begun if begun is not None else latch.failed_at or 0.0)
        if recent is not None and self.metric.falling:
            recent = 1.0 / recent
        recent_ratio = "" if recent is None else f"{times(recent)} "
        apart = bool(recent_ratio) and (self.ratio is None or recent_ratio.strip() != times(self.ratio))
        over = f" over the stage, {odds(latch.peak)}, {recent_ratio}" if apart else f", {odds(latch.peak)}, "
        return f"{self._estimate}{over}since {since}", f"{recent_ratio}since {since}"

    @property
    def _level(self) -> str:
        value = self.canary.value
        if value is None:
            return "the canary is"
        return f"{value:.3g} is" if self._is_gauge else f"{share(value)} is"

    @property
    def _limit(self) -> str:
        return limit_text(self.metric, self.track)

    def _warn_texts(self) -> tuple[str, str]:
        evidence = self.track.evidence
        if not evidence.can_fail and evidence.worse >= evidence.limit:
            then = "1.5x what the baseline was before"
            return f"{self._estimate}: {odds(evidence.worse)} that it is {then}", f"above {then}"
        if evidence.limit > evidence.worse:
            above = f"maybe above the limit of {self._limit}"
            return f"{self._level} {above}, {odds(evidence.limit)}", f"maybe above {self._limit}"
        line = f"{self._estimate}, {odds(evidence.worse)} that it is worse"
        if evidence.worse >= 100.0 and not has_material_excess(evidence, self.track.policy):
            less = f"by less than {share(self.metric.min_excess)}"
            return f"{line}, {less}", less
        ratio = self.recent_ratio or evidence.ratio
        if self.flow is not None and ratio is not None and not math.isinf(ratio):
            left_s = find_s(self.metric, self.flow, ratio)
            if not math.isinf(left_s):
                return f"{line}; verdict in {wait(left_s)} if it holds", f"verdict in {wait(left_s)}"
        return line, ""

    def _warming_texts(self) -> tuple[str, str]:
        track = self.track
        if track.ticks < WARM_TICKS:
            progress = f"{track.ticks} of {WARM_TICKS} ticks"
        else:
            progress = f"{track.evidence.expected or 0.0:.1f} of ~{WARM_EVENTS:.0f} events needed"
        if self.flow is None:
            return progress, progress
        line, brief = self._when_visible(self.flow)
        return f"{progress}; {line} at {per_second(self.flow.canary)}", brief

    def _when_visible(self, flow: Flow) -> tuple[str, str]:
        wanted = self.metric.pass_below
        seconds = find_s(self.metric, flow, wanted)
        if math.isinf(seconds) and flow.bad <= 0.0:
            reason = "no errors to compare yet"
            return reason, reason
        if math.isinf(seconds) and flow.bad * (wanted - 1) < self.metric.min_excess:
            least = share(self.metric.min_excess)
            return f"a {wanted:g}x would be less than {least} more", f"{wanted:g}x is under {least}"
        return f"a {wanted:g}x would show in {wait(seconds)}", f"{wanted:g}x shows in {wait(seconds)}"

    def _pass_texts(self) -> tuple[str, str]:
        evidence = self.track.evidence
        if evidence.passes_by == "negligible":
            return f"{self._estimate}: {odds(evidence.ready)} that it is below {share(self.metric.negligible)}", ""
        if evidence.passes_by == "limit":
            return f"{self._estimate}: below the limit of {self._limit}; no baseline to compare with", "no baseline"
        return f"{self._estimate}, {odds(evidence.ready)} that it is below {self.metric.pass_below:g}x", ""

    def _watching_texts(self) -> tuple[str, str]:
        track = self.track
        excluded = f"{self.metric.pass_below:g}x"
        if track.word() is MetricWord.PASS:
            wanted = f"{self.canary.n:,.0f} of {self.min_requests:,} requests"
            return f"{self._estimate}: {wanted}", wanted
        if not track.evidence.fits:
            return f"{self._level} above the limit of {self._limit}, as seen", f"above {self._limit}"
        if track.alone:
            return f"{self._estimate}: no baseline to compare with", "no baseline"
        if track.ticks < PASS_TICKS and track.evidence.ready >= 20.0:
            ticks = f"{track.ticks} of {PASS_TICKS} ticks"
            return f"{self._estimate}: {ticks}", ticks
        if self.flow is None:
            return f"{self._estimate}: cannot exclude {excluded} yet", f"{excluded} not excluded"
        if self.over:
            line, brief = self._needed_to_pass(self.flow)
            return f"{self._estimate}: cannot exclude {excluded}; {line}", brief
        line, brief = self._when_visible(self.flow)
        return f"{self._estimate}, {line}", brief

    def _needed_to_pass(self, flow: Flow) -> tuple[str, str]:
        """The time, or the traffic, that a pass needs."""
        metric = self.metric
        seconds = seconds_to_pass(flow, worse_by=metric.pass_below, negligible=self.track.policy.negligible)
        line = brief = f"needs {wait(seconds)} more"
        if math.isinf(seconds):
            line, brief = "waiting alone will not pass it", "no pass by waiting"
        weight = weight_to_find(flow, metric.pass_below, 600.0, tolerance=metric.tolerance)
        now = flow.canary / flow.total
        return (f"{line}, or {weight * 100:.2g} %" if weight is not None and weight > 1.5 * now else line), brief
