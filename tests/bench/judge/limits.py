"""What no rule can beat: information per second, and the test that is told ratio and start."""

from __future__ import annotations

import math

import numpy as np

from tests.bench.judge.ticks import TICK_S, Array, Mask, Ticks
from tests.bench.judge.worlds import Regime, World

A1 = 0.01
"""The false-halt probability that limits and peers are compared at."""


def information(regime: Regime, ratio: float, r0: float = 1.0) -> float:
    """Nats per second that the split carries for `ratio` against `r0`: (l_b n_b + l_b r n_c) KL(q(r) || q(r0))."""
    nc, nb = regime.rps, regime.others
    q, q0 = nc * ratio / (nc * ratio + nb), nc * r0 / (nc * r0 + nb)
    divergence = q * math.log(q / q0) + (1 - q) * math.log((1 - q) / (1 - q0))
    return regime.base * (nc * ratio + nb) * divergence


def limit_s(regime: Regime, ratio: float, a: float = A1) -> float:
    """Seconds any rule needs on average to find a regression from the first tick (Wald 1945)."""
    return math.log(1 / a) / information(regime, ratio)


def floor_s(regime: Regime, ratio: float, watched_s: float = 1800.0, a: float = A1) -> float:
    """The same when it begins after a healthy time, seconds (Lorden 1971).

    Beginnings that differ by no canary error cannot be told apart: there are as many as errors were due, at most one a
    tick.
    """
    distinct = min(max(1.0, watched_s * regime.rps * regime.base), watched_s / TICK_S)
    return (math.log(1 / a) + math.log(distinct)) / information(regime, ratio)


def excess_limit(regime: Regime, ratio: float, a: float = A1) -> float:
    """Bad requests beyond the normal ones that any rule lets through on average before it can be sure."""
    return limit_s(regime, ratio, a) * regime.rps * regime.base * (ratio - 1)


def oracle(ticks: Ticks, world: World, a: float = A1) -> Mask:
    """Wald's sequential test, told the true ratio and the true start: where it convicts."""
    k = ticks.kc + ticks.kb
    base = np.maximum(ticks.nc + ticks.nb, 1e-12)
    told: Array = ticks.kc * math.log(world.ratio) - k * np.log((ticks.nc * world.ratio + ticks.nb) / base)
    told[: world.from_tick] = 0.0
    convicts: Mask = told.cumsum(axis=0) >= math.log(1 / a)
    return convicts
