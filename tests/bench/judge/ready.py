"""PASS: the delay of a healthy canary, and how often a canary twice as bad passes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.bench.judge.absolute import below_evidence, ready_evidence
from tests.bench.judge.cells import PlayedStages, Scale, play
from tests.bench.judge.null import share_numbers
from tests.bench.judge.regressions import delay_numbers
from tests.bench.judge.shares import Delays, Share, share
from tests.bench.judge.split import DEFAULT
from tests.bench.judge.tables import Findings, Goal, Number, Table, share_result
from tests.bench.judge.ticks import TICK_S, Mask
from tests.bench.judge.worlds import REGIMES, Regime, Weather, World

NEGLIGIBLE = 0.0005
"""Rate below which a canary passes at any ratio."""
SPARSE = (Regime(5, 0.0001), Regime(20, 0.0001), Regime(20, 0.00025), Regime(100, 0.00025), Regime(20, 0.0005))
"""Regimes near `NEGLIGIBLE`: base rates of a fifth of it, half of it (2x is exactly it), and the rate itself."""
WEATHERS = (Weather.PLAIN, Weather.BURSTS, Weather.HEAVY_BURSTS)


@dataclass(frozen=True, slots=True)
class Passes:
    """Where stages pass by the ratio alone, and by both rules as in the product."""

    ratio: Mask
    both: Mask


def run(scale: Scale, seed: int) -> Findings:
    """Measure the delay of a healthy PASS, and PASS although 2x and 3x worse."""
    healthy, wrong = [], []
    stages = max(scale.regressions, scale.nulls // 4)
    for regime in (*REGIMES, *SPARSE):
        healthy.append((regime, _delays(World(regime), scale.regressions, seed)))
        for ratio in (2.0, 3.0):
            for weather in WEATHERS:
                if ratio == 2.0 or weather is Weather.PLAIN:
                    wrong.append((World(regime, weather, ratio), _shares(World(regime, weather, ratio), stages, seed)))
    found: dict[str, dict[str, Number]] = {}
    for regime, (ratio_only, both) in healthy:
        found[f"ready / healthy {regime} / ratio"] = delay_numbers(ratio_only)
        found[f"ready / healthy {regime} / both"] = delay_numbers(both)
    for world, (by_ratio, by_both) in wrong:
        found[f"ready / {world.ratio:g}x {world.weather} {world.regime} / ratio"] = share_numbers(by_ratio)
        found[f"ready / {world.ratio:g}x {world.weather} {world.regime} / both"] = share_numbers(by_both)
    return Findings([_healthy(healthy), _wrong(wrong)], _goals(wrong), found)


def passes(part: PlayedStages) -> Passes:
    """Where the stages pass, by each rule."""
    regime = part.world.regime
    below = below_evidence(part.ticks, part.evidence.phi, NEGLIGIBLE)
    requests = (regime.rps + regime.others) * TICK_S
    both = ready_evidence(part.evidence.ok, below, part.before, requests, NEGLIGIBLE)
    enough = (np.arange(len(both)) + 1 >= DEFAULT.pass_ticks)[:, None]
    return Passes(part.evidence.passes(), (both >= DEFAULT.pass_at) & enough)


def _delays(world: World, stages: int, seed: int) -> tuple[Delays, Delays]:
    found = [passes(part) for part in play(world, stages, seed, "ready", only_fail=False)]
    by_ratio, by_both = ([one.ratio for one in found], [one.both for one in found])
    return Delays.after(np.concatenate(by_ratio, axis=1)), Delays.after(np.concatenate(by_both, axis=1))


def _shares(world: World, stages: int, seed: int) -> tuple[Share, Share]:
    ratio, both = Share(0, 0), Share(0, 0)
    for part in play(world, stages, seed, "ready", only_fail=False):
        found = passes(part)
        ratio, both = ratio + share(found.ratio), both + share(found.both)
    return ratio, both


def _healthy(healthy: list[tuple[Regime, tuple[Delays, Delays]]]) -> Table:
    return Table(
        "Delay of a healthy canary's PASS",
        ["canary, base rate", "by the ratio alone", f"also by its own rate, below {NEGLIGIBLE:.2%}"],
        [[str(regime), str(ratio), str(both)] for regime, (ratio, both) in healthy],
        "Median / 90th percentile (share that passes within the hour). No PASS before the twelfth tick (120 s).",
    )


def _wrong(wrong: list[tuple[World, tuple[Share, Share]]]) -> Table:
    rows = [
        [
            f"{world.ratio:g}x, {world.regime}",
            world.weather.value,
            str(ratio),
            str(both) + ("" if is_pass_wrong(world) else " (negligible: PASS is right)"),
        ]
        for world, (ratio, both) in wrong
    ]
    return Table(
        "PASS within the hour although the canary is worse, % of stages (Wilson 95 %)",
        ["true ratio, canary, base rate", "weather", "by the ratio alone", "also by its own rate"],
        rows,
        f'A PASS excludes "twice as bad and an error rate of {NEGLIGIBLE:.2%} or more". Where twice the base rate is'
        " lower, a PASS is right.",
    )


def is_pass_wrong(world: World) -> bool:
    """Whether a PASS is wrong in this world."""
    return world.regime.base * world.ratio >= NEGLIGIBLE * (1 - 1e-9)


def _goals(wrong: list[tuple[World, tuple[Share, Share]]]) -> list[Goal]:
    goals = []
    for weathers, most in (((Weather.PLAIN,), 0.05), ((Weather.BURSTS, Weather.HEAVY_BURSTS), 0.08)):
        bad = [(ratio, world) for world, (ratio, _) in wrong if world.weather in weathers]
        bad += [(both, world) for world, (_, both) in wrong if world.weather in weathers and is_pass_wrong(world)]
        worst, where = max(bad, key=lambda pair: pair[0].part)
        name = "PASS although 2x worse, worst cell" + ("" if most == 0.05 else ", with bursts")
        words = f"{worst} % ({where.weather}, {where.regime})"
        goals.append(Goal(name, f"<= {most:.0%}", words, share_result(worst, most)))
    return goals
