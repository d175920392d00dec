"""Whether metrics are back at what they were: the last look before a rollback is closed. Pure.

What they were is what both arms together read before the first promote; what they are now, what both arms together read
since everything was rolled back. After a rollback there is no canary to compare, so nothing here is a canary verdict:
it is a plain before-and-after, and says "not known yet" rather than guess.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from adapters.contract import Buckets, Counts, Gauge, Reading, Sample, Shape
from console.events.evidence import Verb
from console.judge.rule import unjudged_text
from console.plan.nouns import Metric, Role
from console.state.ledger import place_from
from console.state.values import MetricState, RolloutState

ENOUGH_TICKS = 3
"""Ticks with data that the look needs on either side."""
_Z = 2.576
"""99 %, two-sided."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """One metric after a rollback."""

    metric: str
    back: bool | None
    """Whether it reads as it did before; None: not known, or not yet."""
    why: str


def recoveries(state: RolloutState) -> tuple[Recovery, ...]:
    """Every metric that decides or guards; nothing while the rollback is not through."""
    since = state.rolled_back_at
    if since is None:
        return ()
    promoted = next(
        (entry.happened_at for entry in state.decisions if entry.verb is Verb.PROMOTE and not entry.void), None
    )
    before = promoted or state.opened_at or since
    metrics = [entry for entry in state.metrics.values() if entry.metric.role is not Role.INFO]
    return tuple(_recovery(entry, before, since, state.as_of or since) for entry in metrics)


def _recovery(entry: MetricState, before: datetime, since: datetime, now: datetime) -> Recovery:
    metric = entry.metric
    if entry.unjudged:
        return Recovery(metric.name, None, unjudged_text(entry.unjudged))
    then = [sample for reading in entry.ledger[: place_from(entry.ledger, before)] for sample in _arms(reading)]
    after = [reading for reading in entry.ledger[place_from(entry.ledger, since) :] if _arms(reading)]
    if len(after) < ENOUGH_TICKS:
        finding = f"{len(after)} of {ENOUGH_TICKS} ticks since everything was rolled back"
        return Recovery(metric.name, None, f"{finding}{f' ({entry.problem})' if entry.problem else ''}")
    newest = max(at for at in (entry.canary_at, entry.baseline_at, after[-1].at) if at is not None)
    if (age_s := (now - newest).total_seconds()) > entry.stale_after_s:
        return Recovery(metric.name, None, f"newest sample {age_s:.0f} s old")
    since_then = [sample for reading in after for sample in _arms(reading)]
    look = _level if metric.query.shape is Shape.GAUGE else _share
    return Recovery(metric.name, *look(metric, then, since_then))


def _arms(reading: Reading) -> list[Sample]:
    return [sample for sample in (reading.canary, reading.baseline) if sample is not None]


def _share(metric: Metric, then: Sequence[Sample], now: Sequence[Sample]) -> tuple[bool | None, str]:
    """Shares: back if not worse by more than the tolerance, worse if that is beyond chance."""
    edge = _edge(then or now)
    total, part = _sums(now, edge)
    if total <= 0:
        return None, "no requests since everything was rolled back"
    share = part / total
    reads = f"{share * 100:.3g} % of {total:,.0f}{f' slower than {edge:g}' if edge is not None else ''}"
    if metric.limit is not None and not metric.falling and edge is None and share > metric.limit:
        return False, f"{reads}, above its limit {metric.limit * 100:.3g} %"
    before, part_before = _sums(then, edge)
    if before <= 0:
        fine = not metric.falling and share <= metric.negligible
        return (True, reads) if fine else (None, f"{reads}; what it was before the first promote is not known")
    was = part_before / before
    bound = was / metric.tolerance if metric.falling else max(was * metric.tolerance, metric.negligible)
    if share >= bound if metric.falling else share <= bound:
        return True, f"{reads}, as before"
    low, high = _interval(part, total)
    finding = f"{reads}, before it was {was * 100:.3g} %"
    if high < bound if metric.falling else low > bound:
        return False, finding
    return None, f"{finding}: too few requests to tell"


def _edge(samples: Sequence[Sample]) -> float | None:
    """Of a histogram the edge that about one request in ten is slower than; None for plain counts."""
    buckets = [sample for sample in samples if isinstance(sample, Buckets)]

    def distance(edge: float) -> float:
        total, slow = _sums(buckets, edge)
        return abs((slow / total if total > 0 else 1.0) - 0.1)

    return min({edge for sample in buckets for edge, _ in sample.within}, key=distance, default=None)


def _sums(samples: Sequence[Sample], edge: float | None) -> tuple[float, float]:
    """(total, bad) over what are numbers; of histograms the requests slower than `edge`."""
    pairs = [(sample.total, sample.bad) for sample in samples if isinstance(sample, Counts)]
    for sample in samples:
        if isinstance(sample, Buckets) and (within := dict(sample.within).get(edge or math.nan)) is not None:
            pairs.append((sample.total, sample.total - within))
    found = [pair for pair in pairs if math.isfinite(pair[0]) and math.isfinite(pair[1])]
    return sum(total for total, _ in found), sum(bad for _, bad in found)


def _interval(part: float, total: float) -> tuple[float, float]:
    """Wilson's 99 % interval of a share (E. B. Wilson, JASA 22 (1927) 209)."""
    share = min(max(part / total, 0.0), 1.0)
    spread = _Z * math.sqrt(share * (1 - share) / total + _Z**2 / (4 * total**2))
    middle, scale = share + _Z**2 / (2 * total), 1 + _Z**2 / total
    return (middle - spread) / scale, (middle + spread) / scale


def _level(metric: Metric, then: Sequence[Sample], now: Sequence[Sample]) -> tuple[bool | None, str]:
    """Levels: the mean now against the mean then."""
    level, before = _mean(now), _mean(then)
    if level is None:
        return None, "no number since everything was rolled back"
    reads = f"{level:.4g}"
    if metric.limit is not None and not metric.falling and level > metric.limit:
        return False, f"{reads}, above its limit {metric.limit:.4g}"
    if before is None:
        return None, f"{reads}; what it was before the first promote is not known"
    most = before + abs(before) * (metric.tolerance - 1)
    back = level >= before / metric.tolerance if metric.falling else level <= most
    return back, f"{reads}, as before" if back else f"{reads}, before it was {before:.4g}"


def _mean(samples: Sequence[Sample]) -> float | None:
    values = [sample.value for sample in samples if isinstance(sample, Gauge) and math.isfinite(sample.value)]
    return sum(values) / len(values) if values else None
