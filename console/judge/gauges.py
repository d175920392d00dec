"""Model of gauges (a level per tick), judged per block of ticks.

A gauge's ticks are not independent, so the evidence is per block. d = ln(canary / baseline) - ln(tolerance), or
canary - baseline - `min_excess` if the plan gives that. A block's median of d over its spread is compared with
Student's t with 4 degrees of freedom, shifted by 1.5, 3 and 6 spreads; at most 8:1 a block. The spread and the length
of a block come from the baseline's single instances over the last two hours if the backend distinguishes them, else
from the differences of neighboring blocks of the stage itself.

Waiting cannot distinguish a worse canary instance from a slightly odd one, so gauges are `info` by default.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import copy
from itertools import pairwise
from typing import NamedTuple

from adapters.contract import Gauge, Reading
from console.judge.evidence import Evidence
from console.judge.mixture import Mixture
from console.judge.policy import MetricPolicy
from console.judge.value import Value

LENGTHS = (6, 12, 18, 30)
SHIFTS = (1.5, 3.0, 6.0)
_BLOCK_CAP = math.log(8.0)
_FARTHEST = 8.0
"""Maximum distance of a block in spreads: in t4's heavy tails a hundred spreads would be no evidence."""
_FAR_PRICE = math.log(1.006)
"""Expected cost of that maximum: 8 times t4's 0.066 % beyond 8, rounded up; it keeps the evidence valid."""
_HALF_LIFE = 10.0
"""Blocks after which half of the unspent weight on a later beginning is spent."""
_SCALE_TO_MIXTURE = 60.0 / _HALF_LIFE
_CALM = 0.25
"""Lag-1 autocorrelation of block medians up to which blocks count as independent."""
_FEWEST = 5
"""Blocks of the stage needed to learn the spread from their own differences."""
_LEAST = 0.02
"""Least spread of a log ratio, because instruments round."""
_MAD = 1.4826


class Spread(NamedTuple):
    """Length of a block and the spread of its median."""

    length: int = LENGTHS[0]
    """Ticks per block."""
    sd: float | None = None
    """Spread in the unit of d; None if it is to be learned in the stage."""


def spread_before(history: list[Gauge], *, plain: bool) -> Spread:
    """The spread of the baseline's single instances before the stage.

    Compares the first instance with the mean of the rest, as the canary will be compared with the baseline. The result
    has the smallest length whose block medians have a lag-1 autocorrelation of at most 0.25, and 1.4826 times their
    median absolute deviation. `Spread()` if the instances are not distinguished.

    Args:
        history: the baseline's ticks, oldest first.
        plain: take differences in place of log ratios.
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
            center = median(medians)
            sd = _MAD * median([abs(value - center) for value in medians])
            return Spread(length, max(sd, 1e-9 if plain else _LEAST))
    return Spread()


def median(values: Sequence[float]) -> float:
    """The median of at least one value; `statistics` would import `decimal` and `fractions` too."""
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
    """Evidence from the blocks of one gauge so far. Immutable."""

    __slots__ = ("above", "better", "block", "medians", "policy", "spread", "sums", "worse")

    def __init__(
        self,
        policy: MetricPolicy,
        spread: Spread,
        worse: Mixture | None = None,
        better: Mixture | None = None,
        block: tuple[float, ...] = (),
        medians: tuple[float, ...] = (),
        sums: tuple[int, float, float] = (0, 0.0, 0.0),
        above: int = 0,
    ) -> None:
        self.policy = policy
        self.spread = spread
        self.worse = worse or Mixture.of(len(SHIFTS))
        self.better = better or Mixture.of(len(SHIFTS))
        self.block = block
        """Differences of the current block."""
        self.medians = medians
        """Medians of the last blocks of the stage."""
        self.sums = sums
        """(ticks, sum of canary, sum of baseline) of this stage."""
        self.above = above
        """Consecutive canary ticks above the limit."""

    @classmethod
    def begin(cls, policy: MetricPolicy, history: list[Gauge]) -> GaugeTrack:
        """A track with nothing judged yet; `history` has the baseline's ticks before the stage, oldest first."""
        return cls(policy, spread_before(history, plain=policy.min_excess > 0.0))

    def next_stage(self) -> GaugeTrack:
        """The track at a new stage."""
        return GaugeTrack(self.policy, self.spread, self.worse.next_stage(), medians=self.medians)

    def after_override(self) -> GaugeTrack:
        """The track after an override (`Mixture.after_override`): a limit needs three new ticks above it."""
        track = copy(self)
        track.worse, track.above = self.worse.after_override(), 0
        return track

    def after(self, reading: Reading, *, alone: bool) -> GaugeTrack | None:
        """The track after a tick; None if the tick does not count."""
        canary, baseline = reading.canary, reading.baseline
        if not isinstance(canary, Gauge):
            return None
        limit, value = self.policy.limit, canary.value
        over = limit is not None and (value < limit if self.policy.falling else value > limit)
        above = self.above + 1 if over else 0
        ticks, sum_c, sum_b = self.sums
        if alone:
            sums = (ticks + 1, sum_c + canary.value, sum_b)
            return GaugeTrack(self.policy, self.spread, self.worse, self.better, self.block, self.medians, sums, above)
        if not isinstance(baseline, Gauge):
            return None
        found = _difference(canary.value, baseline.value, plain=self.plain)
        if found is None:
            return None
        sums = (ticks + 1, sum_c + canary.value, sum_b + baseline.value)
        block = (*self.block, -found if self.policy.falling else found)
        if len(block) < self.spread.length:
            return GaugeTrack(self.policy, self.spread, self.worse, self.better, block, self.medians, sums, above)
        middle = median(block)
        worse, better = self._judge_block(middle)
        return GaugeTrack(self.policy, self.spread, worse, better, (), (*self.medians[-29:], middle), sums, above)

    @property
    def plain(self) -> bool:
        """Whether differences are judged in place of ratios."""
        return self.policy.min_excess > 0.0

    def _judge_block(self, middle: float) -> tuple[Mixture, Mixture]:
        sd = self.spread.sd if self.spread.sd is not None else _learned_spread(self.medians, plain=self.plain)
        if sd is None:
            return self.worse, self.better
        policy = self.policy
        allowed, excluded = policy.min_excess, 2.0 * policy.min_excess
        if not self.plain:
            allowed, excluded = math.log(policy.tolerance), math.log(policy.worse_by)
        grown = []
        for mixture, z in ((self.worse, (middle - allowed) / sd), (self.better, (excluded - middle) / sd)):
            far = min(z, _FARTHEST)
            logs = [min(_log_t4(far - shift) - _log_t4(far), _BLOCK_CAP) - _FAR_PRICE for shift in SHIFTS]
            grown.append(mixture.after(logs, 1.0, _SCALE_TO_MIXTURE))
        return grown[0], grown[1]

    def evidence(self, *, alone: bool) -> Evidence:
        """Evidence after the last tick."""
        ticks, canary, baseline = self.sums
        ratio = None
        if ticks and not alone and canary > 0.0 and baseline > 0.0:
            ratio = baseline / canary if self.policy.falling else canary / baseline
        limited = self.policy.limit is not None
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


def _learned_spread(medians: Sequence[float], *, plain: bool) -> float | None:
    """The spread of neighboring blocks' differences, which a lasting step hardly changes; None with too few."""
    if len(medians) < _FEWEST:
        return None
    differences = [abs(b - a) for a, b in pairwise(medians)]
    sd = _MAD * median(differences) / math.sqrt(2.0)
    return max(sd, 1e-9 if plain else _LEAST)
