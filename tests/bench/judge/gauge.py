"""Gauges: a level per tick and instance, one canary instance beside ten baseline instances."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tests.bench.judge import kayenta
from tests.bench.judge.cells import Scale
from tests.bench.judge.null import share_numbers
from tests.bench.judge.regressions import delay_numbers
from tests.bench.judge.shares import Delays, seeded_rng, share
from tests.bench.judge.split import Rule, StartMixture
from tests.bench.judge.tables import Findings, Number, Table
from tests.bench.judge.ticks import TICK_S, Array, Mask
from tests.bench.judge.worlds import HOUR

BLOCKS = (6, 12, 18, 30)
"""Block lengths in ticks; the shortest whose medians look independent is used."""
SHIFTS = (1.5, 3.0, 6.0)
"""Suspected shifts in standard deviations of a block median."""
TOLERANCE = 1.10
CALM = 0.25
MAD = 1.4826
RULE = Rule(cap=8.0, slow=10.0)
INSTANCES = 11
CV, OFFSET = 0.10, 0.05
MEMORIES = (10.0, 60.0, 180.0)
SCENES = (("healthy", 1.0, 0), ("+20 %", 1.2, 0), ("+49 %", 1.49, 0), ("+49 % at minute 30", 1.49, 180))


@dataclass(frozen=True, slots=True)
class Levels:
    """Levels of instances, (ticks, stages) each."""

    before: Array
    """Two hours of each baseline instance, (instances, ticks, stages)."""
    canary: Array
    baseline: Array
    """Mean of the baseline's instances."""


def run(scale: Scale, seed: int) -> Findings:
    """Measure false halts and delays for each memory of the noise."""
    rows, found = [], {}
    for memory in MEMORIES:
        row = [f"{memory:g} s"]
        for name, ratio, from_tick in SCENES:
            levels = simulate(memory, ratio, from_tick, scale.regressions, seed)
            ours = fails(levels)
            if name == "healthy":
                halts = [share(ours), *(share(halt) for halt in _peers(levels, scale))]
                row += [str(halt) for halt in halts]
                found[f"gauge / {memory:g} s / healthy"] = share_numbers(halts[0])
            else:
                delays = Delays.after(ours, from_tick)
                row.append(str(delays))
                found[f"gauge / {memory:g} s / {name}"] = delay_numbers(delays)
        rows.append(row)
    cells: dict[str, dict[str, Number]] = found
    columns = ["noise memory", "false halts, % (Wilson 95 %): ours", "peeked t", "1.2x ceiling", "Kayenta each min"]
    return Findings(
        [
            Table(
                "Gauges: one canary instance, ten of the baseline",
                [*columns, *(name for name, *_ in SCENES[1:])],
                rows,
                f"Noise cv {CV:.0%} with that memory, instances {OFFSET:.0%} apart, a shared drift; delays median /"
                " 90th percentile. Gauges are advisory by default.",
            )
        ],
        [],
        cells,
    )


def simulate(memory: float, ratio: float, from_tick: int, stages: int, seed: int) -> Levels:
    """Log-normal noise around a shared daily drift; the canary is `ratio` higher from `from_tick` on."""
    rng = seeded_rng(seed, "gauge", memory, ratio, from_tick)
    ticks = 3 * HOUR
    keeps = math.exp(-TICK_S / memory)
    noise = np.empty((INSTANCES, ticks, stages))
    noise[:, 0] = rng.standard_normal((INSTANCES, stages))
    for t in range(1, ticks):
        kicks = rng.standard_normal((INSTANCES, stages))
        noise[:, t] = keeps * noise[:, t - 1] + math.sqrt(1 - keeps**2) * kicks
    offsets = rng.normal(0, OFFSET, (INSTANCES, 1, stages))
    drift = 0.3 * np.sin(2 * np.pi * (np.arange(ticks)[:, None] / ticks + rng.random(stages)))
    levels = np.exp(CV * noise + offsets + drift)
    canary, baseline = levels[0, 2 * HOUR :], levels[1:, 2 * HOUR :].mean(axis=0)
    canary = canary * np.where(np.arange(HOUR) >= from_tick, ratio, 1.0)[:, None]
    return Levels(levels[1:, : 2 * HOUR], canary, baseline)


def fails(levels: Levels) -> Mask:
    """Where the block e-process fails the canary; the evidence changes at the end of each block."""
    placebo = np.log(levels.before[0] / levels.before[1:].mean(axis=0))
    lengths, spreads = block_length(placebo)
    log_ratio = np.log(levels.canary / levels.baseline) - math.log(TOLERANCE)
    found = np.zeros(log_ratio.shape, dtype=bool)
    for length in BLOCKS:
        stages = np.flatnonzero(lengths == length)
        mixture = StartMixture(len(SHIFTS), len(stages), RULE)
        shifts = np.array(SHIFTS)[:, None]
        for end, median in _medians(log_ratio[:, stages], length):
            z = median / spreads[stages]
            evidence = mixture.add(_log_t4(z - shifts) - _log_t4(z), np.ones(len(stages)))
            found[end : end + length, stages] = evidence >= 100
    return found


def _medians(series: Array, length: int) -> Iterator[tuple[int, Array]]:
    """Last tick and median of each whole block."""
    for begin in range(0, len(series) - length + 1, length):
        yield begin + length - 1, np.median(series[begin : begin + length], axis=0)


def block_length(placebo: Array) -> tuple[Array, Array]:
    """(block length in ticks, deviation of a block's median) per stage, from one baseline instance."""
    chosen, spread = np.zeros(placebo.shape[1]), np.ones(placebo.shape[1])
    for length in BLOCKS:
        medians = np.stack([median for _, median in _medians(placebo, length)])
        off = medians - medians.mean(axis=0)
        lag = (off[1:] * off[:-1]).sum(axis=0) / np.maximum((off * off).sum(axis=0), 1e-12)
        take = (chosen == 0) & ((lag <= CALM) | (length == BLOCKS[-1]))
        mad = np.median(np.abs(medians - np.median(medians, axis=0)), axis=0)
        chosen, spread = np.where(take, length, chosen), np.where(take, MAD * mad, spread)
    return chosen, spread


def _log_t4(z: Array) -> Array:
    """ln of Student's density with 4 degrees of freedom, up to a constant."""
    density: Array = -2.5 * np.log1p(z * z / 4)
    return density


def _peers(levels: Levels, scale: Scale) -> tuple[Mask, Mask, Mask]:
    """Halts of a t test at 1 % at each tick, a ceiling of 1.2 times the level, Kayenta."""
    n = np.arange(1, HOUR + 1)[:, None]
    difference = levels.canary - levels.baseline
    mean, square = difference.cumsum(axis=0) / n, (difference**2).cumsum(axis=0) / n
    sd = np.sqrt(np.maximum(square - mean**2, 1e-12) / n)
    peeked = (mean > 2.33 * sd) & (n >= 12)
    level = levels.before.mean(axis=(0, 1))
    minutes = levels.canary.reshape(60, 6, -1).mean(axis=1)
    ceiling = np.cumsum(minutes > 1.2 * level, axis=0) >= 4
    few = slice(scale.kayentas)
    baseline = levels.baseline[:, few].reshape(60, 6, -1).mean(axis=1)
    high = np.stack([kayenta.is_high(minutes[:m, few].T, baseline[:m].T) for m in range(kayenta.FIRST_LOOK, 61)])
    return peeked, ceiling, high
