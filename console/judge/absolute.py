"""Evidence about the canary's own rate, with no baseline: against "above" (a way to pass) and "below" (a ceiling).

For k bad among n the likelihood ratio of rates p1 and p0 of a Poisson count is exp(-(p1 - p0) n) (p1 / p0)^k. For
independent requests its mean under p0 is exp(-x) (1 + x) or exp(x) (1 - x) with x = |p1 - p0|, at most 1: valid for any
rate.
"""

from __future__ import annotations

import math

from console.judge.mixture import MOST, TICK_CAP, Mixture
from console.judge.value import Value

ABOVE = (1.5, 2.0, 4.0, 10.0)
"""Suspected rates, in multiples of the ceiling."""
BELOW = (1.0 / 16.0, 0.25, 0.5)
"""Suspected rates, in multiples of what counts as negligible."""
_LOG_ABOVE = tuple(math.log(part) for part in ABOVE)
_LOG_BELOW = tuple(math.log(part) for part in BELOW)
_LOG_MOST = math.log(MOST)


class Ceiling(Value):
    """Evidence against "the canary's rate is at most `rate`", with the start-time mixture. Immutable."""

    __slots__ = ("mixture", "rate")

    def __init__(self, rate: float, mixture: Mixture | None = None) -> None:
        self.rate = rate
        self.mixture = mixture or Mixture.of(len(ABOVE))

    def after(self, k: float, n: float, phi: float) -> Ceiling:
        """After a tick with k bad of n, the evidence divided by the burst factor."""
        expected = self.rate * n
        logs = [(k * log - (g - 1.0) * expected) / phi for g, log in zip(ABOVE, _LOG_ABOVE, strict=True)]
        return Ceiling(self.rate, self.mixture.grown(logs, expected))

    def next_stage(self) -> Ceiling:
        """At a new stage: the evidence goes on."""
        return Ceiling(self.rate, self.mixture.restarted())

    def discounted(self) -> Ceiling:
        """After an override: see `Mixture.eased`."""
        return Ceiling(self.rate, self.mixture.discounted())

    @property
    def evidence(self) -> float:
        """The e-value."""
        return self.mixture.evidence


class Floor(Value):
    """Evidence of one stage against "the canary's rate is at least `rate`". Immutable.

    Without a start-time mixture: what a pass speaks of is the whole stage.
    """

    __slots__ = ("logs", "rate")

    def __init__(self, rate: float, logs: tuple[float, ...] = (0.0,) * len(BELOW)) -> None:
        self.rate = rate
        self.logs = logs
        """Per suspected rate the log likelihood ratio, nats."""

    def after(self, k: float, n: float, phi: float) -> Floor:
        """After a tick with k bad of n, the evidence divided by the burst factor; a tick says 20:1 at most."""
        expected = self.rate * n
        logs = []
        for before, g, log in zip(self.logs, BELOW, _LOG_BELOW, strict=True):
            logs.append(before + min((k * log - (g - 1.0) * expected) / phi, TICK_CAP))
        return Floor(self.rate, tuple(logs))

    @property
    def evidence(self) -> float:
        """The e-value."""
        return sum(math.exp(min(log, _LOG_MOST)) for log in self.logs) / len(self.logs)
