"""Theoretical limits: information per second, and the test that knows ratio and start."""

from __future__ import annotations

import math

import numpy as np

from tests.bench.judge.ticks import TICK_S, Array, Mask, Ticks
from tests.bench.judge.worlds import Regime, World

A1 = 0.01
"""False-halt probability at which limits and peers are compared."""


def information(regime: Regime, ratio: float, r0: float = 1.0) -> float:
    """Nats per second of the split for `ratio` against `r0`: (l_b n_b + l_b r n_c) KL(q(r) || q(r0))."""
    nc, nb = regime.rps, regime.others
    q, q0 = nc * ratio / (nc * ratio + nb), nc * r0 / (nc * r0 + nb)
    divergence = q * math.log(q / q0) + (1 - q) * math.log((1 - q) / (1 - q0))
    return regime.base * (nc * ratio + nb) * divergence


def limit_s(regime: Regime, ratio: float, a: float = A1) -> float:
    """Least mean delay of any rule for a regression from the first tick, seconds (Wald 1945)."""
    return math.log(1 / a) / information(regime, ratio)


def floor_s(regime: Regime, ratio: float, watched_s: float = 1800.0, a: float = A1) -> float:
    """Least mean delay for a regression after a healthy time, seconds (Lorden 1971).

    Beginnings without a canary error between them are indistinguishable: there are as many distinct ones as errors
    were due, at most one per tick.
    """
    distinct = min(max(1.0, watched_s * regime.rps * regime.base), watched_s / TICK_S)
    return (math.log(1 / a) + math.log(distinct)) / information(regime, ratio)


def excess_limit(regime: Regime, ratio: float, a: float = A1) -> float:
    """Least mean number of bad requests beyond the normal ones before any rule can be sure."""
    return limit_s(regime, ratio, a) * regime.rps * regime.base * (ratio - 1)


def oracle_halts(ticks: Ticks, world: World, a: float = A1) -> Mask:
    """Where Wald's sequential test, given the true ratio and start, halts."""
    k = ticks.kc + ticks.kb
    base = np.maximum(ticks.nc + ticks.nb, 1e-12)
    log_lr: Array = ticks.kc * math.log(world.ratio) - k * np.log((ticks.nc * world.ratio + ticks.nb) / base)
    log_lr[: world.from_tick] = 0.0
    halts: Mask = log_lr.cumsum(axis=0) >= math.log(1 / a)
    return halts
