"""Rules on the canary's own rate: the ceiling, and the least excess of a FAIL."""

from __future__ import annotations

import math

import numpy as np

from tests.bench.judge.absolute import LEAST, ceiling_evidence, is_large_enough
from tests.bench.judge.bursts import phi_before, phi_during
from tests.bench.judge.cells import Scale, play
from tests.bench.judge.null import share_numbers
from tests.bench.judge.regressions import delay_numbers
from tests.bench.judge.shares import Delays, Share, seeded_rng, share, span
from tests.bench.judge.tables import Findings, Goal, Number, Table, share_result
from tests.bench.judge.ticks import Mask
from tests.bench.judge.worlds import Regime, Weather, World, history, simulate

CEILINGS = ((2.0, 0.001), (5.0, 0.005), (20.0, 0.01), (100.0, 0.001), (500.0, 0.0005))
"""Canary requests per second, and the ceiling."""
WEATHERS = (Weather.PLAIN, Weather.BURSTS, Weather.HEAVY_BURSTS)
EXCESSES = (0.04, 0.2, 0.5, 0.8, 1.5, 2.0, 4.0)
"""True excesses in multiples of LEAST."""
BASES = ((100.0, 0.00001), (500.0, 0.0001), (20.0, 0.001))


def run(scale: Scale, seed: int) -> Findings:
    """Measure both rules."""
    return _ceiling(scale, seed) + _least(scale, seed)


def _ceiling(scale: Scale, seed: int) -> Findings:
    rows, found, at_it = [], {}, []
    for rps, ceiling in CEILINGS:
        row = [f"{rps:g}/s, ceiling {ceiling:.2%}"]
        for weather in WEATHERS:
            halted = share(_over(World(Regime(rps, ceiling), weather), ceiling, scale.nulls // 4, seed))
            if weather is Weather.PLAIN:
                at_it.append((halted, row[0]))
            row.append(str(halted))
            found[f"ceiling / {row[0]} / exactly at it, {weather}"] = share_numbers(halted)
        for times in (2.0, 5.0):
            world = World(Regime(rps, ceiling / 2), ratio=2 * times)
            delays = Delays.after(_over(world, ceiling, scale.regressions, seed))
            limit = math.log(100) / (rps * ceiling * (times * math.log(times) - times + 1))
            row.append(f"{delays}, limit {span(limit)}")
            found[f"ceiling / {row[0]} / {times:g} times it"] = delay_numbers(delays)
        rows.append(row)
    cells: dict[str, dict[str, Number]] = found
    table = Table(
        "The absolute ceiling",
        [
            "canary",
            *(f"rate exactly at it, {weather}: failed % (Wilson 95 %)" for weather in WEATHERS),
            "twice of it",
            "five times",
        ],
        rows,
        "Needs no baseline. Delays from the first tick: median / 90th percentile; limit ln 100 over the information.",
    )
    worst, where = max(at_it, key=lambda pair: pair[0].part)
    goal = Goal(
        "ceiling: failed with the rate exactly at it, no bursts, worst cell",
        "<= 1 %",
        f"{worst} % ({where})",
        share_result(worst, 0.01),
    )
    return Findings([table], [goal], cells)


def _over(world: World, ceiling: float, stages: int, seed: int) -> Mask:
    rng = seeded_rng(seed, "ceiling", world)
    ticks = simulate(world, stages, rng)
    phi = phi_during(ticks.kc, ticks.kc + ticks.kb, ticks.exposure, phi_before(history(world, stages, rng)))
    over: Mask = ceiling_evidence(ticks, phi, ceiling) >= 100
    return over


def _least(scale: Scale, seed: int) -> Findings:
    rows, found = [], {}
    small = Share(0, 0)
    for rps, base in BASES:
        for times in EXCESSES:
            ratio = 1 + times * LEAST / base
            world = World(Regime(rps, base), ratio=ratio)
            without, with_it = [], []
            for part in play(world, scale.regressions, seed, "least"):
                fails = part.evidence.fails()
                without.append(fails)
                with_it.append(fails & is_large_enough(part.ticks, part.evidence.phi, LEAST))
            one, two = Delays.after(np.concatenate(without, axis=1)), Delays.after(np.concatenate(with_it, axis=1))
            name = f"{rps:g}/s {base * 100:g} % -> {base * ratio * 100:.3g} %"
            rows.append([name, f"{times:g}", str(one), str(two)])
            found[f"least excess / {name}"] = delay_numbers(two)
            if times <= 0.04:
                small += two.found
    table = Table(
        f"The least excess of a FAIL, {LEAST:.2%}",
        [
            "canary, base rate -> canary's rate",
            "excess in multiples of it",
            "FAIL without the rule",
            "FAIL with the rule",
        ],
        rows,
        "Median / 90th percentile (share found). The edge is soft: the least excess is compared with"
        " an estimate over the ticks since the regression began.",
    )
    goal = Goal("0.001 % -> 0.003 % and similar must not fail", "<= 1 %", f"{small} %", share_result(small, 0.01))
    cells: dict[str, dict[str, Number]] = found
    return Findings([table], [goal], cells)
