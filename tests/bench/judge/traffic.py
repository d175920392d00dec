"""Traffic mismatch: the canary gets another share of requests than its weight."""

from __future__ import annotations

import math

import numpy as np

from tests.bench.judge.cells import Scale
from tests.bench.judge.null import share_numbers
from tests.bench.judge.regressions import delay_numbers
from tests.bench.judge.shares import Delays, seeded_rng, share
from tests.bench.judge.tables import Findings, Goal, Number, Table, share_result
from tests.bench.judge.ticks import TICK_S, Array, Mask
from tests.bench.judge.worlds import HOUR

LOW, HIGH = 0.8, 1.25
BLOCKS, MINUTE, ENOUGH = 3, 6, 100.0
"""Three blocks in a row, each a minute long, or until 100 canary requests are due."""
WEIGHT = 0.01
RATES = (0.2, 0.5, 1.0, 2.0, 5.0, 20.0)
SHARES = (0.0, 0.5, 0.7, 1.5)
STICKY = 5.0
"""Mean requests of a client per tick, where clients stick to an arm."""
HALF = 180


def run(scale: Scale, seed: int) -> Findings:
    """Play right shares, and wrong ones from minute 30 on."""
    rows, found, apart = [], {}, []
    for rps in RATES:
        row = [f"{rps:g}/s"]
        for sticky in (False, True):
            halted = share(mismatches(*requests(rps, 1.0, sticky, scale.nulls // 2, seed)))
            row.append(str(halted))
            found[f"traffic / {rps:g}/s{' sticky' if sticky else ''}"] = share_numbers(halted)
            if not sticky:
                apart.append((halted, row[0]))
        for part in SHARES:
            delays = Delays.after(mismatches(*requests(rps, part, False, scale.regressions, seed)), HALF)
            row.append(str(delays))
            found[f"traffic / {rps:g}/s x{part:g}"] = delay_numbers(delays)
        rows.append(row)
    cells: dict[str, dict[str, Number]] = found
    table = Table(
        "Traffic mismatch: a share outside 0.8 to 1.25 times the weight in three blocks in a row",
        [
            "canary",
            "right share: mismatch % (Wilson 95 %)",
            "the same, sticky clients",
            *(f"x{part:g}" for part in SHARES),
        ],
        rows,
        "Blocks of a minute, or of 100 due requests where that takes longer, all outside on the same side. Delay"
        f" from the change: median / 90th percentile. Sticky clients make {STICKY:g} requests a tick.",
    )
    worst, where = max(apart, key=lambda pair: pair[0].part)
    words = f"{worst} % ({where})"
    goal = Goal("traffic mismatch although the share is right, worst cell", "<= 1 %", words, share_result(worst, 0.01))
    return Findings([table], [goal], cells)


def requests(rps: float, part: float, sticky: bool, stages: int, seed: int) -> tuple[Array, Array]:
    """Requests of (canary, both arms); from minute 30 on the canary gets `part` of its weight."""
    rng = seeded_rng(seed, "traffic", rps, part, sticky)
    both = rng.poisson(rps / WEIGHT * TICK_S, (HOUR, stages))
    given = np.where(np.arange(HOUR) >= HALF, part, 1.0)[:, None] * WEIGHT
    if not sticky:
        return rng.binomial(both, given).astype(float), both.astype(float)
    clients = rng.binomial(both, given / STICKY)
    extra = np.where(clients > 0, rng.negative_binomial(np.maximum(clients, 1), 1 / STICKY), 0)
    return (clients + extra).astype(float), both.astype(float)


def mismatches(canary: Array, both: Array) -> Mask:
    """Where the last three blocks are all too small, or all too large."""
    ticks, stages = canary.shape
    length = max(MINUTE, math.ceil(ENOUGH / (float(both.mean()) * WEIGHT)))
    nothing = np.zeros((1, stages))
    had, due = (np.concatenate([nothing, a.cumsum(axis=0)]) for a in (canary, both * WEIGHT))
    ratio = (had[length:] - had[:-length]) / np.maximum(due[length:] - due[:-length], 1e-12)
    found = np.zeros((ticks, stages), dtype=bool)
    for outside in (ratio < LOW, ratio > HIGH):
        last = len(outside) - (BLOCKS - 1) * length
        if last > 0:
            held = np.ones((last, stages), dtype=bool)
            for block in range(BLOCKS):
                held &= outside[block * length : block * length + last]
            found[BLOCKS * length - 1 :] |= held
    return found
