"""Evidence about the canary's own rate, without a baseline.

`Ceiling` is evidence against "at most a rate", `Floor` against "at least a rate", which is a kind of pass.

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
"""Suspected rates, in multiples of the negligible rate."""
_LOG_ABOVE = tuple(math.log(part) for part in ABOVE)
_LOG_BELOW = tuple(math.log(part) for part in BELOW)
_LOG_MOST = math.log(MOST)


class Ceiling(Value):
    """Evidence against "the canary's rate is at most `rate`", as a start-time mixture. Immutable."""

    __slots__ = ("mixture", "rate")

    def __init__(self, rate: float, mixture: Mixture | None = None) -> None:
        self.rate = rate
        self.mixture = mixture or Mixture.of(len(ABOVE))

    def after(self, k: float, n: float, phi: float) -> Ceiling:
        """The evidence after a tick with k bad of n, divided by `phi`."""
        expected = self.rate * n
        logs = [(k * log - (g - 1.0) * expected) / phi for g, log in zip(ABOVE, _LOG_ABOVE, strict=True)]
        return Ceiling(self.rate, self.mixture.after(logs, expected))

    def next_stage(self) -> Ceiling:
        """The evidence at a new stage, where it continues."""
        return Ceiling(self.rate, self.mixture.next_stage())

    def after_override(self) -> Ceiling:
        """The evidence after an override: see `Mixture.after_override`."""
        return Ceiling(self.rate, self.mixture.after_override())

    @property
    def evidence(self) -> float:
        """The e-value."""
        return self.mixture.evidence


class Floor(Value):
    """Evidence of one stage against "the canary's rate is at least `rate`". Immutable.

    Without a start-time mixture, because a pass is about the whole stage.
    """

    __slots__ = ("logs", "rate")

    def __init__(self, rate: float, logs: tuple[float, ...] = (0.0,) * len(BELOW)) -> None:
        self.rate = rate
        self.logs = logs
        """Log likelihood ratio per suspected rate, in nats."""

    def after(self, k: float, n: float, phi: float) -> Floor:
        """The evidence after a tick with k bad of n, divided by `phi`: 20:1 at most."""
        expected = self.rate * n
        logs = []
        for before, g, log in zip(self.logs, BELOW, _LOG_BELOW, strict=True):
            logs.append(before + min((k * log - (g - 1.0) * expected) / phi, TICK_CAP))
        return Floor(self.rate, tuple(logs))

    @property
    def evidence(self) -> float:
        """The e-value."""
        return sum(math.exp(min(log, _LOG_MOST)) for log in self.logs) / len(self.logs)
