"""A start-time mixture: evidence for a change whose beginning is not known, in constant time per tick.

The evidence of a tick for suspicion j is a likelihood ratio exp(l_j) whose expectation under the null is at most 1. A
test begun at tick s multiplies the ratios from s on; the mixture averages the tests over all beginnings and all
suspicions with weights fixed beforehand, so it is an e-process: P(ever >= 1/a | null) <= a (Ville 1939; Shiryaev and
Roberts for the recursion). The weight still to be spent shrinks with the events expected so far, not with the clock, so
that a quiet hour costs nothing.
"""

from __future__ import annotations

import math

from console.judge.value import Value

SPENT_AT_ONCE = 0.5
"""The part of the weight that a change from the first tick on gets."""
HALF_LIFE = 60.0
"""Expected events after which half of the remaining weight is spent."""
MOST = 1e15
"""Evidence is clamped here: more says nothing more, and products must stay finite."""
PLENTY = 1e6
"""Nobody is told more than this. What was overridden is carried on at most at this height: at the clamp it could not
double any more, and a FAIL would never come back."""
TICK_CAP = math.log(20.0)
"""No single tick may say more than 20:1: one burst alone never convicts."""


class Mixture(Value):
    """Evidence gathered so far. Immutable: `grown` and `restarted` return the next one."""

    __slots__ = ("parts", "scale", "seen")

    def __init__(self, parts: tuple[float, ...], seen: float = 0.0, scale: float = 1.0) -> None:
        self.parts = parts
        """Per suspicion, the sum over the beginnings so far of weight times likelihood ratio."""
        self.seen = seen
        """Events expected under the null so far, at most one a tick."""
        self.scale = scale
        """What is left of the unspent weight after it was halved at each new stage."""

    @classmethod
    def of(cls, suspicions: int) -> Mixture:
        """A mixture over `suspicions` equally likely sizes that has seen nothing: its evidence is 1."""
        return cls((SPENT_AT_ONCE,) * suspicions)

    @property
    def unspent(self) -> float:
        """The weight of the tests that have not begun."""
        return self.scale * (1.0 - SPENT_AT_ONCE) / (1.0 + self.seen / HALF_LIFE)

    @property
    def evidence(self) -> float:
        """The e-value: how many to one against the null."""
        return sum(self.parts) / len(self.parts) + self.unspent

    def weight(self, expected: float) -> float:
        """What the tests that begin with a tick of so many expected events weigh."""
        seen = self.seen + (expected if expected < 1.0 else 1.0)
        return self.unspent - self.scale * (1.0 - SPENT_AT_ONCE) / (1.0 + seen / HALF_LIFE)

    def grown(self, logs: list[float], expected: float, pace: float = 1.0) -> Mixture:
        """After a tick.

        Args:
            logs: per suspicion, the tick's discounted log likelihood ratio in nats; capped here from above.
            expected: events expected under the null in this tick, known before the tick's split is.
            pace: how many times faster than `HALF_LIFE` the unspent weight is spent.
        """
        seen = self.seen + pace * (expected if expected < 1.0 else 1.0)
        weight = self.unspent - self.scale * (1.0 - SPENT_AT_ONCE) / (1.0 + seen / HALF_LIFE)
        exp = math.exp
        parts = []
        for part, log in zip(self.parts, logs, strict=True):
            grown = (part + weight) * exp(log if log < TICK_CAP else TICK_CAP)
            parts.append(grown if grown < MOST else MOST)
        return Mixture(tuple(parts), seen, self.scale)

    def restarted(self) -> Mixture:
        """At a new stage: half of the unspent weight goes on a change that begins with it."""
        half = self.unspent / 2.0
        return Mixture(tuple(part + half for part in self.parts), self.seen, self.scale / 2.0)

    def discounted(self) -> Mixture:
        """At most `PLENTY`, the suspicions as they stand to each other. Less evidence is as valid."""
        total = sum(self.parts) / len(self.parts)
        if total <= PLENTY:
            return self
        return Mixture(tuple(part * (PLENTY / total) for part in self.parts), self.seen, self.scale)
