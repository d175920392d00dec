"""Regressions from the first tick: how long each rule takes, and how far that is from what is possible."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from console.bench.judge import kayenta, peers
from console.bench.judge.cells import Scale, play
from console.bench.judge.limits import excess_limit, limit_s, oracle
from console.bench.judge.null import five_metrics
from console.bench.judge.shares import Delays, percent, span
from console.bench.judge.tables import Findings, Goal, Number, Table, held
from console.bench.judge.ticks import TICK_S, Array, Mask, Ticks
from console.bench.judge.worlds import Regime, Weather, World

RATES, BASES, RATIOS = (2, 5, 20, 100, 500), (0.0001, 0.001, 0.005, 0.02), (1.5, 2.0, 5.0, 20.0)
SHOWN = (
    *((2, 0.0001, 20), (2, 0.001, 5), (2, 0.001, 20), (2, 0.005, 2), (2, 0.005, 5), (20, 0.001, 2), (20, 0.001, 5)),
    *((20, 0.001, 20), (20, 0.005, 2), (100, 0.001, 2), (100, 0.001, 5), (100, 0.02, 1.5), (100, 0.02, 2)),
    *((500, 0.0001, 2), (500, 0.0001, 5), (500, 0.02, 5)),
)
"""The cells of the printed table; the goals are reckoned over all."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One regression and what became of it."""

    world: World
    limit: float
    """Seconds, Wald's."""
    ours: Delays
    oracle: Delays
    excess: float
    """Median of the bad requests beyond the normal ones that were served before our halt."""
    others: dict[str, Delays]

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.world.regime} {self.world.ratio:g}x"

    @property
    def limited(self) -> bool:
        """Whether traffic is what limits: not the tick, not the tolerance, not the hour."""
        return 20 <= self.limit <= 1800 and self.world.ratio >= 2


def run(scale: Scale, seed: int) -> Findings:
    """The grid, other weights, total failure, five metrics with one bad."""
    cells = [
        cell_of(World(Regime(rps, base), ratio=ratio), scale, seed, also=(rps, base, ratio) in SHOWN)
        for rps in RATES
        for base in BASES
        for ratio in RATIOS
        if base * ratio < 0.5
    ]
    others = _other_stages(scale, seed)
    limited = [cell for cell in cells if cell.limited]
    numbers: dict[str, dict[str, Number]] = {f"alt / {cell.name}": cell_numbers(cell) for cell in cells}
    for name, delays in others:
        numbers[f"alt / {name}"] = delay_numbers(delays)
    return Findings([_table(cells), _limits(limited), _others(others)], _goals(cells, limited, others), numbers)


def cell_of(world: World, scale: Scale, seed: int, *, also: bool) -> Cell:
    """Play one regression; `also` by the peers' rules."""
    parts = list(play(world, scale.regressions, seed, "alt"))
    fails = np.concatenate([part.evidence.fails() for part in parts], axis=1)
    ticks = joined([part.ticks for part in parts])
    ours = Delays.after(fails, world.from_tick)
    told = Delays.after(oracle(ticks, world), world.from_tick)
    others = _peers(ticks, world, scale) if also else {"count mixture": _mixture(ticks, world)}
    return Cell(world, limit_s(world.regime, world.ratio), ours, told, _excess(ticks, fails, world), others)


def joined(parts: list[Ticks]) -> Ticks:
    """Stages of several chunks side by side."""
    return Ticks(*(np.concatenate([getattr(part, arm) for part in parts], axis=1) for arm in ("kc", "nc", "kb", "nb")))


def _mixture(ticks: Ticks, world: World) -> Delays:
    return Delays.after(peers.count_mixture(ticks), world.from_tick)


def _peers(ticks: Ticks, world: World, scale: Scale) -> dict[str, Delays]:
    few = ticks.stages(slice(scale.kayentas))
    halts: dict[str, Mask] = {
        "count mixture": peers.count_mixture(ticks),
        "GrowthBook": peers.growthbook(ticks),
        "mSPRT tuned": peers.msprt(ticks, world.regime),
        "Kayenta each min": kayenta.each_minute(few),
        "Kayenta once": kayenta.once(few),
        "Flagger docs": peers.flagger(ticks),
        "Argo docs": peers.argo(ticks),
    }
    return {name: Delays.after(found, world.from_tick) for name, found in halts.items()}


def _excess(ticks: Ticks, fails: Mask, world: World) -> float:
    """Median over the stages that were halted of errors served since the regression began, less the normal ones."""
    beyond: Array = (ticks.kc - ticks.nc * world.regime.base)[world.from_tick :].cumsum(axis=0)
    later = fails[world.from_tick :]
    found = later.any(axis=0)
    if not found.any():
        return math.nan
    served = np.take_along_axis(beyond, later.argmax(axis=0)[None], axis=0)[0]
    return float(np.median(served[found]))


def _other_stages(scale: Scale, seed: int) -> list[tuple[str, Delays]]:
    found = []
    for weight in (0.05, 0.25):
        for ratio in (2.0, 5.0):
            world = World(Regime(20, 0.001, weight), ratio=ratio)
            found.append((f"{world.regime} {ratio:g}x", cell_of(world, scale, seed, also=False).ours))
    for rps in (20.0, 100.0):
        world = World(Regime(rps, 0.001), ratio=1000.0)
        found.append((f"total failure, {rps:g}/s", cell_of(world, scale, seed, also=False).ours))
    for ratio in (2.0, 5.0, 20.0):
        ratios = (1, 1, ratio, 1, 1)
        stages = list(five_metrics(Weather.PLAIN, scale.regressions, seed, ratios))
        both = [Delays.after(np.concatenate([stage[i] for stage in stages], axis=1)) for i in (0, 1)]
        found.append((f"one of five metrics {ratio:g}x, 20/s 0.2 %", both[0]))
        found.append((f"the same metric alone {ratio:g}x", both[1]))
    return found


PEER_NAMES = (
    "count mixture",
    "GrowthBook",
    "mSPRT tuned",
    "Kayenta each min",
    "Kayenta once",
    "Flagger docs",
    "Argo docs",
)


def peer_word(delays: Delays) -> str:
    """A peer's median, and how many it finds where not all."""
    part = delays.found.part
    word = span(delays.median)
    return word if part >= 0.995 or part == 0 else f"{word} ({percent(part)} %)"


def _table(cells: list[Cell]) -> Table:
    rows = []
    for cell in cells:
        world = cell.world
        if (world.regime.rps, world.regime.base, world.ratio) not in SHOWN:
            continue
        physics = excess_limit(world.regime, world.ratio)
        rows.append(
            [
                cell.name,
                span(cell.limit),
                str(cell.oracle),
                str(cell.ours),
                *(peer_word(cell.others[name]) for name in PEER_NAMES),
                f"{cell.excess:.0f} vs {physics:.0f}",
            ]
        )
    return Table(
        "Detection delay of a regression from the first tick",
        [
            "canary, base rate, ratio",
            "KL limit",
            "oracle",
            "warroom",
            *PEER_NAMES,
            "excess bad requests, ours vs physics",
        ],
        rows,
        "Median / 90th percentile (share found within the hour where below 99.5 %); peers: median. KL limit: ln 100"
        " over the information per second (Wald 1945). Oracle: the sequential test that is told ratio and start.",
    )


def _limits(limited: list[Cell]) -> Table:
    ratios = sorted((cell.ours.median / cell.limit, cell.name) for cell in limited)
    oracles = [cell.oracle.median / cell.limit for cell in limited]
    mixture = [cell.others["count mixture"].median / cell.limit for cell in limited]
    to_oracle = [cell.ours.median / cell.oracle.median for cell in limited]
    rows = [
        ["warroom over the KL limit", *_spread([ratio for ratio, _ in ratios]), ratios[-1][1]],
        ["warroom over the oracle", *_spread(to_oracle), ""],
        ["oracle over the KL limit", *_spread(oracles), ""],
        ["count mixture over the KL limit", *_spread(mixture), ""],
    ]
    return Table(
        f"Speed against what is possible, over the {len(limited)} cells that traffic limits",
        ["what", "median", "least", "most", "where most"],
        rows,
        "Cells of the grid with a limit from 20 s to 30 min and a ratio of at least 2; medians of delays.",
    )


def _spread(values: list[float]) -> list[str]:
    return [f"{value:.2f}" for value in (float(np.median(values)), min(values), max(values))]


def _others(others: list[tuple[str, Delays]]) -> Table:
    return Table("Other regressions from the first tick", ["stage", "warroom"], [[name, str(d)] for name, d in others])


def _goals(cells: list[Cell], limited: list[Cell], others: list[tuple[str, Delays]]) -> list[Goal]:
    ratio = float(np.median([cell.ours.median / cell.limit for cell in limited]))
    goals = [
        Goal(
            f"median delay over the KL limit, {len(limited)} cells",
            "<= 1.7",
            f"{ratio:.2f}" + (", stretch 1.5 reached" if ratio <= 1.5 else ""),
            held(ratio <= 1.7),
        )
    ]
    for size, most in ((5.0, 8.0), (20.0, 5.0)):
        served = [(cell.excess, cell.name) for cell in limited if cell.world.ratio == size]
        worst, where = max(served)
        middle = float(np.median([value for value, _ in served]))
        goals.append(
            Goal(
                f"bad requests before the halt, {size:g}x, traffic-limited cells",
                f"<= {most:g}",
                f"median {middle:.1f}, worst cell {worst:.1f} ({where})",
                held(middle <= most),
            )
        )
    slow = next(cell for cell in cells if cell.name == "2/s 0.1 % 20x")
    goals.append(Goal("20x at 2 req/s, 0.1 % base", "<= 2 min", str(slow.ours), held(slow.ours.median <= 120)))
    total = max(delays.median for name, delays in others if name.startswith("total failure"))
    goals.append(
        Goal("total failure from the first tick, >= 20 req/s", "2 ticks", span(total), held(total <= 2 * TICK_S))
    )
    return goals


def delay_numbers(delays: Delays) -> dict[str, Number]:
    """Seconds, None for never."""
    return {
        "median_s": _finite(delays.median),
        "p90_s": _finite(delays.quantile(0.9)),
        "found": delays.found.hits,
        "of": delays.found.of,
    }


def cell_numbers(cell: Cell) -> dict[str, Number]:
    """Everything of a cell."""
    found: dict[str, Number] = {
        **delay_numbers(cell.ours),
        "limit_s": cell.limit,
        "oracle_median_s": _finite(cell.oracle.median),
        "excess": _finite(cell.excess),
        "excess_limit": excess_limit(cell.world.regime, cell.world.ratio),
    }
    for name, delays in cell.others.items():
        found[f"{name} median_s"] = _finite(delays.median)
        found[f"{name} found"] = delays.found.part
    return found


def _finite(value: float) -> Number:
    return value if math.isfinite(value) else None
