"""Dirty data: faulty scrapes of clean traffic must change verdicts only by the lost ticks.

Each arm has two counters, scraped every tick. A scrape may be missing, late, doubled, not a number, or follow a reset.
Increments follow the rules of the product: a value that fell was reset and is the increment itself; an increase belongs
to the tick of its later sample; the last of two samples at one time wins; a tick with a missing or impossible arm does
not count.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tests.bench.judge.bursts import phi_before
from tests.bench.judge.cells import CHUNK, Scale
from tests.bench.judge.null import share_numbers
from tests.bench.judge.regressions import delay_numbers
from tests.bench.judge.shares import Delays, Share, percent, seeded_rng, share
from tests.bench.judge.split import first_tick, split_evidence
from tests.bench.judge.tables import Findings, Goal, Number, Table, goal_result
from tests.bench.judge.ticks import Array, Mask, Ticks, drop_unusable
from tests.bench.judge.worlds import Regime, Weather, World, history, simulate

RESET_TICKS = 42
"""Seven minutes."""


@dataclass(slots=True)
class Scrapes:
    """Counters as scraped, (counters, ticks, stages): canary errors, canary requests, the same of the baseline."""

    values: Array
    """Counter values; NaN for a sample that is not a number."""
    missing: Mask
    """Missing scrapes, (arms, ticks, stages)."""


Spoiler = Callable[[Scrapes, np.random.Generator], None]


def change_nothing(_: Scrapes, __: np.random.Generator) -> None:
    """Leave the scrapes as they are."""


def drop_ticks(scrapes: Scrapes, rng: np.random.Generator) -> None:
    """Drop one scrape in ten, for both arms."""
    scrapes.missing |= rng.random(scrapes.missing.shape[1:]) < 0.1


def drop_canary_ticks(scrapes: Scrapes, rng: np.random.Generator) -> None:
    """Drop three ticks of the canary, about every five minutes."""
    begins = rng.random(scrapes.missing.shape[1:]) < 1 / 30
    for later in range(3):
        scrapes.missing[0, later:] |= begins[: len(begins) - later]


def delay_samples(_: Scrapes, __: np.random.Generator) -> None:
    """Delay samples by 30 s: the values are the same, the verdict comes three ticks later."""


def reset_counters(scrapes: Scrapes, rng: np.random.Generator) -> None:
    """Reset all counters of each arm every seven minutes, at a random moment within a tick."""
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


def insert_nans(scrapes: Scrapes, rng: np.random.Generator) -> None:
    """Replace one sample in twenty by NaN."""
    scrapes.values[rng.random(scrapes.values.shape) < 0.05] = np.nan


def double_samples(scrapes: Scrapes, rng: np.random.Generator) -> None:
    """Send one sample in five twice with one time, an older value first; the last wins."""
    older = np.concatenate([scrapes.values[:, :1], scrapes.values[:, :-1]], axis=1)
    twice = rng.random(scrapes.values.shape) < 0.2
    copies = np.stack([np.where(twice, older, scrapes.values), scrapes.values])
    scrapes.values = copies[-1]


def restart_canary(scrapes: Scrapes, rng: np.random.Generator) -> None:
    """Restart the canary once: no scrapes for 30 s, then counters from zero."""
    _, ticks, stages = scrapes.values.shape
    at = rng.integers(60, ticks - 60, stages)
    clock = np.arange(ticks)[:, None]
    scrapes.missing[0] |= (clock >= at) & (clock < at + 3)
    for counter in (0, 1):
        zero = np.take_along_axis(scrapes.values[counter], (at + 2)[None], axis=0)
        scrapes.values[counter] -= np.where(clock >= at, zero, 0.0)


KINDS: dict[str, tuple[Spoiler, int]] = {
    "clean": (change_nothing, 0),
    "10 % of the ticks missing": (drop_ticks, 0),
    "canary-only gaps": (drop_canary_ticks, 0),
    "samples 30 s late": (delay_samples, 3),
    "counter reset every 7 min": (reset_counters, 0),
    "5 % NaN": (insert_nans, 0),
    "20 % doubled timestamps": (double_samples, 0),
    "canary restart": (restart_canary, 0),
}
"""By name: the fault, and by how many ticks it delays a verdict."""
HEALTHY = tuple(World(Regime(20, 0.001), weather) for weather in (Weather.PLAIN, Weather.INCIDENT, Weather.BURSTS))
WORSE = tuple(
    World(Regime(rps, 0.001), ratio=ratio, from_tick=at)
    for rps, ratio, at in ((20, 5.0, 0), (100, 2.0, 0), (20, 5.0, 180))
)


def spoil_ticks(ticks: Ticks, spoil: Spoiler, rng: np.random.Generator) -> tuple[Ticks, Mask]:
    """The counts that the faulty scrapes give, and which ticks count."""
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
class DirtyResult:
    """Halts and delays of one world with one kind of dirt."""

    halts: Share
    delays: Delays
    same: Delays
    """Delays on clean counts without the same ticks."""
    usable: float
    """Share of the ticks that count, 0..1."""


def play_dirty(world: World, kind: str, stages: int, seed: int) -> DirtyResult:
    """Play clean counts, spoil them, judge both."""
    spoil, later = KINDS[kind]
    rng, dirt = seeded_rng(seed, world, "dirty"), seeded_rng(seed, world, kind)
    dirty: list[Array] = []
    same: list[Array] = []
    usable: list[float] = []
    while stages > 0:
        some = min(stages, CHUNK)
        stages -= some
        ticks = simulate(world, some, rng)
        phi0 = phi_before(history(world, some, rng))
        counts, counted = spoil_ticks(ticks, spoil, dirt)
        for source, found in ((counts, dirty), (ticks, same)):
            kept, clock = drop_unusable(source, counted)
            found.append(_known_at(split_evidence(kept, phi0=phi0, only_fail=True).fails(), clock, later))
        usable.append(float(counted.mean()))
    halts = np.concatenate(dirty)
    return DirtyResult(
        share(np.isfinite(halts)),
        Delays(np.maximum(halts - world.from_tick, 0.0) * 10),
        Delays(np.maximum(np.concatenate(same) - world.from_tick, 0.0) * 10),
        float(np.mean(usable)),
    )


def _known_at(fails: Mask, clock: npt.NDArray[np.intp], later: int) -> Array:
    """The tick, from 1, after which a FAIL is known; inf for never."""
    place = first_tick(fails)
    at = np.nan_to_num(place, nan=1.0).astype(int) - 1
    return np.where(np.isnan(place), np.inf, clock[at, np.arange(clock.shape[1])] + 1.0 + later)


def run(scale: Scale, seed: int) -> Findings:
    """Play every kind of dirt over healthy and worse canaries."""
    rows, found, wrong = [], {}, []
    untouched: dict[World, Delays] = {}
    for kind in KINDS:
        healthy = [play_dirty(world, kind, scale.nulls // 4, seed) for world in HEALTHY]
        worse = [play_dirty(world, kind, scale.regressions, seed) for world in WORSE]
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
        found[f"dirty / {kind} / healthy"] = share_numbers(halts)
        for world, one in zip(WORSE, worse, strict=True):
            name = f"{kind} / {world.regime} {world.ratio:g}x at {world.from_tick}"
            found[f"dirty / {name}"] = delay_numbers(one.delays)
            if not is_alike(one, untouched[world]):
                wrong.append(f"{name}: {one.delays.median:.0f} s, clean with the same ticks {one.same.median:.0f} s")
        if halts.bounds[0] > 0.006:
            wrong.append(f"{kind}: {halts} % of healthy canaries halted")
    cells: dict[str, dict[str, Number]] = found
    table = Table(
        "Dirty data",
        [
            "fault",
            "ticks that count, %",
            "false halts: plain, incident, bursts 1.5, % (Wilson 95 %)",
            *(f"{w.regime} {w.ratio:g}x from minute {w.from_tick // 6}" for w in WORSE),
        ],
        rows,
        "Delays: median / 90th percentile (share found).",
    )
    words = "; ".join(wrong) if wrong else f"all {len(KINDS) - 1} kinds"
    goal = Goal(
        "dirty data: as clean data with the same usable ticks", "within sampling error", words, goal_result(not wrong)
    )
    return Findings([table], [goal], cells)


def is_alike(one: DirtyResult, untouched: Delays) -> bool:
    """Whether the median lies between those of clean counts with all ticks and with usable ticks.

    The margin is a tick or the sampling error of the difference of two medians (twice 1.253 sd sqrt(2 / n)). The
    median may be shorter than with usable ticks: a later scrape of a counter includes the increase of a failed one.
    """
    known = one.same.seconds[np.isfinite(one.same.seconds)]
    error = max(10.0, 2 * 1.253 * float(np.std(known)) * np.sqrt(2 / max(1, known.size)))
    return bool(untouched.median - error <= one.delays.median <= one.same.median + error)
