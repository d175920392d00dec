"""A start-time mixture: evidence for a change with an unknown beginning.

The evidence of a tick for suspicion j is a likelihood ratio exp(l_j) whose expectation under the null is at most 1. A
test begun at tick s multiplies the ratios from s on. The mixture averages the tests over all beginnings and all
suspicions with weights fixed beforehand, so it is an e-process: P(ever >= 1/a | null) <= a (Ville 1939; Shiryaev and
Roberts for the recursion). The unspent weight shrinks with the events expected so far, not with the clock, so a quiet
hour costs nothing. A tick takes constant time.
"""

from __future__ import annotations

import math

from console.judge.value import Value

SPENT_AT_ONCE = 0.5
"""Part of the weight for a change from the first tick on."""
HALF_LIFE = 60.0
"""Expected events after which half of the remaining weight is spent."""
MOST = 1e15
"""Upper limit of evidence, which keeps products finite."""
PLENTY = 1e6
"""Largest evidence shown, and the most that continues after an override. Evidence at the limit `MOST` could not double,
so a FAIL could not return."""
TICK_CAP = math.log(20.0)
"""Largest evidence of a single tick (20:1): one burst alone never causes a FAIL."""


class Mixture(Value):
    """Evidence so far. Immutable: `after`, `next_stage` and `after_override` return the next mixture."""

    __slots__ = ("expected", "parts", "scale")

    def __init__(self, parts: tuple[float, ...], expected: float = 0.0, scale: float = 1.0) -> None:
        self.parts = parts
        """Per suspicion, the sum over the beginnings so far of weight times likelihood ratio."""
        self.expected = expected
        """Events expected under the null so far, at most one per tick."""
        self.scale = scale
        """Factor of the unspent weight, halved at each new stage."""

    @classmethod
    def of(cls, suspicions: int) -> Mixture:
        """A mixture over `suspicions` equally likely sizes before any tick: its evidence is 1."""
        return cls((SPENT_AT_ONCE,) * suspicions)

    @property
    def unspent(self) -> float:
        """The weight of the tests that have not begun."""
        return self.scale * (1.0 - SPENT_AT_ONCE) / (1.0 + self.expected / HALF_LIFE)

    @property
    def evidence(self) -> float:
        """The e-value: odds to one against the null."""
        return sum(self.parts) / len(self.parts) + self.unspent

    def weight(self, expected: float) -> float:
        """Weight of the tests that begin at a tick with `expected` events."""
        seen = self.expected + (expected if expected < 1.0 else 1.0)
        return self.unspent - self.scale * (1.0 - SPENT_AT_ONCE) / (1.0 + seen / HALF_LIFE)

    def after(self, logs: list[float], expected: float, pace: float = 1.0) -> Mixture:
        """The mixture after a tick.

        Args:
            logs: per suspicion, the tick's discounted log likelihood ratio in nats; capped here from above.
            expected: events expected under the null in this tick, known before the tick's split.
            pace: speed at which the unspent weight is spent, in multiples of that by `HALF_LIFE`.
        """
        seen = self.expected + pace * (expected if expected < 1.0 else 1.0)
        weight = self.unspent - self.scale * (1.0 - SPENT_AT_ONCE) / (1.0 + seen / HALF_LIFE)
        exp = math.exp
        parts = []
        for part, log in zip(self.parts, logs, strict=True):
            grown = (part + weight) * exp(log if log < TICK_CAP else TICK_CAP)
            parts.append(grown if grown < MOST else MOST)
        return Mixture(tuple(parts), seen, self.scale)

    def next_stage(self) -> Mixture:
        """The mixture at a new stage, which gets half of the unspent weight."""
        half = self.unspent / 2.0
        return Mixture(tuple(part + half for part in self.parts), self.expected, self.scale / 2.0)

    def after_override(self) -> Mixture:
        """The mixture after an override: scaled down to `PLENTY` at most.

        The suspicions keep their proportions. Less evidence is as valid.
        """
        total = sum(self.parts) / len(self.parts)
        if total <= PLENTY:
            return self
        return Mixture(tuple(part * (PLENTY / total) for part in self.parts), self.expected, self.scale)
