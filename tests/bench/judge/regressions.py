"""One regression played many times: our delays, the oracle's, the peers', and what was served meanwhile."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tests.bench.judge import kayenta, peers
from tests.bench.judge.absolute import LEAST, matters
from tests.bench.judge.cells import Scale, play
from tests.bench.judge.limits import excess_limit, limit_s, oracle
from tests.bench.judge.shares import Delays, percent, span, standard_error
from tests.bench.judge.tables import Number
from tests.bench.judge.ticks import Array, Mask, Ticks
from tests.bench.judge.worlds import World

PEER_NAMES = (
    "count mixture",
    "GrowthBook",
    "mSPRT tuned",
    "Kayenta each min",
    "Kayenta once",
    "Flagger docs",
    "Argo docs",
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One regression and what became of it."""

    world: World
    limit: float
    """Seconds, Wald's."""
    ours: Delays
    """Of both keys."""
    called: Delays
    """With the least excess that is called by default."""
    oracle: Delays
    excess: float
    """Median of the bad requests beyond the normal ones that were served before our halt."""
    excess_error: float
    """Its standard error."""
    others: dict[str, Delays]

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.world.regime} {self.world.ratio:g}x"

    @property
    def harmful(self) -> bool:
        """Whether the excess is clearly one that matters."""
        return self.world.regime.base * (self.world.ratio - 1) >= 1.5 * LEAST

    @property
    def limited(self) -> bool:
        """Whether traffic is what limits: not the tick, not the tolerance, not the hour."""
        return 20 <= self.limit <= 1800 and self.world.ratio >= 2


def cell_of(world: World, scale: Scale, seed: int, *, also: bool) -> Cell:
    """Play one regression; `also` by the peers' rules."""
    parts = list(play(world, scale.regressions, seed, "alt"))
    fails = np.concatenate([part.evidence.fails() for part in parts], axis=1)
    ticks = joined([part.ticks for part in parts])
    ours = Delays.after(fails, world.from_tick)
    told = Delays.after(oracle(ticks, world), world.from_tick)
    others = _peers(ticks, world, scale) if also else {"count mixture": _mixture(ticks, world)}
    matter = np.concatenate([matters(part.ticks, part.evidence.phi, LEAST) for part in parts], axis=1)
    called = Delays.after(fails & matter, world.from_tick)
    return Cell(world, limit_s(world.regime, world.ratio), ours, called, told, *_excess(ticks, fails, world), others)


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


def _excess(ticks: Ticks, fails: Mask, world: World) -> tuple[float, float]:
    """Errors served since the regression began, less the normal ones: median over the halted stages, its error."""
    beyond: Array = (ticks.kc - ticks.nc * world.regime.base)[world.from_tick :].cumsum(axis=0)
    later = fails[world.from_tick :]
    found = later.any(axis=0)
    if not found.any():
        return math.nan, math.inf
    served = np.take_along_axis(beyond, later.argmax(axis=0)[None], axis=0)[0]
    return float(np.median(served[found])), standard_error(served[found])


def peer_word(delays: Delays) -> str:
    """A peer's median, and how many it finds where not all."""
    part = delays.found.part
    word = span(delays.median)
    return word if part >= 0.995 or part == 0 else f"{word} ({percent(part)} %)"


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
