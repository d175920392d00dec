"""Rules on the canary's own rate: a negligible rate, a ceiling, and the least excess that counts.

Likelihood ratios of a Poisson count, exp(-(p1 - p0) n) (p1 / p0)^k, divided by the burstiness and capped per tick like
the split's; their mean under p0 is at most 1 for independent requests of any rate.
"""

from __future__ import annotations

import numpy as np

from tests.bench.judge.split import DEFAULT, StartMixture, split_log_lr, wobble
from tests.bench.judge.ticks import Array, Mask, Ticks

BELOW = (1 / 16, 1 / 4, 1 / 2)
"""Suspected rates as parts of the negligible one."""
ABOVE = (1.5, 2.0, 4.0, 10.0)
"""Suspected rates as multiples of the ceiling."""
LEAST = 0.0005
"""Default least excess of a FAIL, 0..1."""


def below_evidence(ticks: Ticks, phi: Array, rate: float) -> Array:
    """Evidence against "the canary's error rate is `rate` or more", (ticks, stages)."""
    total = np.zeros(ticks.shape)
    for part in BELOW:
        log_lr = _poisson_log_lr(ticks, part * rate, rate) / phi
        total += np.exp(np.minimum(np.minimum(log_lr, np.log(DEFAULT.cap)).cumsum(axis=0), 34.0))
    return total / len(BELOW)


def ready_evidence(ok: Array, below: Array, before: Array, requests: float, rate: float) -> Array:
    """Evidence for a pass: against "twice as bad, and not negligible".

    Half of the bet goes on the canary's own rate, unless the baseline's rate in the hour before (`before`: errors,
    (ticks, stages), among `requests` per tick) shows that this cannot help. The choice uses the past alone, so the
    evidence stays valid.
    """
    hopeless = before.sum(axis=0) / (requests * len(before)) >= rate
    evidence: Array = np.where(hopeless, ok, (ok + below) / 2)
    return evidence


def ceiling_evidence(ticks: Ticks, phi: Array, ceiling: float) -> Array:
    """Evidence against "the canary's error rate is at most `ceiling`", mixed over starts, (ticks, stages)."""
    mixture = StartMixture(len(ABOVE), ticks.shape[1])
    log_lr = np.stack([_poisson_log_lr(ticks, times * ceiling, ceiling) for times in ABOVE], axis=1) / phi[:, None]
    return np.stack([mixture.add(log_lr[t], ticks.nc[t] * ceiling) for t in range(len(phi))])


def _poisson_log_lr(ticks: Ticks, p1: float, p0: float) -> Array:
    log_lr: Array = ticks.kc * np.log(p1 / p0) - (p1 - p0) * ticks.nc
    return log_lr


def is_large_enough(ticks: Ticks, phi: Array, least: float) -> Mask:
    """Where the canary's excess since the regression began is at least `least` (0..1).

    The counts of both arms since then are averaged over beginnings and sizes by their weight in key 1. This point
    estimate stands beside the two keys: it can only make a FAIL rarer.
    """
    length, stages = ticks.shape
    sizes = np.array(DEFAULT.worse)[:, None]
    k = ticks.kc + ticks.kb
    discount = np.maximum(phi, wobble(k, ticks.nc, ticks.nb, DEFAULT))
    mixture = StartMixture(len(sizes), stages)
    since = np.zeros((4, len(sizes), stages))
    found = np.zeros((length, stages), dtype=bool)
    for t in range(length):
        log_lr, due = split_log_lr(ticks.kc[t], k[t], ticks.nc[t], ticks.nb[t], 1.0, sizes)
        before = mixture.grown.copy()
        begun = mixture.weight(due)
        mixture.add(log_lr / discount[t], due)
        counts = np.stack([ticks.kc[t], ticks.nc[t], ticks.kb[t], ticks.nb[t]])[:, None]
        since = since * (before / (before + begun)) + counts
        kc, nc, kb, nb = (since * mixture.grown).sum(axis=1)
        found[t] = kc / np.maximum(nc, 1e-300) - kb / np.maximum(nb, 1e-300) >= least
    return found
