"""Dirty data: what scrapes make of clean traffic, and whether verdicts stay the same but for the ticks that are lost.

Each arm has two counters, scraped every tick. A scrape may be missing, late, doubled, not a number, or follow a reset;
what comes out are increments by the rules of the product: a value that fell has been reset and is the increment itself,
an increase belongs to the tick of its later sample, the last of two samples at one time wins, a tick in which an arm is
missing or absurd does not count.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tests.bench.judge.bursts import phi_before
from tests.bench.judge.cells import CHUNK, Scale
from tests.bench.judge.null import numbers
from tests.bench.judge.regressions import delay_numbers
from tests.bench.judge.shares import Delays, Share, percent, seeded, share
from tests.bench.judge.split import first, split_evidence
from tests.bench.judge.tables import Findings, Goal, Number, Table, held
from tests.bench.judge.ticks import Array, Mask, Ticks, ledger
from tests.bench.judge.worlds import Regime, Weather, World, history, simulate

RESET_TICKS = 42
"""Seven minutes."""


@dataclass(slots=True)
class Scrapes:
    """Counters as scraped, (counters, ticks, stages): canary errors, canary requests, the same of the baseline."""

    values: Array
    """NaN where a sample says nothing."""
    missing: Mask
    """(arms, ticks, stages): nothing came at all."""


Spoil = Callable[[Scrapes, np.random.Generator], None]


def clean(_: Scrapes, __: np.random.Generator) -> None:
    """Nothing happens."""


def missing_ticks(scrapes: Scrapes, rng: np.random.Generator) -> None:
    """One scrape in ten fails, for both arms."""
    scrapes.missing |= rng.random(scrapes.missing.shape[1:]) < 0.1


def canary_gaps(scrapes: Scrapes, rng: np.random.Generator) -> None:
    """The canary is silent for three ticks, about every five minutes."""
    begins = rng.random(scrapes.missing.shape[1:]) < 1 / 30
    for later in range(3):
        scrapes.missing[0, later:] |= begins[: len(begins) - later]


def late(_: Scrapes, __: np.random.Generator) -> None:
    """Samples come 30 s late: they say the same, the verdict comes three ticks later."""


def resets(scrapes: Scrapes, rng: np.random.Generator) -> None:
    """Every seven minutes an instance restarts and all counters of one arm begin again, somewhere within a tick."""
    _, ticks, stages = scrapes.values.shape
    for arm in range(2):
        phase = rng.integers(0, RESET_TICKS, stages)
        for t in range(1, ticks):
            hit = (t + phase) % RESET_TICKS == 0
            lost = rng.random(stages)  # of this tick's increase, the part before the restart is never scraped
            for counter in (2 * arm, 2 * arm + 1):
                before, now = scrapes.values[counter, t - 1].copy(), scrapes.values[counter, t]
                offset = before + np.floor(lost * (now - before))
                scrapes.values[counter, t:] -= np.where(hit, offset, 0.0)


def not_numbers(scrapes: Scrapes, rng: np.random.Generator) -> None:
    """One sample in twenty of any counter is NaN."""
    scrapes.values[rng.random(scrapes.values.shape) < 0.05] = np.nan


def doubled(scrapes: Scrapes, rng: np.random.Generator) -> None:
    """One sample in five comes twice with the same time, an older value first; the last wins."""
    older = np.concatenate([scrapes.values[:, :1], scrapes.values[:, :-1]], axis=1)
    twice = rng.random(scrapes.values.shape) < 0.2
    copies = np.stack([np.where(twice, older, scrapes.values), scrapes.values])
    scrapes.values = copies[-1]


def restart(scrapes: Scrapes, rng: np.random.Generator) -> None:
    """The canary restarts once, is silent for half a minute, and its counters begin at nothing."""
    _, ticks, stages = scrapes.values.shape
    at = rng.integers(60, ticks - 60, stages)
    clock = np.arange(ticks)[:, None]
    scrapes.missing[0] |= (clock >= at) & (clock < at + 3)
    for counter in (0, 1):
        zero = np.take_along_axis(scrapes.values[counter], (at + 2)[None], axis=0)
        scrapes.values[counter] -= np.where(clock >= at, zero, 0.0)


KINDS: dict[str, tuple[Spoil, int]] = {
    "clean": (clean, 0),
    "10 % of the ticks missing": (missing_ticks, 0),
    "canary-only gaps": (canary_gaps, 0),
    "samples 30 s late": (late, 3),
    "counter reset every 7 min": (resets, 0),
    "5 % NaN": (not_numbers, 0),
    "20 % doubled timestamps": (doubled, 0),
    "canary restart": (restart, 0),
}
"""What goes wrong, and how many ticks later a verdict is known."""
HEALTHY = tuple(World(Regime(20, 0.001), weather) for weather in (Weather.PLAIN, Weather.INCIDENT, Weather.BURSTS))
WORSE = tuple(
    World(Regime(rps, 0.001), ratio=ratio, from_tick=at)
    for rps, ratio, at in ((20, 5.0, 0), (100, 2.0, 0), (20, 5.0, 180))
)


def spoiled(ticks: Ticks, spoil: Spoil, rng: np.random.Generator) -> tuple[Ticks, Mask]:
    """What the scrapes say the counts were, and which ticks count."""
    counts = np.stack([ticks.kc, ticks.nc, ticks.kb, ticks.nb])
    scrapes = Scrapes(counts.cumsum(axis=1), np.zeros((2, *ticks.shape), dtype=bool))
    spoil(scrapes, rng)
    there = np.isfinite(scrapes.values) & ~np.repeat(scrapes.missing, 2, axis=0)
    increments, last = np.zeros_like(counts), np.zeros(counts[:, 0].shape)
    for t in range(ticks.shape[0]):
        now = scrapes.values[:, t]
        fell = now < last
        increments[:, t] = np.where(there[:, t], np.where(fell, now, now - last), 0.0)
        last = np.where(there[:, t], now, last)
    kc, nc, kb, nb = increments
    usable = there.all(axis=0) & (kc <= nc) & (kb <= nb)
    return Ticks(kc, nc, kb, nb), usable


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of the stages of one world under one kind of dirt."""

    halts: Share
    delays: Delays
    same: Delays
    """Of clean counts in which the same ticks do not count."""
    usable: float
    """The part of the ticks that counted."""


def seen(world: World, kind: str, stages: int, seed: int) -> Seen:
    """Play clean counts, spoil them, judge both."""
    spoil, later = KINDS[kind]
    rng, dirt = seeded(seed, world, "dirty"), seeded(seed, world, kind)
    dirty: list[Array] = []
    same: list[Array] = []
    usable: list[float] = []
    while stages > 0:
        some = min(stages, CHUNK)
        stages -= some
        ticks = simulate(world, some, rng)
        phi0 = phi_before(history(world, some, rng))
        counts, counted = spoiled(ticks, spoil, dirt)
        for source, found in ((counts, dirty), (ticks, same)):
            kept, clock = ledger(source, counted)
            found.append(_known(split_evidence(kept, phi0=phi0, only_fail=True).fails(), clock, later))
        usable.append(float(counted.mean()))
    halts = np.concatenate(dirty)
    return Seen(
        share(np.isfinite(halts)),
        Delays(np.maximum(halts - world.from_tick, 0.0) * 10),
        Delays(np.maximum(np.concatenate(same) - world.from_tick, 0.0) * 10),
        float(np.mean(usable)),
    )


def _known(fails: Mask, clock: npt.NDArray[np.intp], later: int) -> Array:
    """The tick, from 1, after which a FAIL is known; inf where never."""
    place = first(fails)
    at = np.nan_to_num(place, nan=1.0).astype(int) - 1
    return np.where(np.isnan(place), np.inf, clock[at, np.arange(clock.shape[1])] + 1.0 + later)


def run(scale: Scale, seed: int) -> Findings:
    """Every kind of dirt over healthy and worse canaries."""
    rows, found, wrong = [], {}, []
    untouched: dict[World, Delays] = {}
    for kind in KINDS:
        healthy = [seen(world, kind, scale.nulls // 4, seed) for world in HEALTHY]
        worse = [seen(world, kind, scale.regressions, seed) for world in WORSE]
        if kind == "clean":
            untouched = {world: one.delays for world, one in zip(WORSE, worse, strict=True)}
        halts = sum((one.halts for one in healthy), Share(0, 0))
        rows.append(
            [
                kind,
                percent(healthy[0].usable),
                str(halts),
                *(f"{one.delays}" for one in worse),
            ]
        )
        found[f"dirty / {kind} / healthy"] = numbers(halts)
        for world, one in zip(WORSE, worse, strict=True):
            name = f"{kind} / {world.regime} {world.ratio:g}x at {world.from_tick}"
            found[f"dirty / {name}"] = delay_numbers(one.delays)
            if not alike(one, untouched[world]):
                wrong.append(f"{name}: {one.delays.median:.0f} s, clean with the same ticks {one.same.median:.0f} s")
        if halts.bounds[0] > 0.006:
            wrong.append(f"{kind}: {halts} % of healthy canaries halted")
    cells: dict[str, dict[str, Number]] = found
    table = Table(
        "Dirty data",
        [
            "what happens",
            "ticks that count, %",
            "false halts: plain, incident, bursts 1.5, % (Wilson 95 %)",
            *(f"{w.regime} {w.ratio:g}x from minute {w.from_tick // 6}" for w in WORSE),
        ],
        rows,
        "Delays: median / 90th percentile (share found).",
    )
    words = "; ".join(wrong) if wrong else f"all {len(KINDS) - 1} kinds"
    goal = Goal("dirty data: as clean data with the same usable ticks", "within sampling error", words, held(not wrong))
    return Findings([table], [goal], cells)


def alike(one: Seen, untouched: Delays) -> bool:
    """Whether the median lies between those of clean counts, with all ticks and with the usable ones alone.

    Within a tick or the sampling error of the difference of two medians (twice 1.253 sd sqrt(2 / n)). It may be shorter
    than that of the usable ticks alone: a counter still holds what a failed scrape did not say.
    """
    known = one.same.seconds[np.isfinite(one.same.seconds)]
    error = max(10.0, 2 * 1.253 * float(np.std(known)) * np.sqrt(2 / max(1, known.size)))
    return bool(untouched.median - error <= one.delays.median <= one.same.median + error)
