"""Exact intervals for a binomial share, and for the ratio of two rates that a split of events implies.

Clopper-Pearson (Biometrika 1934) by the regularised incomplete beta function, whose continued fraction is DLMF 8.17.22
evaluated by the modified Lentz method; Wilson's score interval (1927) where counts are large and both agree.
"""

from __future__ import annotations

import math
from functools import lru_cache

CONFIDENCE = 0.99
"""Two-sided confidence of every interval on the screen."""
_Z = 2.5758293035489004  # normal quantile of (1 + CONFIDENCE) / 2
_EXACT_UP_TO = 3000.0
_TINY = 1e-300


def _continued_fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > _TINY else _TINY)
    result = d
    for m in range(1, 1000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for step in (even, odd):
            d = 1.0 + step * d
            d = 1.0 / (d if abs(d) > _TINY else _TINY)
            c = 1.0 + step / c
            c = c if abs(c) > _TINY else _TINY
            result *= c * d
        if abs(c * d - 1.0) < 1e-12:
            break
    return result


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b) for a, b > 0 and 0 <= x <= 1."""
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    if x < (a + 1.0) / (a + b + 2.0):
        return math.exp(log_front) * _continued_fraction(a, b, x) / a
    return 1.0 - math.exp(log_front) * _continued_fraction(b, a, 1.0 - x) / b


def _beta_quantile(a: float, b: float, p: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2.0
        if incomplete_beta(a, b, middle) < p:
            low = middle
        else:
            high = middle
        if high - low < 1e-9 * high:
            break
    return (low + high) / 2.0


@lru_cache(maxsize=4096)
def share_interval(k: float, n: float) -> tuple[float, float]:
    """The two-sided 99 % interval of a share seen as k of n. (0, 1) when n is 0.

    A k outside 0..n, as extrapolated counts may give it, counts as the nearer end.
    """
    if n <= 0.0:
        return (0.0, 1.0)
    k = min(max(k, 0.0), n)
    if n > _EXACT_UP_TO and min(k, n - k) > 50:
        p, zz = k / n, _Z * _Z
        middle = (p + zz / (2 * n)) / (1 + zz / n)
        half = _Z * math.sqrt(p * (1 - p) / n + zz / (4 * n * n)) / (1 + zz / n)
        return (middle - half, middle + half)
    tail = (1.0 - CONFIDENCE) / 2.0
    low = 0.0 if k <= 0 else _beta_quantile(k, n - k + 1.0, tail)
    high = 1.0 if k >= n else _beta_quantile(k + 1.0, n - k, 1.0 - tail)
    return (low, high)


def ratio_interval(bad_c: float, n_c: float, bad_b: float, n_b: float) -> tuple[float, float]:
    """The 99 % interval of (bad_c/n_c) / (bad_b/n_b).

    Given how many bad events there were in all, the canary's part of them is binomial with
    q = n_c r / (n_c r + n_b), whatever the common rate was (Przyborowski and Wilenski 1940); the interval of q turns
    into one of r. (0, inf) when there is no bad event or an arm is empty.
    """
    bad = bad_c + bad_b
    if bad <= 0.0 or n_c <= 0.0 or n_b <= 0.0:
        return (0.0, math.inf)
    low, high = share_interval(bad_c, bad)
    other_low, other_high = share_interval(bad_b, bad)  # 1 - high and 1 - low, without the loss of digits near 1
    exposure = n_b / n_c
    return (exposure * low / other_high, exposure * high / other_low if other_low > 0.0 else math.inf)
