"""Traffic per second: pure functions of seed, name and second.

Nothing is stored and nothing is drawn in order, so any process can compute any second at any time, with the same
result. The load follows a day's wave and a slower drift of the rates; both arms share them, as they would.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from statistics import NormalDist

from adapters.contract import Shape

SLOW_RATE = 0.02
"""Share of requests slower than their limit."""
EDGES = (0.1, 0.25, 0.5, 1.0, 2.5)
"""Upper edges of a latency histogram's buckets, seconds."""
_SLOWER = (0.4, 0.1, 0.03, 0.01, 0.001)
"""Share of the baseline's requests slower than each edge."""
_SLOWEST = 0.95
INSTANCES = 4
"""Of the baseline; the canary has one."""
_APART = 0.02
"""How far a healthy instance's level lies from the others' at most, for as long as it lives."""
_NORMAL = NormalDist()
_EXACT_BELOW = 30.0
_LEVELS = (("cpu", 0.45), ("mem", 0.6), ("_ms", 180.0), ("latency", 0.18), ("slow", 0.18), ("p99", 0.18))
_LATENCY = ("latency", "slow", "p99")
_ERRORS = ("error", "fail", "5xx", "avail", "success")


class Family(StrEnum):
    """The kind of a metric, derived from its name and shape."""

    ERRORS = "errors"
    LATENCY = "latency"
    LEVEL = "level"

    @classmethod
    def of(cls, metric: str, shape: Shape) -> Family:
        """Derive the family of any metric. Its name decides first, then its shape (good of total is latency)."""
        name = metric.lower()
        if shape is Shape.HISTOGRAM or any(word in name for word in _LATENCY):
            return cls.LATENCY
        if shape is Shape.COUNTS or any(word in name for word in _ERRORS):
            return cls.ERRORS
        return cls.LATENCY if shape is Shape.GOOD_TOTAL else cls.LEVEL


@dataclass(frozen=True, slots=True)
class TrafficModel:
    """One world's traffic."""

    seed: int
    rps: float
    """Mean requests per second over both arms."""
    error_rate: float
    """Mean share of the baseline's requests that fail, 0..1."""

    def requests(self, second: int, canary_percent: float) -> tuple[int, int]:
        """Draw the requests of (canary, baseline) in one second."""
        load, split = _uniforms(self.seed, "requests", second)
        total = poisson(self.rps * self._load(second), load)
        canary = binomial(total, canary_percent / 100, split)
        return canary, total - canary

    def bad(
        self, metric: str, family: Family, second: int, requests: tuple[int, int], factor: float
    ) -> tuple[int, int]:
        """Draw the bad ones among `requests`, per arm: errors or slow ones. `factor` multiplies the canary's rate."""
        rate = SLOW_RATE if family is Family.LATENCY else self.error_rate
        rate *= 1 + 0.15 * math.sin(math.tau * second / 1800 + self.seed)
        for_canary, for_baseline = _uniforms(self.seed, metric, second)
        return binomial(requests[0], rate * factor, for_canary), binomial(requests[1], rate, for_baseline)

    def slower(
        self, metric: str, second: int, requests: tuple[int, int], factor: float
    ) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Draw how many of `requests` exceed each of `EDGES`, per arm. `factor` multiplies the canary's shares."""
        wave = 1 + 0.15 * math.sin(math.tau * second / 1800 + self.seed)
        for_canary, for_baseline = _uniforms(self.seed, metric, second)
        shares = [part * wave for part in _SLOWER]
        canary = _beyond(requests[0], [min(_SLOWEST, share * factor) for share in shares], for_canary)
        return canary, _beyond(requests[1], shares, for_baseline)

    def level(self, metric: str, family: Family, second: int, factor: float) -> tuple[float, tuple[float, ...]]:
        """Draw a gauge's value for the canary and each baseline instance.

        Noise of 3 % around a level that the name makes plausible, with a small offset for each instance.
        """
        name = metric.lower()
        if family is Family.ERRORS:
            level = self.error_rate
        else:
            level = next((level for word, level in _LEVELS if word in name), 0.5)
        level *= 1 + 0.3 * (self._load(second) - 1)
        canary, *others = _draws(self.seed, metric, second, 1 + INSTANCES)
        aside = _draws(self.seed, metric, -1, INSTANCES)
        baseline = tuple(
            level * (1 + _APART * (2 * place - 1)) * (0.97 + 0.06 * noise)
            for place, noise in zip(aside, others, strict=True)
        )
        return level * factor * (0.97 + 0.06 * canary), baseline

    def _load(self, second: int) -> float:
        day = math.sin(math.tau * second / 86_400 + self.seed)
        minutes = math.sin(math.tau * second / 420 + 2 * self.seed)
        return 1 + 0.2 * day + 0.05 * minutes


def poisson(mean: float, uniform: float) -> int:
    """The Poisson count at quantile `uniform` in (0, 1). Exact for small means, else the normal approximation."""
    if mean >= _EXACT_BELOW:
        return max(0, round(mean + math.sqrt(mean) * _NORMAL.inv_cdf(uniform)))
    count, term = 0, math.exp(-mean)
    reached = term
    while reached < uniform and term > 0:
        count += 1
        term *= mean / count
        reached += term
    return count


def binomial(trials: int, share: float, uniform: float) -> int:
    """The binomial count at quantile `uniform` in (0, 1). Exact for small means, else the normal approximation."""
    share = min(1.0, share)
    if trials == 0 or share <= 0:
        return 0
    if share > 0.5:
        return trials - binomial(trials, 1 - share, 1 - uniform)
    mean = trials * share
    if mean >= _EXACT_BELOW:
        spread = math.sqrt(mean * (1 - share))
        return min(trials, max(0, round(mean + spread * _NORMAL.inv_cdf(uniform))))
    odds = share / (1 - share)
    count, term = 0, (1 - share) ** trials
    reached = term
    while reached < uniform and count < trials:
        count += 1
        term *= odds * (trials - count + 1) / count
        reached += term
    return count


def _beyond(requests: int, shares: list[float], uniform: float) -> tuple[int, ...]:
    """Draw how many of `requests` lie beyond each edge, `shares` of them on average, the largest share first.

    All at the same quantile: a bad second is bad at every edge, and no more lie beyond a farther one.
    """
    return tuple([binomial(requests, share, uniform) for share in shares])


def _draws(seed: int, name: str, second: int, count: int) -> list[float]:
    """Draw `count` (10 at most) independent numbers in (0, 1), the same for the same inputs on every machine."""
    digest = blake2b(f"{seed}/{name}/{second}".encode(), digest_size=6 * count).digest()
    return [(int.from_bytes(digest[at : at + 6]) + 0.5) / 2**48 for at in range(0, 6 * count, 6)]


def _uniforms(seed: int, name: str, second: int) -> tuple[float, float]:
    """Draw two independent numbers in (0, 1), the same for the same three inputs on every machine."""
    digest = blake2b(f"{seed}/{name}/{second}".encode(), digest_size=16).digest()
    # 52 bits and a half: never exactly 0 or 1, where the normal quantile is infinite.
    first = ((int.from_bytes(digest[:8]) >> 12) + 0.5) / 2**52
    return first, ((int.from_bytes(digest[8:]) >> 12) + 0.5) / 2**52
