"""Latency as counts: requests slower than the baseline's p90 and p99, with averaged evidence."""

from __future__ import annotations

import math

import numpy as np

from tests.bench.judge.bursts import phi_before
from tests.bench.judge.cells import CHUNK, Scale
from tests.bench.judge.null import share_numbers
from tests.bench.judge.regressions import delay_numbers
from tests.bench.judge.shares import Delays, seeded_rng, share
from tests.bench.judge.split import split_evidence
from tests.bench.judge.tables import Findings, Number, Table
from tests.bench.judge.ticks import TICK_S, Array, Mask, Ticks
from tests.bench.judge.worlds import HOUR

SIGMA = 0.785
"""Deviation of the log-normal latencies: 10 % slower gives 1.23 times as many slow requests."""
EDGES = (1.2815515655446004, 2.3263478740408408)
"""p90 and p99 in standard deviations."""
RATES = (2.0, 20.0, 100.0)
SLOWER = (1.0, 1.1, 1.2, 1.5)


def run(scale: Scale, seed: int) -> Findings:
    """Play healthy canaries and ones 10, 20 and 50 % slower, with 1 % of the traffic."""
    rows, found = [], {}
    for rps in RATES:
        row = [f"{rps:g}/s"]
        for slower in SLOWER:
            stages = scale.nulls // 4 if slower == 1.0 else scale.regressions
            halts = fails(rps, slower, stages, seed)
            name = f"latency / {rps:g}/s {slower:g}x"
            if slower == 1.0:
                row.append(f"{share(halts)}")
                found[name] = share_numbers(share(halts))
            else:
                row.append(str(Delays.after(halts)))
                found[name] = delay_numbers(Delays.after(halts))
        rows.append(row)
    cells: dict[str, dict[str, Number]] = found
    table = Table(
        "Latency: slower than the baseline's p90 and p99",
        ["canary", "healthy, halted % (Wilson 95 %)", "10 % slower", "20 % slower", "50 % slower"],
        rows,
        "Median / 90th percentile (share found). 10 % slower is inside the tolerance by design.",
    )
    return Findings([table], [], cells)


def fails(rps: float, slower: float, stages: int, seed: int) -> Mask:
    """Where the averaged evidence fails a canary `slower` times as slow, (ticks, stages)."""
    rng = seeded_rng(seed, "latency", rps, slower)
    found = []
    while stages > 0:
        some = min(stages, CHUNK)
        stages -= some
        shape = (HOUR, some)
        counts = [_slow(rate, factor, shape, rng) for rate, factor in ((rps, slower), (rps * 99, 1.0))]
        evidence = []
        for edge in range(len(EDGES)):
            (kc, nc), (kb, nb) = ((slow[edge], n) for n, slow in counts)
            _, slow_before = _slow(rps * 100, 1.0, shape, rng)
            evidence.append(split_evidence(Ticks(kc, nc, kb, nb), phi0=phi_before(slow_before[edge]), only_fail=True))
        chance = (evidence[0].chance + evidence[1].chance) / 2
        trivial = (evidence[0].trivial + evidence[1].trivial) / 2
        found.append((chance >= 100) & (trivial >= 5))
    return np.concatenate(found, axis=1)


def _slow(rate: float, slower: float, shape: tuple[int, int], rng: np.random.Generator) -> tuple[Array, list[Array]]:
    """Requests, and the number slower than each edge."""
    n = rng.poisson(rate * TICK_S, shape)
    beyond = [math.erfc((edge - math.log(slower) / SIGMA) / math.sqrt(2)) / 2 for edge in EDGES]
    over_first = rng.binomial(n, beyond[0])
    over_second = rng.binomial(over_first, beyond[1] / beyond[0])
    return n.astype(float), [over_first.astype(float), over_second.astype(float)]
