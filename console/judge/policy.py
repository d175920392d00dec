"""A plan's requirements of one metric as numbers, and the check of a sample."""

from __future__ import annotations

import math

from adapters.contract import Buckets, Counts, Gauge, Sample, Shape
from console.judge.value import Value
from console.plan.nouns import Metric

_ABSURD = 1e15
"""Numbers above this come from a broken counter, and their products would overflow."""
_NIL = 1e-100
"""Numbers between 0 and this come from a broken counter, and their quotients would underflow."""


class MetricPolicy(Value):
    """The plan's requirements of one metric. Immutable."""

    __slots__ = ("falling", "limit", "min_excess", "negligible", "shape", "tolerance", "worse_by")

    def __init__(
        self,
        shape: Shape = Shape.COUNTS,
        tolerance: float = 1.25,
        worse_by: float = 2.0,
        limit: float | None = None,
        negligible: float = 0.0005,
        min_excess: float = 0.0005,
        falling: bool = False,
    ) -> None:
        self.shape = shape
        self.tolerance = tolerance
        """Ratio up to which the canary still counts as equal."""
        self.worse_by = worse_by
        """Ratio that a pass excludes."""
        self.limit = limit
        """The canary's own ceiling: a share, or a gauge's level."""
        self.negligible = negligible
        """Share below which no ratio matters; 0 disables that kind of pass."""
        self.min_excess = min_excess
        """Least absolute excess of a FAIL: a share, or a gauge's difference; 0 disables it."""
        self.falling = falling
        """Lower is worse, as for a usage counter."""

    @classmethod
    def of(cls, metric: Metric) -> MetricPolicy:
        """The policy of a metric of the plan."""
        return cls(
            metric.query.shape,
            metric.tolerance,
            metric.pass_below,
            metric.limit,
            0.0 if metric.falling else metric.negligible,
            metric.min_excess,
            metric.falling,
        )


def is_judgeable(sample: Sample | None) -> bool:
    """Whether a sample is finite, not negative, and has no more bad than total.

    None is a gap, which is judgeable.
    """
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
