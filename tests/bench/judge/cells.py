"""One kind of stage played many times: counts, the hour before, and the evidence of our rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.bench.judge.bursts import phi_before
from tests.bench.judge.shares import seeded_rng
from tests.bench.judge.split import DEFAULT, Evidence, Rule, split_evidence
from tests.bench.judge.ticks import Array, Ticks
from tests.bench.judge.worlds import World, history, simulate

CHUNK = 1000
"""Stages computed at once, sized for the processor's cache."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Number of stages per cell."""

    nulls: int
    """Healthy canaries for our rule."""
    peer_nulls: int
    """Healthy canaries for the peers' rules."""
    regressions: int
    kayentas: int
    """Stages for Kayenta's test, which is a thousand times as slow as the others."""


FULL = Scale(nulls=6000, peer_nulls=1500, regressions=600, kayentas=200)
QUICK = Scale(nulls=800, peer_nulls=200, regressions=100, kayentas=20)


@dataclass(frozen=True, slots=True)
class PlayedStages:
    """Stages of one kind, with the evidence after each tick."""

    world: World
    ticks: Ticks
    phi0: Array
    before: Array
    """The baseline's errors in the hour before, (ticks, stages)."""
    evidence: Evidence


def play(
    world: World, stages: int, seed: int, *name: object, rule: Rule = DEFAULT, only_fail: bool = True
) -> Iterator[PlayedStages]:
    """Play `stages` stages, at most `CHUNK` at a time; `world` and `name` seed the random numbers."""
    rng = seeded_rng(seed, world, *name)
    while stages > 0:
        some = min(stages, CHUNK)
        stages -= some
        ticks, before = simulate(world, some, rng), history(world, some, rng)
        phi0 = phi_before(before)
        yield PlayedStages(world, ticks, phi0, before, split_evidence(ticks, rule, phi0, only_fail))
