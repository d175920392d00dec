"""The longer explanation of one metric's verdict, as plain text.

It has the keys with their thresholds, the inputs, a forecast, and the next possible change. `rule` makes the verdict,
the tracks its evidence; this module only words them, and computes nothing that the verdict does not rest on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from console.judge.counts import CountsTrack
from console.judge.forecast import Flow, seconds_to_pass, smallest_found
from console.judge.gauges import GaugeTrack
from console.judge.latch import CALM, FAIL_AT, NOT_TRIVIAL, READY, WARN
from console.judge.latency import LatencyTrack
from console.judge.mixture import PLENTY
from console.judge.reason import dominant_model, find_s, flow_of, limit_text, onset_of
from console.judge.track import PASS_TICKS, WARM_EVENTS, WARM_TICKS, MetricWord, Track
from console.judge.wording import clock, factor, odds, per_second, share, wait
from console.plan.nouns import Metric

FORECAST = (2.0, 5.0, 20.0)
"""Ratios of the regressions in the forecast."""


@dataclass(frozen=True, slots=True)
class EvidenceKey:
    """One piece of evidence with its threshold and consequence."""

    what: str
    """The statement that it is evidence for."""
    evidence: float
    """Odds to one."""
    needed: float
    """Odds to one at which the consequence follows."""
    consequence: str
    """Effect once the threshold is reached."""

    @property
    def is_met(self) -> bool:
        """Whether the threshold is reached."""
        return self.evidence >= self.needed


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that a verdict rests on, in words."""

    keys: tuple[EvidenceKey, ...]
    next_change: str
    """Conditions that would change the verdict."""
    forecast: tuple[str, ...]
    inputs: tuple[str, ...]
    ticks: str


def explain(metric: Metric, track: Track, *, tick_s: float, late: int, over: bool) -> Explanation:
    """Explain the verdict of `track`.

    Args:
        metric, track: whose verdict it is.
        tick_s: length of its ticks in seconds.
        late: ticks that changed after they had been judged.
        over: the stage's time is over.
    """
    flow = flow_of(track, tick_s)
    return Explanation(
        tuple(_keys(metric, track)),
        _next_change(metric, track, flow, over=over),
        tuple(_forecast(metric, track, flow, tick_s)),
        tuple(_inputs(metric, track)),
        _ticks(track, tick_s, late),
    )


def _keys(metric: Metric, track: Track) -> list[EvidenceKey]:
    evidence, latch = track.evidence, track.latch
    found = []
    if track.alone:
        if isinstance(track.model, CountsTrack) and track.model.then is not None:
            past = "above 1.5x what the baseline was before"
            found.append(EvidenceKey(past, evidence.worse, WARN, "WARN, never FAIL"))
    elif isinstance(track.model, GaugeTrack):
        found.append(EvidenceKey(f"worse than {_gauge_allowance(metric)}", evidence.worse, latch.needed_worse, "FAIL"))
    else:
        found.append(EvidenceKey("worse than the baseline", evidence.worse, latch.needed_worse, "key 1 of a FAIL"))
        found.append(EvidenceKey(f"worse than {metric.tolerance:g}x", evidence.trivial, NOT_TRIVIAL, "key 2 of a FAIL"))
    if metric.limit is not None:
        above = f"above the limit of {limit_text(metric, track)}"
        found.append(EvidenceKey(above, evidence.limit, latch.needed_limit, "FAIL"))
    found.append(EvidenceKey(_pass_condition(metric, track), evidence.ready, READY, "pass"))
    return found


def _gauge_allowance(metric: Metric) -> str:
    """Difference from the baseline that still counts as equal, for a gauge."""
    return f"{metric.min_excess:g} above the baseline" if metric.min_excess > 0.0 else f"{metric.tolerance:g}x"


def _pass_condition(metric: Metric, track: Track) -> str:
    """Statement that a pass would prove."""
    model = track.model
    if isinstance(model, GaugeTrack):
        if track.alone:
            return f"within the limit of {limit_text(metric, track)}"
        return f"below {2 * metric.min_excess:g} above it" if metric.min_excess > 0 else f"below {metric.pass_below:g}x"
    small = f"below {share(metric.negligible)}" if track.policy.negligible > 0.0 else ""
    if track.alone:
        ways = [f"below the limit of {limit_text(metric, track)}" if metric.limit is not None else "", small]
        return " or ".join(way for way in ways if way) or "nothing: no limit and no baseline"
    engine = dominant_model(track)
    if small and isinstance(engine, CountsTrack) and engine.weight > 0.0:
        return f"below {metric.pass_below:g}x or {small}"
    return f"below {metric.pass_below:g}x"


def _next_change(metric: Metric, track: Track, flow: Flow | None, *, over: bool) -> str:
    evidence = track.evidence
    excluded = f"{metric.pass_below:g}x"
    match track.word():
        case MetricWord.FAIL:
            stands = evidence.limit if track.latch.by == "limit" else evidence.worse
            again = 2.0 * min(max(stands, FAIL_AT / 2.0), PLENTY)
            stays = "stays FAIL, even without data, until the next stage or a recorded override"
            return f"{stays}; after one it takes {odds(again)} to fail again"
        case MetricWord.WARN:
            return f"FAIL once its keys turn{_fail_forecast(metric, track, flow)}; calm again below {CALM:g}:1"
        case MetricWord.WARMING_UP:
            if left := max(WARM_TICKS - track.ticks, 0):
                return f"a first word after {left} more tick{'s' * (left > 1)}"
            expected = evidence.expected or 0.0
            return f"a first word once ~{WARM_EVENTS:g} events are expected at {excluded}: {expected:.1f} so far"
        case MetricWord.PASS:
            return f"WARN at {WARN:g}:1 that it is worse{_regression_forecast(metric, flow)}"
        case MetricWord.WATCHING:
            return _watching(metric, track, flow, over=over)


def _fail_forecast(metric: Metric, track: Track, flow: Flow | None) -> str:
    ratio = track.evidence.ratio
    if flow is None or ratio is None or math.isinf(ratio):
        return ""
    seconds = find_s(metric, flow, ratio)
    return f", in {wait(seconds)} if it stays at {factor(ratio)}x" if math.isfinite(seconds) else ""


def _regression_forecast(metric: Metric, flow: Flow | None) -> str:
    seconds = math.inf if flow is None else find_s(metric, flow, metric.pass_below)
    when = f"would be FAIL in {wait(seconds)}"
    return f"; a {metric.pass_below:g}x that began now {when}" if math.isfinite(seconds) else ""


def _watching(metric: Metric, track: Track, flow: Flow | None, *, over: bool) -> str:
    evidence = track.evidence
    parts = [f"pass at {READY:g}:1, {odds(evidence.ready)} now"]
    if evidence.ready >= READY and track.ticks < PASS_TICKS:
        parts = [f"pass after {PASS_TICKS - track.ticks} more ticks"]
    if not evidence.fits:
        parts.append("but not while its observed level is above the limit")
    if flow is not None and evidence.ready < READY:
        seconds = seconds_to_pass(flow, worse_by=metric.pass_below, negligible=track.policy.negligible)
        healthy = f"in {wait(seconds)} if it is like the baseline"
        parts[0] += f", {healthy}" if math.isfinite(seconds) else ", which waiting alone will not reach"
    if over:
        parts.append("the stage's time is over: wait, or override")
    return "; ".join(parts) + _regression_forecast(metric, flow)


def _forecast(metric: Metric, track: Track, flow: Flow | None, tick_s: float) -> list[str]:
    if track.latch.failed_at is not None:
        return []
    if isinstance(track.model, GaugeTrack):
        return ["none for a gauge: its drift is not known beforehand"]
    if track.alone:
        return ["none without a baseline"]
    if flow is None:
        return ["none before both arms have events in this stage"]
    if flow.bad <= 0.0:
        return ["none while the baseline has no bad event: any ratio would be a guess"]
    rate = f"at {per_second(flow.canary)} of the canary, {share(flow.bad)} bad of the baseline"
    found = []
    for ratio in FORECAST:
        if flow.bad * ratio > 1.0:
            continue
        small = flow.bad * (ratio - 1.0) < metric.min_excess
        text = f"below {share(metric.min_excess)} more, never a FAIL" if small else wait(find_s(metric, flow, ratio))
        found.append(f"{ratio:g}x {text}")
    lines = [f"FAIL would come after: {', '.join(found)} ({rate})"]
    past, judged_s = flow.without_evidence, track.ticks * tick_s
    caught = smallest_found(past, judged_s, tolerance=metric.tolerance, min_excess=metric.min_excess)
    if caught is not None:
        lines.append(f"would already have caught >= {factor(caught)}x, had it been there since the stage began")
    return lines


def _inputs(metric: Metric, track: Track) -> list[str]:
    model = track.model
    lines = [_policy_text(metric, track)]
    if isinstance(model, LatencyTrack):
        lines += _edge_lines(model)
    if isinstance(model, GaugeTrack):
        return [*lines, _spread(model)]
    engine = dominant_model(track)
    if isinstance(engine, CountsTrack):
        bursts = engine.split.bursts
        meaning = "evidence is divided by it; 1 is errors that come one by one"
        lines.append(f"burst factor {bursts.phi:.3g}, {bursts.before:.3g} before the stage: {meaning}")
        if not track.alone:
            lines += _excess(metric, track)
    return lines


def _policy_text(metric: Metric, track: Track) -> str:
    if isinstance(track.model, GaugeTrack):
        excluded = _pass_condition(metric, track).replace("below", "a pass excludes", 1)
        parts = [f"equal up to {_gauge_allowance(metric)}", excluded]
    else:
        parts = [f"equal up to {metric.tolerance:g}x", f"a pass excludes {metric.pass_below:g}x"]
        parts.append(f"less than {share(metric.min_excess)} more is no FAIL" if metric.min_excess > 0.0 else "")
        parts.append(f"below {share(metric.negligible)} nothing matters" if track.policy.negligible > 0.0 else "")
    parts.append(f"limit {limit_text(metric, track)}" if metric.limit is not None else "")
    parts.append("lower is worse" if metric.falling else "")
    parts.append(f"the first {metric.warmup_s:g} s of a stage are not judged" if metric.warmup_s > 0.0 else "")
    return "; ".join(part for part in parts if part)


def _edge_lines(model: LatencyTrack) -> list[str]:
    if not model.edges:
        return ["the edges are not chosen yet: 100 requests of the baseline are needed"]
    names = ("near the baseline's p90", "near its p99")
    lines = []
    for edge, engine, name in zip(model.edges, model.tracks, names, strict=False):
        ratio = engine.split.ratio()
        worse = odds(engine.split.worse.evidence)
        value = f"{factor(ratio)}x, {worse}" if ratio is not None else worse
        lines.append(f"slower than {edge:g} ({name}): {value}")
    averaged = "the evidence of both edges is averaged; the ratio shown is that of the edge with the larger evidence"
    return [*lines, averaged]


def _spread(model: GaugeTrack) -> str:
    spread = model.spread
    block = f"blocks of {spread.length} ticks, by their medians"
    if spread.sd is not None:
        size = f"{spread.sd:.3g}" if model.plain else f"{spread.sd * 100:.2g} %"
        return f"{block}; one healthy instance strays by {size} (learned from the baseline's before the stage)"
    return f"{block}; how far healthy ones stray is learned from the stage's own {len(model.medians)} blocks, 5 needed"


def _excess(metric: Metric, track: Track) -> list[str]:
    excess, begun = track.evidence.excess, onset_of(track)
    if excess is None or begun is None or excess <= 0.0 or metric.min_excess <= 0.0:
        return []
    needed = "enough" if excess >= metric.min_excess else "too little"
    return [f"{share(excess)} more bad events since {clock(begun)}, {share(metric.min_excess)} needed: {needed}"]


def _ticks(track: Track, tick_s: float, late: int) -> str:
    parts = [f"{track.ticks} of {tick_s:g} s judged in this stage", f"{track.total} in this rollout"]
    parts.append(f"{track.dirty} invalid dropped" if track.dirty else "none invalid")
    parts.append(f"{late} changed after they were judged, not judged again" if late else "")
    parts.append(f"the newest began {clock(track.judged_to)}" if track.judged_to else "")
    return ", ".join(part for part in parts if part)
