"""One kind of stage, played many times: the counts, what was known before, and our rule's evidence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.bench.judge.bursts import phi_before
from tests.bench.judge.shares import seeded
from tests.bench.judge.split import DEFAULT, Evidence, Rule, split_evidence
from tests.bench.judge.ticks import Array, Ticks
from tests.bench.judge.worlds import World, history, simulate

CHUNK = 1000
"""Stages computed at once: as many as the processor's cache likes."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How many stages are played a cell."""

    nulls: int
    """Healthy canaries, our rule."""
    peer_nulls: int
    """Healthy canaries, the peers' rules."""
    regressions: int
    kayentas: int
    """Kayenta's test is a thousand times as slow as the rest."""


FULL = Scale(nulls=6000, peer_nulls=1500, regressions=600, kayentas=200)
QUICK = Scale(nulls=800, peer_nulls=200, regressions=100, kayentas=20)


@dataclass(frozen=True, slots=True)
class Played:
    """Some stages of one kind."""

    world: World
    ticks: Ticks
    phi0: Array
    before: Array
    """The baseline's errors in the hour before, (ticks, stages)."""
    evidence: Evidence


def play(
    world: World, stages: int, seed: int, *name: object, rule: Rule = DEFAULT, only_fail: bool = True
) -> Iterator[Played]:
    """`stages` stages of that kind, at most `CHUNK` at a time; `name` with the world picks the random numbers."""
    rng = seeded(seed, world, *name)
    while stages > 0:
        some = min(stages, CHUNK)
        stages -= some
        ticks, before = simulate(world, some, rng), history(world, some, rng)
        phi0 = phi_before(before)
        yield Played(world, ticks, phi0, before, split_evidence(ticks, rule, phi0, only_fail))
