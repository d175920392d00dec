"""Whether metrics are back at what they were: the last look before a rollback is closed. Pure.

What they were is what both arms together read before the first promote; what they are now, what both arms together read
since everything was rolled back. After a rollback there is no canary to compare, so nothing here is a canary verdict:
it is a plain before-and-after, and says "not told yet" rather than guess.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from adapters.contract import Counts, Gauge, Reading, Sample, Shape
from console.events.evidence import Verb
from console.plan.nouns import Metric, Role
from console.state.values import MetricState, State

ENOUGH_TICKS = 3
"""Ticks with data that the look needs on either side."""
_Z = 2.576
"""99 %, two-sided."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """One metric after a rollback."""

    metric: str
    back: bool | None
    """Whether it reads as it did before; None: cannot be told, or not yet."""
    why: str
    """What stands, in words."""


def recoveries(state: State) -> tuple[Recovery, ...]:
    """Every metric that decides or guards; nothing while the rollback is not through."""
    since = state.rolled_back_at
    if since is None:
        return ()
    promoted = next((entry.at for entry in state.decisions if entry.verb is Verb.PROMOTE and not entry.void), None)
    before = promoted or state.opened_at or since
    return tuple(
        _recovery(entry, before, since, state.as_of or since)
        for entry in state.metrics.values()
        if entry.metric.role is not Role.INFO
    )


def _recovery(entry: MetricState, before: datetime, since: datetime, now: datetime) -> Recovery:
    metric = entry.metric
    then = [sample for reading in entry.ledger if reading.at < before for sample in _arms(reading)]
    after = [reading for reading in entry.ledger if reading.at >= since and _arms(reading)]
    if len(after) < ENOUGH_TICKS:
        told = f"{len(after)} of {ENOUGH_TICKS} ticks since everything was rolled back"
        return Recovery(metric.name, None, f"{told}{f' ({entry.problem})' if entry.problem else ''}")
    newest = max(at for at in (entry.canary_at, entry.baseline_at, after[-1].at) if at is not None)
    if (age_s := (now - newest).total_seconds()) > metric.stale_after_s:
        return Recovery(metric.name, None, f"newest sample {age_s:.0f} s old")
    since_then = [sample for reading in after for sample in _arms(reading)]
    look = _level if metric.query.shape is Shape.GAUGE else _share
    back, why = look(metric, then, since_then)
    return Recovery(metric.name, back, why)


def _arms(reading: Reading) -> list[Sample]:
    return [sample for sample in (reading.canary, reading.baseline) if sample is not None]


def _share(metric: Metric, then: Sequence[Sample], now: Sequence[Sample]) -> tuple[bool | None, str]:
    """Shares of bad events: back if not more than the tolerance above, worse if its lower bound is."""
    total, bad = _sums(now)
    if total <= 0:
        return None, "no requests since everything was rolled back"
    reads = f"{bad / total * 100:.3g} % of {total:,.0f}"
    ceiling = metric.negligible
    if metric.limit is not None and bad / total > max(metric.limit, ceiling):
        return False, f"{reads}, above its limit {metric.limit * 100:.3g} %"
    before, bad_before = _sums(then)
    if before > 0:
        ceiling = max(ceiling, bad_before / before * metric.tolerance)
    if bad / total <= ceiling:
        return True, f"{reads}, as before"
    if before <= 0:
        return None, f"{reads}; what it was before the first promote is not known"
    was = f"before it was {bad_before / before * 100:.3g} %"
    if _lower(bad, total) > ceiling:
        return False, f"{reads}, {was}"
    return None, f"{reads}, {was}: too few requests to tell"


def _sums(samples: Sequence[Sample]) -> tuple[float, float]:
    """(total, bad) over counts that are numbers."""
    counts = [sample for sample in samples if isinstance(sample, Counts)]
    found = [(each.total, each.bad) for each in counts if math.isfinite(each.total) and math.isfinite(each.bad)]
    return sum(total for total, _ in found), sum(bad for _, bad in found)


def _lower(bad: float, total: float) -> float:
    """Wilson's lower 99 % bound of a share (E. B. Wilson, JASA 22 (1927) 209)."""
    share = min(max(bad / total, 0.0), 1.0)
    spread = _Z * math.sqrt(share * (1 - share) / total + _Z**2 / (4 * total**2))
    return (share + _Z**2 / (2 * total) - spread) / (1 + _Z**2 / total)


def _level(metric: Metric, then: Sequence[Sample], now: Sequence[Sample]) -> tuple[bool | None, str]:
    """Levels: the mean now against the mean then."""
    level, before = _mean(now), _mean(then)
    if level is None:
        return None, "no number since everything was rolled back"
    reads = f"{level:.4g}"
    if metric.limit is not None and level > metric.limit:
        return False, f"{reads}, above its limit {metric.limit:.4g}"
    if before is None:
        return None, f"{reads}; what it was before the first promote is not known"
    back = level <= before * metric.tolerance if before > 0 else level <= before
    return back, f"{reads}, as before" if back else f"{reads}, before it was {before:.4g}"


def _mean(samples: Sequence[Sample]) -> float | None:
    values = [sample.value for sample in samples if isinstance(sample, Gauge) and math.isfinite(sample.value)]
    return sum(values) / len(values) if values else None
