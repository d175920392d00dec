"""One regression played many times: delays of our rule, the oracle and the peers, and bad requests served."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tests.bench.judge import kayenta, peers
from tests.bench.judge.absolute import LEAST, is_large_enough
from tests.bench.judge.cells import Scale, play
from tests.bench.judge.limits import excess_limit, limit_s, oracle_halts
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
    """One regression and its delays."""

    world: World
    limit: float
    """Wald's limit, seconds."""
    ours: Delays
    """Delays of both keys."""
    called: Delays
    """Delays of both keys with the default least excess."""
    oracle: Delays
    excess: float
    """Median number of bad requests beyond the normal ones before our halt."""
    excess_error: float
    """Standard error of `excess`."""
    others: dict[str, Delays]

    @property
    def name(self) -> str:
        """The cell in a table: regime and ratio."""
        return f"{self.world.regime} {self.world.ratio:g}x"

    @property
    def is_harmful(self) -> bool:
        """Whether the excess is clearly above the least excess."""
        return self.world.regime.base * (self.world.ratio - 1) >= 1.5 * LEAST

    @property
    def is_limited_by_traffic(self) -> bool:
        """Whether traffic limits the delay, not the tick, the tolerance or the hour."""
        return 20 <= self.limit <= 1800 and self.world.ratio >= 2


def cell_of(world: World, scale: Scale, seed: int, *, all_peers: bool) -> Cell:
    """Play one regression with our rule; `all_peers`: with the rules of all peers too."""
    parts = list(play(world, scale.regressions, seed, "alt"))
    fails = np.concatenate([part.evidence.fails() for part in parts], axis=1)
    ticks = joined([part.ticks for part in parts])
    ours = Delays.after(fails, world.from_tick)
    oracle = Delays.after(oracle_halts(ticks, world), world.from_tick)
    others = _peers(ticks, world, scale) if all_peers else {"count mixture": _mixture(ticks, world)}
    large = np.concatenate([is_large_enough(part.ticks, part.evidence.phi, LEAST) for part in parts], axis=1)
    called = Delays.after(fails & large, world.from_tick)
    return Cell(world, limit_s(world.regime, world.ratio), ours, called, oracle, *_excess(ticks, fails, world), others)


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
        "Kayenta each min": kayenta.halts_each_minute(few),
        "Kayenta once": kayenta.halts_once(few),
        "Flagger docs": peers.flagger(ticks),
        "Argo docs": peers.argo(ticks),
    }
    return {name: Delays.after(found, world.from_tick) for name, found in halts.items()}


def _excess(ticks: Ticks, fails: Mask, world: World) -> tuple[float, float]:
    """Bad requests beyond the normal ones until the halt: (median, its standard error)."""
    beyond: Array = (ticks.kc - ticks.nc * world.regime.base)[world.from_tick :].cumsum(axis=0)
    later = fails[world.from_tick :]
    found = later.any(axis=0)
    if not found.any():
        return math.nan, math.inf
    served = np.take_along_axis(beyond, later.argmax(axis=0)[None], axis=0)[0]
    return float(np.median(served[found])), standard_error(served[found])


def median_text(delays: Delays) -> str:
    """A peer's median delay, with its share found where below 99.5 %."""
    part = delays.found.part
    word = span(delays.median)
    return word if part >= 0.995 or part == 0 else f"{word} ({percent(part)} %)"


def delay_numbers(delays: Delays) -> dict[str, Number]:
    """Delays as numbers for JSON, in seconds; None for never."""
    return {
        "median_s": _finite(delays.median),
        "p90_s": _finite(delays.quantile(0.9)),
        "found": delays.found.hits,
        "of": delays.found.of,
    }


def cell_numbers(cell: Cell) -> dict[str, Number]:
    """All figures of a cell, for JSON."""
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
