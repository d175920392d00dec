"""The longer explanation of one metric's verdict, as plain text: keys, thresholds, inputs, forecast, what comes next.

Only words; what a verdict is stands in `rule`, how it was reached in the tracks. Nothing here is reckoned that the
verdict does not rest on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from console.judge.counts import CountsTrack
from console.judge.forecast import Flow, seconds_to_find, seconds_to_pass, smallest_found
from console.judge.gauges import GaugeTrack
from console.judge.latch import CALM, FAIL_AT, NOT_TRIVIAL, READY, WARN
from console.judge.latency import LatencyTrack
from console.judge.mixture import PLENTY
from console.judge.reason import dominant_model, flow_of, onset_of
from console.judge.track import PASS_TICKS, WARM_EVENTS, WARM_TICKS, Track, Word
from console.judge.wording import clock, factor, odds, per_second, share, wait
from console.plan.nouns import Metric

FORECAST = (2.0, 5.0, 20.0)
"""The regressions whose time to be found is told."""


@dataclass(frozen=True, slots=True)
class Key:
    """One piece of evidence with what it takes."""

    what: str
    """What it is evidence for."""
    evidence: float
    """So many to one."""
    needed: float
    turns: str
    """What it brings about."""

    @property
    def turned(self) -> bool:
        """Whether it is enough."""
        return self.evidence >= self.needed


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything a verdict rests on, in words."""

    keys: tuple[Key, ...]
    follows: str
    """What would change the verdict."""
    forecast: tuple[str, ...]
    inputs: tuple[str, ...]
    ticks: str


def explain(metric: Metric, track: Track, *, tick_s: float, late: int, over: bool) -> Explanation:
    """What the verdict of `track` rests on.

    Args:
        tick_s: length of its ticks.
        late: ticks that changed after they had been judged.
        over: the stage's time is over.
    """
    flow = flow_of(track, tick_s)
    return Explanation(
        tuple(_keys(metric, track)),
        _follows(metric, track, flow, over=over),
        tuple(_forecast(metric, track, flow, tick_s)),
        tuple(_inputs(metric, track)),
        _ticks(track, tick_s, late),
    )


# -- keys ------------------------------------------------------------------------------------------------------------


def _keys(metric: Metric, track: Track) -> list[Key]:
    standing, latch = track.standing, track.latch
    found = []
    if track.alone:
        if isinstance(track.model, CountsTrack) and track.model.then is not None:
            found.append(Key("above 1.5x what the baseline was before", standing.worse, WARN, "WARN, never FAIL"))
    elif isinstance(track.model, GaugeTrack):
        found.append(Key(f"worse than {_allowed(metric)}", standing.worse, latch.needed_worse, "FAIL"))
    else:
        found.append(Key("worse than the baseline", standing.worse, latch.needed_worse, "key 1 of a FAIL"))
        found.append(Key(f"worse than {metric.tolerance:g}x", standing.trivial, NOT_TRIVIAL, "key 2 of a FAIL"))
    if metric.limit is not None:
        found.append(Key(f"above the limit of {_limit(metric, track)}", standing.limit, latch.needed_limit, "FAIL"))
    found.append(Key(_passing(metric, track), standing.ready, READY, "pass"))
    return found


def _allowed(metric: Metric) -> str:
    """What a gauge may differ by."""
    return f"{metric.min_excess:g} above the baseline" if metric.min_excess > 0.0 else f"{metric.tolerance:g}x"


def _limit(metric: Metric, track: Track) -> str:
    limit = metric.limit or 0.0
    return f"{limit:g}" if isinstance(track.model, GaugeTrack) else share(limit)


def _passing(metric: Metric, track: Track) -> str:
    """What a pass would have shown."""
    shaped = track.model
    if isinstance(shaped, GaugeTrack):
        if track.alone:
            return f"within the limit of {_limit(metric, track)}"
        return f"below {2 * metric.min_excess:g} above it" if metric.min_excess > 0 else f"below {metric.pass_below:g}x"
    small = f"below {share(metric.negligible)}" if track.terms.negligible > 0.0 else ""
    if track.alone:
        ways = [f"below the limit of {_limit(metric, track)}" if metric.limit is not None else "", small]
        return " or ".join(way for way in ways if way) or "nothing: no limit and no baseline"
    engine = dominant_model(track)
    if small and isinstance(engine, CountsTrack) and engine.weight > 0.0:
        return f"below {metric.pass_below:g}x or {small}"
    return f"below {metric.pass_below:g}x"


# -- what next -------------------------------------------------------------------------------------------------------


def _follows(metric: Metric, track: Track, flow: Flow | None, *, over: bool) -> str:
    standing = track.standing
    asked = f"{metric.pass_below:g}x"
    match track.word():
        case Word.FAIL:
            stands = standing.limit if track.latch.by == "limit" else standing.worse
            again = 2.0 * min(max(stands, FAIL_AT / 2.0), PLENTY)
            stays = "stays FAIL whatever comes, also through silence, until the next stage or a recorded override"
            return f"{stays}; after one it takes {odds(again)} to fail again"
        case Word.WARN:
            return f"FAIL once its keys turn{_by(metric, track, flow)}; calm again below {CALM:g}:1"
        case Word.WARMING_UP:
            left = max(WARM_TICKS - track.ticks, 0)
            if left:
                return f"a first word after {left} more tick{'s' * (left > 1)}"
            seen = standing.expected or 0.0
            return f"a first word once ~{WARM_EVENTS:g} events would have come at {asked}: {seen:.1f} would so far"
        case Word.PASS:
            return f"WARN at {WARN:g}:1 that it is worse{_back(metric, flow)}"
        case Word.WATCHING:
            return _watching(metric, track, flow, over=over)


def _by(metric: Metric, track: Track, flow: Flow | None) -> str:
    ratio = track.standing.ratio
    if flow is None or ratio is None or math.isinf(ratio):
        return ""
    seconds = seconds_to_find(flow, ratio, tolerance=metric.tolerance, min_excess=metric.min_excess)
    return f", in {wait(seconds)} if it stays at {factor(ratio)}x" if math.isfinite(seconds) else ""


def _back(metric: Metric, flow: Flow | None) -> str:
    if flow is None:
        return ""
    seconds = seconds_to_find(flow, metric.pass_below, tolerance=metric.tolerance, min_excess=metric.min_excess)
    told = f"; a {metric.pass_below:g}x that began now would be FAIL in {wait(seconds)}"
    return told if math.isfinite(seconds) else ""


def _watching(metric: Metric, track: Track, flow: Flow | None, *, over: bool) -> str:
    standing = track.standing
    told = [f"pass at {READY:g}:1, {odds(standing.ready)} now"]
    if standing.ready >= READY and track.ticks < PASS_TICKS:
        told = [f"pass after {PASS_TICKS - track.ticks} more ticks"]
    if not standing.fits:
        told.append("but not while its own level, as seen, is above the limit")
    if flow is not None and standing.ready < READY:
        seconds = seconds_to_pass(flow, worse_by=metric.pass_below, negligible=track.terms.negligible)
        healthy = "if it is as the baseline"
        told[0] += f", in {wait(seconds)} {healthy}" if math.isfinite(seconds) else ", which time alone will not bring"
    if over:
        told.append("the stage's time is over: wait, or override")
    return "; ".join(told) + _back(metric, flow)


# -- forecast --------------------------------------------------------------------------------------------------------


def _forecast(metric: Metric, track: Track, flow: Flow | None, tick_s: float) -> list[str]:
    if track.latch.failed_at is not None:
        return []
    if isinstance(track.model, GaugeTrack):
        return ["none for a gauge: how fast it drifts is not known beforehand"]
    if track.alone:
        return ["none without a baseline"]
    if flow is None:
        return ["none before both arms have told something in this stage"]
    if flow.bad <= 0.0:
        return ["none while the baseline has no bad event: any ratio would be a guess"]
    rate = f"at {per_second(flow.canary)} of the canary, {share(flow.bad)} bad of the baseline"
    found = []
    for ratio in FORECAST:
        if flow.bad * ratio > 1.0:
            continue
        seconds = seconds_to_find(flow, ratio, tolerance=metric.tolerance, min_excess=metric.min_excess)
        small = flow.bad * (ratio - 1.0) < metric.min_excess
        said = f"below {share(metric.min_excess)} more, never called" if small else wait(seconds)
        found.append(f"{ratio:g}x {said}")
    lines = [f"FAIL would come after: {', '.join(found)} ({rate})"]
    caught = smallest_found(flow.fresh, track.ticks * tick_s, tolerance=metric.tolerance, min_excess=metric.min_excess)
    if caught is not None:
        lines.append(f"would already have caught >= {factor(caught)}x, had it been there since the stage began")
    return lines


# -- inputs ----------------------------------------------------------------------------------------------------------


def _inputs(metric: Metric, track: Track) -> list[str]:
    shaped = track.model
    lines = [_rule(metric, track)]
    if isinstance(shaped, LatencyTrack):
        lines += _edges(shaped)
    if isinstance(shaped, GaugeTrack):
        return [*lines, _spread(shaped)]
    engine = dominant_model(track)
    if isinstance(engine, CountsTrack):
        bursts = engine.split.bursts
        lines.append(
            f"burst factor {bursts.phi:.3g}, {bursts.before:.3g} before the stage: evidence is divided by it; "
            "1 is errors that come one by one"
        )
        if not track.alone:
            lines += _excess(metric, track)
    return lines


def _rule(metric: Metric, track: Track) -> str:
    if isinstance(track.model, GaugeTrack):
        parts = [f"equal up to {_allowed(metric)}", _passing(metric, track).replace("below", "a pass excludes", 1)]
    else:
        parts = [f"equal up to {metric.tolerance:g}x", f"a pass excludes {metric.pass_below:g}x"]
        parts.append(f"less than {share(metric.min_excess)} more is no FAIL" if metric.min_excess > 0.0 else "")
        small = f"below {share(metric.negligible)} nothing matters" if track.terms.negligible > 0.0 else ""
        parts.append(small)
    parts.append(f"limit {_limit(metric, track)}" if metric.limit is not None else "")
    parts.append("lower is worse" if metric.falling else "")
    parts.append(f"the first {metric.warmup_s:g} s of a stage are not judged" if metric.warmup_s > 0.0 else "")
    return "; ".join(part for part in parts if part)


def _edges(shaped: LatencyTrack) -> list[str]:
    if not shaped.edges:
        return ["the edges are still to be chosen: 100 requests of the baseline are needed"]
    names = ("near the baseline's p90", "near its p99")
    told = []
    for edge, engine, name in zip(shaped.edges, shaped.tracks, names, strict=False):
        ratio = engine.split.ratio()
        worse = odds(engine.split.worse.evidence)
        seen = f"{factor(ratio)}x, {worse}" if ratio is not None else worse
        told.append(f"slower than {edge:g} ({name}): {seen}")
    return [*told, "both engines' evidence is averaged; the ratio shown is that of the edge which says most"]


def _spread(shaped: GaugeTrack) -> str:
    spread = shaped.spread
    block = f"blocks of {spread.length} ticks, by their medians"
    if spread.sd is not None:
        size = f"{spread.sd:.3g}" if shaped.plain else f"{spread.sd * 100:.2g} %"
        return f"{block}; one healthy instance strays by {size} (learned from the baseline's before the stage)"
    return f"{block}; how far healthy ones stray is learned from the stage's own {len(shaped.medians)} blocks, 5 needed"


def _excess(metric: Metric, track: Track) -> list[str]:
    excess, begun = track.standing.excess, onset_of(track)
    if excess is None or begun is None or excess <= 0.0 or metric.min_excess <= 0.0:
        return []
    needed = "enough" if excess >= metric.min_excess else "too little"
    return [f"{share(excess)} more bad events since {clock(begun)}, {share(metric.min_excess)} needed: {needed}"]


def _ticks(track: Track, tick_s: float, late: int) -> str:
    told = [f"{track.ticks} of {tick_s:g} s judged in this stage", f"{track.total} in this rollout"]
    told.append(f"{track.dirty} dirty dropped" if track.dirty else "none dirty")
    told.append(f"{late} changed after they were judged, not judged again" if late else "")
    told.append(f"the newest began {clock(track.judged_to)}" if track.judged_to else "")
    return ", ".join(part for part in told if part)
