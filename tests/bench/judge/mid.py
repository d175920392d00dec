"""Regressions that begin later: at minute 30 of a stage, or with the second stage of a rollout."""

from __future__ import annotations

import numpy as np

from tests.bench.judge.bursts import phi_before
from tests.bench.judge.cells import CHUNK, Scale
from tests.bench.judge.limits import floor_s
from tests.bench.judge.null import share_numbers
from tests.bench.judge.regressions import Cell, cell_numbers, cell_of, delay_numbers, median_text
from tests.bench.judge.shares import Delays, Share, seeded_rng, share, span
from tests.bench.judge.split import split_evidence
from tests.bench.judge.tables import Findings, Goal, Number, Table, goal_result
from tests.bench.judge.ticks import TICK_S, Mask, Ticks
from tests.bench.judge.worlds import Regime, Weather, World, history, simulate

HALF = 180
"""First tick of the regression: minute 30."""
SHOWN = (
    *((2, 0.001, 20), (5, 0.005, 2), (5, 0.005, 5), (20, 0.001, 5), (20, 0.001, 20), (100, 0.001, 2)),
    *((100, 0.001, 5), (100, 0.02, 20)),
)
VALID = ("count mixture", "GrowthBook", "Kayenta once", "Argo docs")
"""Peers that halt at most 1 % of plainly healthy canaries."""
WEIGHTS = (0.01, 0.05, 0.25)
"""Weights of a rollout's stages, half an hour each."""


def run(scale: Scale, seed: int) -> Findings:
    """Play regressions and total failure at minute 30, and rollouts of three stages."""
    cells = [
        cell_of(World(Regime(rps, base), ratio=ratio, from_tick=HALF), scale, seed, all_peers=True)
        for rps, base, ratio in SHOWN
    ]
    total = [
        cell_of(World(Regime(rps, 0.001), ratio=1000.0, from_tick=HALF), scale, seed, all_peers=False)
        for rps in (20.0, 100.0)
    ]
    halts, delays = _rollouts(scale, seed)
    found: dict[str, dict[str, Number]] = {f"mid / {cell.name}": cell_numbers(cell) for cell in [*cells, *total]}
    found |= {f"mid / rollout, {name}": share_numbers(part) for name, part in halts.items()}
    found |= {f"mid / second stage, {name}": delay_numbers(delay) for name, delay, _ in delays}
    return Findings([_table(cells), _rollouts_table(halts, delays)], _goals(cells, total), found)


def _table(cells: list[Cell]) -> Table:
    names = ("count mixture", "GrowthBook", "mSPRT tuned", "Kayenta each min")
    rows = [
        [
            cell.name,
            span(cell.limit),
            span(floor_s(cell.world.regime, cell.world.ratio)),
            median_text(cell.ours),
            *(median_text(cell.others[name]) for name in names),
        ]
        for cell in cells
    ]
    return Table(
        "Detection delay of a regression that begins at minute 30",
        ["canary, base rate, ratio", "KL limit", "floor", "warroom", *names],
        rows,
        "Medians (share found in the remaining half hour where below 99.5 %). Floor: (ln 100 + ln of the"
        " distinguishable beginnings) over the information per second (Lorden 1971). A halt before minute 30 counts"
        " as a delay of 0.",
    )


def _goals(cells: list[Cell], total: list[Cell]) -> list[Goal]:
    speeds = []
    for cell in cells:
        if cell.world.ratio < 5:
            continue
        rival = min(cell.others[name].median for name in VALID)
        speeds.append((rival / cell.ours.median, cell.name))
    missed = [f"{name} {times:.2f}x" for times, name in speeds if times < 1.7]
    words = f"{len(speeds) - len(missed)} of {len(speeds)} cells" + (f"; not {', '.join(missed)}" if missed else "")
    worst = max(cell.ours.median for cell in total)
    return [
        Goal(
            "5x and more at minute 30, against the best peer that halts <= 1 % of plainly healthy canaries",
            ">= 1.7x faster",
            words,
            goal_result(not missed),
        ),
        Goal("total failure at minute 30, >= 20 req/s", "4 ticks", span(worst), goal_result(worst <= 4 * TICK_S)),
    ]


def rollout(total: float, base: float, ratios: tuple[float, ...], weather: Weather, stages: int, seed: int) -> Ticks:
    """Consecutive stages of half an hour at `WEIGHTS` of `total` requests per second, one ratio each."""
    rng = seeded_rng(seed, "rollout", total, base, ratios, weather)
    parts = [
        simulate(World(Regime(total * weight, base, weight), weather, ratio, ticks=HALF), stages, rng)
        for weight, ratio in zip(WEIGHTS, ratios, strict=False)
    ]
    return Ticks(*(np.concatenate([getattr(part, arm) for part in parts]) for arm in ("kc", "nc", "kb", "nb")))


def _rollout_fails(
    total: float, base: float, ratios: tuple[float, ...], weather: Weather, stages: int, seed: int, spend: float
) -> Mask:
    """Where a rollout fails, with evidence carried over the stages."""
    fails = []
    while stages > 0:
        some, seed_here = min(stages, CHUNK), seed + stages
        stages -= some
        ticks = rollout(total, base, ratios, weather, some, seed_here)
        calm = World(Regime(total * WEIGHTS[0], base), weather)
        phi0 = phi_before(history(calm, some, seeded_rng(seed_here, "before", total, base, weather)))
        begins = tuple(range(HALF, len(ratios) * HALF, HALF))
        fails.append(split_evidence(ticks, phi0=phi0, only_fail=True, begins=begins, spend=spend).fails())
    return np.concatenate(fails, axis=1)


def _rollouts(scale: Scale, seed: int) -> tuple[dict[str, Share], list[tuple[str, Delays, Delays]]]:
    halts = {}
    for weather in (Weather.PLAIN, Weather.BURSTS, Weather.HEAVY_BURSTS):
        for total, base in ((500.0, 0.005), (2000.0, 0.001)):
            found = _rollout_fails(total, base, (1.0, 1.0, 1.0), weather, scale.nulls // 4, seed, 0.5)
            halts[f"{total:g}/s {base:.1%}, {weather}"] = share(found)
    delays = []
    for total, base, ratio in ((200.0, 0.001, 5.0), (500.0, 0.005, 2.0), (2000.0, 0.001, 2.0), (2000.0, 0.001, 5.0)):
        with_it, without = (
            Delays.after(_rollout_fails(total, base, (1.0, ratio), Weather.PLAIN, scale.regressions, seed, spend), HALF)
            for spend in (0.5, 0.0)
        )
        delays.append((f"{total:g}/s {base:.1%} {ratio:g}x", with_it, without))
    return halts, delays


def _rollouts_table(halts: dict[str, Share], delays: list[tuple[str, Delays, Delays]]) -> Table:
    rows = [[f"{name}: healthy, 1, 5, 25 %", f"halted {found} %", ""] for name, found in halts.items()]
    rows += [
        [f"{name}: begins with the second stage (5 %)", f"found after {one}", f"without it {two}"]
        for name, one, two in delays
    ]
    return Table(
        "Rollouts: evidence carried over stages of half an hour",
        ["total traffic, base rate", "half of the unspent start mass spent at each new stage", ""],
        rows,
        "Healthy rollouts: all three stages together. Burstiness uses the exposure of each tick.",
    )
