"""A plan's requirements of one metric as numbers, and the check of a sample."""

from __future__ import annotations

import math
from dataclasses import dataclass

from adapters.contract import Buckets, Counts, Gauge, Sample, Shape
from console.plan.nouns import Metric

_ABSURD = 1e15
"""Numbers above this come from a broken counter, and their products would overflow."""
_NIL = 1e-100
"""Numbers between 0 and this come from a broken counter, and their quotients would underflow."""


@dataclass(frozen=True, slots=True)
class MetricPolicy:
    """The plan's requirements of one metric."""

    shape: Shape = Shape.COUNTS
    tolerance: float = 1.25
    """Ratio up to which the canary still counts as equal."""
    worse_by: float = 2.0
    """Ratio that a pass excludes."""
    limit: float | None = None
    """The canary's own ceiling: a share, or a gauge's level."""
    negligible: float = 0.0005
    """Share below which no ratio matters; 0 disables that kind of pass."""
    min_excess: float = 0.0005
    """Least absolute excess of a FAIL: a share, or a gauge's difference; 0 disables it."""
    falling: bool = False
    """Lower is worse, as for a usage counter."""

    @classmethod
    def of(cls, metric: Metric) -> MetricPolicy:
        """The policy of a metric of the plan."""
        limit, least, falling = metric.limit, metric.min_excess, metric.falling
        negligible = 0.0 if falling else metric.negligible
        return cls(metric.query.shape, metric.tolerance, metric.pass_below, limit, negligible, least, falling)


def is_judgeable(sample: Sample | None) -> bool:
    """Whether a sample is finite, not negative, and has no more bad than total; a gap (None) is judgeable."""
    match sample:
        case None:
            return True
        case Counts(total=total, bad=bad):
            return 0.0 <= bad <= total < _ABSURD and not (0.0 < bad < _NIL or 0.0 < total < _NIL)
        case Buckets(total=total, within=within):
            last = 0.0
            for _, count in within:
                if not last <= count <= total:
                    return False
                last = count
            return 0.0 <= total < _ABSURD
        case Gauge(value=value):
            return math.isfinite(value) and (value == 0.0 or _NIL < abs(value) < _ABSURD)
