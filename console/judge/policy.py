"""What a plan asks of one metric, as numbers the engine reads; and what one tick says after it was checked."""

from __future__ import annotations

import math

from adapters.contract import Buckets, Counts, Gauge, Sample, Shape
from console.judge.value import Value
from console.plan.nouns import Metric

_ABSURD = 1e15
"""Numbers beyond this are a broken counter, and their products would overflow."""
_NIL = 1e-100
"""Numbers between 0 and this likewise, and their quotients would vanish."""


class MetricPolicy(Value):
    """One metric's terms. Immutable."""

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
        """The ratio up to which worse still counts as equal."""
        self.worse_by = worse_by
        """The ratio that a pass excludes."""
        self.limit = limit
        """The canary's own ceiling: a share, or a gauge's level."""
        self.negligible = negligible
        """A share below which no ratio matters; 0 switches that way to a pass off."""
        self.min_excess = min_excess
        """The least absolute excess that is called a FAIL: a share, or a gauge's difference; 0 switches it off."""
        self.falling = falling
        """Lower is worse: a usage counter."""

    @classmethod
    def of(cls, metric: Metric) -> MetricPolicy:
        """The terms of a metric of the plan."""
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
    """Whether a sample can be judged: finite, not negative, no more bad than total. None is a gap, not dirt."""
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
