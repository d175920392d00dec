"""Gauges (a level per tick): evidence per block of ticks, because a gauge's ticks are not independent.

d = ln(canary / baseline) - ln(tolerance), or canary - baseline - `min_excess` where the plan gives that. A block's
median of d over its spread is held against Student's t with 4 degrees of freedom, shifted by 1.5, 3 and 6 spreads;
at most 8:1 a block. The spread and the length of a block come from the baseline's single instances over the last two
hours where the backend tells them apart, else from how neighbouring blocks of the stage itself differ.

One canary instance cannot be told from a slightly odd one by waiting, so gauges are `info` unless the plan says
otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from adapters.contract import Gauge, Reading
from console.judge.evidence import Evidence
from console.judge.mixture import Mixture
from console.judge.policy import MetricPolicy
from console.judge.value import Value

LENGTHS = (6, 12, 18, 30)
SHIFTS = (1.5, 3.0, 6.0)
_BLOCK_CAP = math.log(8.0)
_FARTHEST = 8.0
"""Spreads beyond which a block counts as this far: in t4's heavy tails a hundred spreads would say nothing."""
_FAR_PRICE = math.log(1.006)
"""What that costs in expectation: 8 times the 0.066 % that t4 has beyond 8, rounded up; so the evidence stays valid."""
_HALF_LIFE = 10.0
"""Blocks after which half of the unspent weight on a later beginning is spent."""
_SCALE_TO_MIXTURE = 60.0 / _HALF_LIFE
_CALM = 0.25
"""Lag-1 autocorrelation of block medians up to which blocks count as independent."""
_FEWEST = 5
"""Blocks of the stage before their own differences tell the spread."""
_LEAST = 0.02
"""Least spread of a log ratio: instruments round."""
_MAD = 1.4826


class Spread(Value):
    """How long a block is and how far its median strays. Immutable."""

    __slots__ = ("length", "sd")

    def __init__(self, length: int = LENGTHS[0], sd: float | None = None) -> None:
        self.length = length
        """Ticks a block."""
        self.sd = sd
        """In the unit of d; None: to be learned in the stage."""


def spread_before(history: list[Gauge], *, plain: bool) -> Spread:
    """From the baseline's single instances before the stage, oldest first; `Spread()` where they are not told apart.

    The first instance against the mean of the rest, as the canary will stand against the baseline. The smallest length
    whose block medians have a lag-1 autocorrelation of at most 0.25, and 1.4826 times their median absolute deviation.
    """
    series = []
    for gauge in history:
        if len(gauge.instances) >= 2:
            rest = sum(gauge.instances[1:]) / (len(gauge.instances) - 1)
            value = _difference(gauge.instances[0], rest, plain=plain)
            if value is not None:
                series.append(value)
    for length in LENGTHS:
        medians = [median(series[i : i + length]) for i in range(0, len(series) - length + 1, length)]
        if len(medians) < 2 * _FEWEST:
            break
        if _autocorrelation(medians) <= _CALM or length == LENGTHS[-1]:
            centre = median(medians)
            sd = _MAD * median([abs(value - centre) for value in medians])
            return Spread(length, max(sd, 1e-9 if plain else _LEAST))
    return Spread()


def median(values: Sequence[float]) -> float:
    """The middle of some values, at least one. (The standard library's would bring decimals and fractions along.)"""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2.0


def _difference(canary: float, baseline: float, *, plain: bool) -> float | None:
    if plain:
        return canary - baseline
    return math.log(canary / baseline) if canary > 0.0 and baseline > 0.0 else None


def _autocorrelation(values: Sequence[float]) -> float:
    mean = sum(values) / len(values)
    spread = sum((value - mean) ** 2 for value in values)
    if spread <= 0.0:
        return 0.0
    return sum((a - mean) * (b - mean) for a, b in pairwise(values)) / spread


def _log_t4(z: float) -> float:
    return -2.5 * math.log1p(z * z / 4.0)


class GaugeTrack(Value):
    """What the blocks of one gauge have said so far. Immutable."""

    __slots__ = ("above", "better", "block", "medians", "spread", "sums", "terms", "worse")

    def __init__(
        self,
        terms: MetricPolicy,
        spread: Spread,
        worse: Mixture | None = None,
        better: Mixture | None = None,
        block: tuple[float, ...] = (),
        medians: tuple[float, ...] = (),
        sums: tuple[int, float, float] = (0, 0.0, 0.0),
        above: int = 0,
    ) -> None:
        self.terms = terms
        self.spread = spread
        self.worse = worse or Mixture.of(len(SHIFTS))
        self.better = better or Mixture.of(len(SHIFTS))
        self.block = block
        """Differences of the block under way."""
        self.medians = medians
        """Of the last blocks of the stage."""
        self.sums = sums
        """(ticks, sum of canary, sum of baseline) of this stage."""
        self.above = above
        """Consecutive canary ticks above the limit."""

    @classmethod
    def begin(cls, terms: MetricPolicy, history: list[Gauge]) -> GaugeTrack:
        """Nothing judged yet. `history`: the baseline's ticks before the stage, oldest first."""
        return cls(terms, spread_before(history, plain=terms.min_excess > 0.0))

    def next_stage(self) -> GaugeTrack:
        """At a new stage."""
        return GaugeTrack(self.terms, self.spread, self.worse.restarted(), medians=self.medians)

    def discounted(self) -> GaugeTrack:
        """After an override: see `Mixture.eased`; and the limit has to be broken three times anew."""
        return GaugeTrack(
            *(self.terms, self.spread, self.worse.discounted(), self.better, self.block, self.medians, self.sums)
        )

    def after(self, reading: Reading, *, alone: bool) -> GaugeTrack | None:
        """After a tick; None where it does not count."""
        canary, baseline = reading.canary, reading.baseline
        if not isinstance(canary, Gauge):
            return None
        over = self.terms.limit is not None and self._worse(canary.value, self.terms.limit)
        above = self.above + 1 if over else 0
        ticks, sum_c, sum_b = self.sums
        if alone:
            sums = (ticks + 1, sum_c + canary.value, sum_b)
            return self._with(self.worse, self.better, self.block, self.medians, sums, above)
        if not isinstance(baseline, Gauge):
            return None
        found = _difference(canary.value, baseline.value, plain=self.plain)
        if found is None:
            return None
        sums = (ticks + 1, sum_c + canary.value, sum_b + baseline.value)
        block = (*self.block, -found if self.terms.falling else found)
        if len(block) < self.spread.length:
            return self._with(self.worse, self.better, block, self.medians, sums, above)
        middle = median(block)
        worse, better = self._judge_block(middle)
        return self._with(worse, better, (), (*self.medians[-29:], middle), sums, above)

    @property
    def plain(self) -> bool:
        """Differences instead of ratios."""
        return self.terms.min_excess > 0.0

    def _worse(self, value: float, limit: float) -> bool:
        return value < limit if self.terms.falling else value > limit

    def _judge_block(self, middle: float) -> tuple[Mixture, Mixture]:
        sd = self.spread.sd if self.spread.sd is not None else _learned(self.medians, plain=self.plain)
        if sd is None:
            return self.worse, self.better
        terms = self.terms
        allowed, excluded = (
            (terms.min_excess, 2.0 * terms.min_excess)
            if self.plain
            else (math.log(terms.tolerance), math.log(terms.worse_by))
        )
        grown = []
        for mixture, z in ((self.worse, (middle - allowed) / sd), (self.better, (excluded - middle) / sd)):
            far = min(z, _FARTHEST)
            logs = [min(_log_t4(far - shift) - _log_t4(far), _BLOCK_CAP) - _FAR_PRICE for shift in SHIFTS]
            grown.append(mixture.grown(logs, 1.0, _SCALE_TO_MIXTURE))
        return grown[0], grown[1]

    def _with(
        self,
        worse: Mixture,
        better: Mixture,
        block: tuple[float, ...],
        medians: tuple[float, ...],
        sums: tuple[int, float, float],
        above: int,
    ) -> GaugeTrack:
        return GaugeTrack(self.terms, self.spread, worse, better, block, medians, sums, above)

    def evidence(self, *, alone: bool) -> Evidence:
        """What stands after the last tick."""
        ticks, canary, baseline = self.sums
        ratio = None
        if ticks and not alone and canary > 0.0 and baseline > 0.0:
            ratio = baseline / canary if self.terms.falling else canary / baseline
        limited = self.terms.limit is not None
        fits = self.above == 0
        return Evidence(
            worse=0.0 if alone else self.worse.evidence,
            trivial=self.worse.evidence,  # its null is the tolerance already
            limit=1e3 if self.above >= 3 else 10.0 if self.above else 0.0,
            ready=(1e3 if limited and fits else 0.0) if alone else self.better.evidence,
            passes_by="limit" if alone else "ratio",
            fits=fits,
            can_fail=not alone,
            ratio=ratio,
            expected=None,
        )


def _learned(medians: Sequence[float], *, plain: bool) -> float | None:
    """The spread from how neighbouring blocks differ, which a lasting step hardly touches; None while too few."""
    if len(medians) < _FEWEST:
        return None
    differences = [abs(b - a) for a, b in pairwise(medians)]
    sd = _MAD * median(differences) / math.sqrt(2.0)
    return max(sd, 1e-9 if plain else _LEAST)
