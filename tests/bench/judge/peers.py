"""Rules of other tools with their documented numbers; each returns where it would halt.

Read from: argo-rollouts 9f8d111d analysis/analysis.go; flagger 15bd6ad5 pkg/controller/scheduler.go; growthbook
8f1db445 gbstats/frequentist/tests.py; Johari, Pekelis, Walsh arXiv 1512.04922; Lindon and Malek arXiv 2011.03567.
"""

from __future__ import annotations

import numpy as np

from tests.bench.judge.limits import A1
from tests.bench.judge.ticks import Array, Mask, Ticks
from tests.bench.judge.worlds import Regime

MINUTE = 6
"""Ticks per minute."""
Z99 = 2.3263478740408408


def running_sums(ticks: Ticks) -> tuple[Array, Array, Array, Array]:
    """Running totals of kc, nc, kb, nb; requests at least one."""
    kc, nc, kb, nb = (np.cumsum(a, axis=0) for a in (ticks.kc, ticks.nc, ticks.kb, ticks.nb))
    return kc, np.maximum(nc, 1.0), kb, np.maximum(nb, 1.0)


def count_mixture(ticks: Ticks, prior: float = 100.0, a: float = A1) -> Mask:
    """Beta-binomial mixture against the share of traffic the canary had (Lindon and Malek; Netflix).

    Two-sided as published; it halts where the canary has more errors than its share. `prior`: concentration, savvi's
    default.
    """
    kc, nc, kb, nb = running_sums(ticks)
    theta = nc[-1] / (nc[-1] + nb[-1])
    one, other = prior * theta, prior * (1 - theta)
    log_e = log_beta(one + kc, other + kb) - log_beta(one, other) - kc * np.log(theta) - kb * np.log(1 - theta)
    halts: Mask = (log_e >= np.log(1 / a)) & (kc > (kc + kb) * theta)
    return halts


def growthbook(ticks: Ticks, alpha: float = 0.05, tuning: float = 5000.0) -> Mask:
    """Asymptotic confidence sequence of the difference (Waudby-Smith et al.), guardrail fails when it lies above 0."""
    kc, nc, kb, nb = running_sums(ticks)
    pc, pb = kc / nc, kb / nb
    n = nc + nb
    s2 = (pc * (1 - pc) / nc + pb * (1 - pb) / nb) * n
    rho2 = (-2 * np.log(alpha) + np.log(-2 * np.log(alpha) + 1)) / tuning
    wide = n * rho2 + 1
    half = np.sqrt(s2) * np.sqrt(2 * wide * np.log(np.sqrt(wide) / alpha) / (n * n * rho2))
    halts: Mask = pc - pb > half
    return halts


def msprt(ticks: Ticks, regime: Regime, a: float = A1) -> Mask:
    """Normal-mixture likelihood ratio of the difference; its variance tuned to the true base rate, in its favor."""
    kc, nc, kb, nb = running_sums(ticks)
    pooled = (kc + kb) / (nc + nb)
    v = np.maximum(pooled * (1 - pooled), 1e-12) * (1 / nc + 1 / nb)
    difference, tau2 = kc / nc - kb / nb, regime.base**2
    log_lr = 0.5 * np.log(v / (v + tau2)) + difference**2 * tau2 / (2 * v * (v + tau2))
    halts: Mask = (log_lr >= np.log(1 / a)) & (difference > 0)
    return halts


def peeked_z(ticks: Ticks) -> Mask:
    """The two-proportion z test at one-sided 1 %, with a look after every tick."""
    kc, nc, kb, nb = running_sums(ticks)
    pooled = (kc + kb) / (nc + nb)
    sd = np.sqrt(np.maximum(pooled * (1 - pooled), 1e-12) * (1 / nc + 1 / nb))
    halts: Mask = kc / nc - kb / nb > Z99 * sd
    return halts


def argo(ticks: Ticks, success: float = 0.95, every: int = 5 * MINUTE, failure_limit: int = 3) -> Mask:
    """Argo Rollouts as its documentation shows: success at least 95 % of each 5 minutes, failed when failures > 3."""
    return _failed_checks(ticks, 1 - success, every, failure_limit + 1)


def ceiling_twice(ticks: Ticks, regime: Regime) -> Mask:
    """An Argo analysis that knows the baseline: error rate over twice the base in a minute, failureLimit 3."""
    return _failed_checks(ticks, 2 * regime.base, MINUTE, 4)


def flagger(ticks: Ticks, success: float = 0.99, threshold: int = 10) -> Mask:
    """Flagger as documented: success below 99 % in a minute fails a check, the tenth rolls back, with no reset."""
    return _failed_checks(ticks, 1 - success, MINUTE, threshold)


def _failed_checks(ticks: Ticks, ceiling: float, every: int, failures: int) -> Mask:
    length, stages = ticks.shape
    looks = length // every
    k, n = (a[: looks * every].reshape(looks, every, stages).sum(axis=1) for a in (ticks.kc, ticks.nc))
    bad = np.cumsum(k > ceiling * np.maximum(n, 1e-12), axis=0) >= failures
    halts = np.zeros((length, stages), dtype=bool)
    halts[every - 1 : looks * every : every] = bad
    return halts


def log_beta(a: Array, b: Array) -> Array:
    """ln B(a, b)."""
    return log_gamma(a) + log_gamma(b) - log_gamma(a + b)


def log_gamma(x: Array) -> Array:
    """ln Gamma(x) for x > 0 by Stirling's series, 1e-12 or better (numpy has no such function)."""
    shift = np.ones_like(x)
    for i in range(8):
        shift = shift * (x + i)
    y = x + 8
    series = 1 / (12 * y) - 1 / (360 * y**3) + 1 / (1260 * y**5) - 1 / (1680 * y**7)
    found: Array = (y - 0.5) * np.log(y) - y + 0.5 * np.log(2 * np.pi) + series - np.log(shift)
    return found
