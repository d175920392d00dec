"""The displayed interval of the ratio: how often it misses the true ratio at any minute of an hour."""

from __future__ import annotations

import numpy as np

from tests.bench.judge.cells import Scale, play
from tests.bench.judge.null import share_numbers
from tests.bench.judge.shares import Share
from tests.bench.judge.split import DEFAULT, wobble
from tests.bench.judge.tables import Findings, Goal, Number, Table, share_result
from tests.bench.judge.ticks import Array, Mask, Ticks
from tests.bench.judge.worlds import Regime, Weather, World

GRID = 2.0 ** (np.arange(67) / 6 - 4)
"""Ratios from 1/16 to 128."""
SETTINGS = tuple(
    World(Regime(rps, base), weather, ratio)
    for rps, base in ((2, 0.005), (20, 0.001), (100, 0.02))
    for weather, ratio in (
        *((Weather.PLAIN, 1.0), (Weather.PLAIN, 2.0), (Weather.PLAIN, 5.0)),
        *((Weather.BURSTS, 1.0), (Weather.DRIFT, 2.0)),
    )
)


def run(scale: Scale, seed: int) -> Findings:
    """Measure the misses in fifteen settings."""
    rows, found, total = [], {}, []
    for world in SETTINGS:
        missed = Share(0, 0)
        for part in play(world, max(60, scale.regressions // 2), seed, "interval"):
            ever = ever_misses(part.ticks, part.evidence.phi, world.ratio)
            missed += Share(int(ever.sum()), int(ever.size))
        name = f"{world.regime} {world.ratio:g}x, {world.weather}"
        rows.append([name, str(missed)])
        found[f"interval / {name}"] = share_numbers(missed)
        total.append((missed, name))
    worst, where = max(total, key=lambda pair: pair[0].part)
    table = Table(
        "The interval of the ratio, checked every minute of the hour",
        ["setting", "stages in which it ever misses the true ratio, % (nominal 5)"],
        rows,
    )
    goal = Goal("interval misses, worst setting", "<= 5 %", f"{worst} % ({where})", share_result(worst, 0.05))
    cells: dict[str, dict[str, Number]] = found
    return Findings([table], [goal], cells)


def ever_misses(ticks: Ticks, phi: Array, ratio: float) -> Mask:
    """Whether a stage's interval excludes `ratio` at any minute, (stages,)."""
    k = ticks.kc + ticks.kb
    discount = np.maximum(phi, wobble(k, ticks.nc, ticks.nb, DEFAULT))
    curve = np.zeros((len(GRID), k.shape[1]))
    grid = GRID[:, None]
    ever = np.zeros(k.shape[1], dtype=bool)
    for t in range(len(k)):
        both = np.maximum(ticks.nc[t] + ticks.nb[t], 1e-12)
        log_lr = ticks.kc[t] * np.log(grid) - k[t] * np.log((ticks.nc[t] * grid + ticks.nb[t]) / both)
        curve += log_lr / np.maximum(discount[t], log_lr.max(axis=0) / np.log(DEFAULT.cap))
        if (t + 1) % 6 == 0:
            low, high = bounds(curve)
            ever |= (ratio < low) | (ratio > high)
    return ever


def bounds(curve: Array) -> tuple[Array, Array]:
    """Lower and upper end from tempered log likelihoods over GRID, (grid, stages), one grid step outward."""
    top = curve.max(axis=0)
    mean = top + np.log(np.exp(curve - top).mean(axis=0))
    inside = mean - curve < np.log(20)
    low = inside.argmax(axis=0) - 1
    high = len(GRID) - inside[::-1].argmax(axis=0)
    lower = np.where(low >= 0, GRID[np.maximum(low, 0)], 0.0)
    upper = np.where(high < len(GRID), GRID[np.minimum(high, len(GRID) - 1)], np.inf)
    return lower, upper
