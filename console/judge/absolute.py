"""Evidence about the canary's own rate, with no baseline: against "above" (a way to pass) and "below" (a ceiling).

For k bad among n the likelihood ratio of rates p1 and p0 of a Poisson count is exp(-(p1 - p0) n) (p1 / p0)^k. For
independent requests its mean under p0 is exp(-x) (1 + x) or exp(x) (1 - x) with x = |p1 - p0|, at most 1: valid for any
rate.
"""

from __future__ import annotations

import math

from console.judge.mixture import Mixture
from console.judge.value import Value

ABOVE = (1.5, 2.0, 4.0, 10.0)
"""Suspected rates, in multiples of the ceiling."""
BELOW = (1.0 / 16.0, 0.25, 0.5)
"""Suspected rates, in multiples of what counts as negligible."""
_LOG_ABOVE = tuple(math.log(part) for part in ABOVE)
_LOG_BELOW = tuple(math.log(part) for part in BELOW)


class Ceiling(Value):
    """Evidence against "the canary's rate is at most `rate`", with the start-time mixture. Immutable."""

    __slots__ = ("mixture", "rate")

    def __init__(self, rate: float, mixture: Mixture | None = None) -> None:
        self.rate = rate
        self.mixture = mixture or Mixture.of(len(ABOVE))

    def after(self, k: float, n: float, f: float) -> Ceiling:
        """After a tick with k bad of n, the evidence divided by f."""
        expected = self.rate * n
        logs = [(k * log - (g - 1.0) * expected) / f for g, log in zip(ABOVE, _LOG_ABOVE, strict=True)]
        return Ceiling(self.rate, self.mixture.grown(logs, expected))

    def next_stage(self) -> Ceiling:
        """At a new stage: the evidence goes on."""
        return Ceiling(self.rate, self.mixture.restarted())

    @property
    def evidence(self) -> float:
        """The e-value."""
        return self.mixture.evidence


def below(rate: float, k: float, n: float, f: float = 1.0) -> float:
    """The e-value against "the canary's rate is at least `rate`" of k bad among n, the evidence divided by f."""
    expected = rate * n
    return sum(
        math.exp(min((k * log - (g - 1.0) * expected) / f, 34.0)) for g, log in zip(BELOW, _LOG_BELOW, strict=True)
    ) / len(BELOW)
