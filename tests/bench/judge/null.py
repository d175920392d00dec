"""Healthy canaries: how often each rule halts one within an hour, with a look after every tick."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from tests.bench.judge import kayenta, peers
from tests.bench.judge.cells import Scale, play
from tests.bench.judge.shares import Share, percent, seeded_rng, share
from tests.bench.judge.tables import Findings, Goal, GoalResult, Number, Table, share_result
from tests.bench.judge.ticks import Mask, Ticks
from tests.bench.judge.worlds import NULLS, REGIMES, Regime, Weather, World, simulate

OURS = "warroom, two keys"
PEERS: dict[str, Callable[[Ticks, Regime], Mask]] = {
    "count mixture (Netflix), 1 %": lambda ticks, _: peers.count_mixture(ticks),
    "GrowthBook interval, 5 %": lambda ticks, _: peers.growthbook(ticks),
    "mSPRT 1 %, tau tuned": peers.msprt,
    "z test 1 %, each tick": lambda ticks, _: peers.peeked_z(ticks),
    "Kayenta, each minute": lambda ticks, _: kayenta.halts_each_minute(ticks),
    "Kayenta once, at 60 m": lambda ticks, _: kayenta.halts_once(ticks),
    "twice the known baseline, 1m, failureLimit 3": peers.ceiling_twice,
    "Flagger docs: 99 %, 1m, 10": lambda ticks, _: peers.flagger(ticks),
    "Argo docs: 95 %, 5m, failureLimit 3": lambda ticks, _: peers.argo(ticks),
}
MILD = (Weather.PLAIN, Weather.DRIFT, Weather.INCIDENT, Weather.BURSTS)
WORST, HEAVY = 0.006, 0.01
"""Largest share of false halts in one mild cell, and in one with heavy bursts."""
FIVE = (0.0005, 0.001, 0.002, 0.005, 0.01)
"""Base rates of the five metrics of one stage."""

Halts = dict[tuple[str, Weather, Regime], Share]


def run(scale: Scale, seed: int) -> Findings:
    """Play six kinds of weather over six regimes, other weights, the tolerance, and five metrics at once."""
    halts: Halts = {}
    for weather in NULLS:
        for regime in REGIMES:
            world = World(regime, weather)
            halts[OURS, weather, regime] = _play_until_settled(world, scale, seed)
            for name, found in _peers(world, scale, seed):
                halts[name, weather, regime] = found
    edges, five = _edges(scale, seed), _five(scale, seed)
    cells: dict[str, dict[str, Number]] = {}
    for (rule, weather, regime), found in halts.items():
        cells[f"null / {weather} / {regime} / {rule}"] = share_numbers(found)
    for key, found in [*edges.items(), *five.items()]:
        cells[f"null / {key}"] = share_numbers(found)
    return Findings([_rules_table(halts), _cells_table(halts), _others_table(edges, five)], _goals(halts, five), cells)


def false_halts(world: World, stages: int, seed: int, *name: str) -> Share:
    """Share of stages of a kind that our rule fails within the hour."""
    total = Share(0, 0)
    for part in play(world, stages, seed, "null", *name):
        total += share(part.evidence.fails())
    return total


def _play_until_settled(world: World, scale: Scale, seed: int) -> Share:
    """False halts in a cell; with five times the stages when its goal is not settled."""
    found = false_halts(world, scale.nulls, seed)
    most = WORST if world.weather in MILD else HEAVY if world.weather is Weather.HEAVY_BURSTS else 1.0
    return (
        found
        if share_result(found, most) is not GoalResult.OPEN
        else false_halts(world, 5 * scale.nulls, seed, "again")
    )


def _peers(world: World, scale: Scale, seed: int) -> Iterator[tuple[str, Share]]:
    rng = seeded_rng(seed, world, "peers")
    ticks = simulate(world, scale.peer_nulls, rng)
    for name, rule in PEERS.items():
        few = ticks.stages(slice(scale.kayentas)) if "Kayenta" in name else ticks
        yield name, share(rule(few, world.regime))


def _edges(scale: Scale, seed: int) -> dict[str, Share]:
    found = {}
    for weight in (0.05, 0.25):
        for rps, base in ((20, 0.001), (100, 0.02)):
            world = World(Regime(rps, base, weight))
            found[f"no worse, {world.regime}"] = false_halts(world, scale.nulls // 2, seed)
    for regime in REGIMES:
        world = World(regime, ratio=1.25)
        found[f"exactly at the tolerance, 1.25x, {regime}"] = false_halts(world, scale.nulls // 2, seed)
    return found


def _five(scale: Scale, seed: int) -> dict[str, Share]:
    """False halts with five critical metrics: averaged evidence, and key 2 of the largest contributor."""
    return {
        f"five critical metrics, 20/s, {weather}": share(
            np.concatenate([fails.any(axis=0) for fails, _ in five_metrics(weather, scale.nulls // 2, seed)])
        )
        for weather in (Weather.PLAIN, Weather.BURSTS)
    }


def five_metrics(
    weather: Weather, stages: int, seed: int, ratios: Sequence[float] = (1, 1, 1, 1, 1)
) -> Iterator[tuple[Mask, Mask]]:
    """(where a stage of five metrics fails, where its third metric alone would fail), chunk by chunk."""
    worlds = [World(Regime(20, base), weather, ratio=ratio) for base, ratio in zip(FIVE, ratios, strict=True)]
    for parts in zip(*(play(world, stages, seed, "five", i) for i, world in enumerate(worlds)), strict=True):
        chance = np.stack([part.evidence.chance for part in parts])
        trivial = np.stack([part.evidence.trivial for part in parts])
        top = np.take_along_axis(trivial, chance.argmax(axis=0)[None], axis=0)[0]
        yield (chance.mean(axis=0) >= 100) & (top >= 5), parts[2].evidence.fails()


def _mean(halts: Halts, rule: str, weathers: Sequence[Weather]) -> tuple[float, float]:
    parts = [halts[rule, weather, regime].part for weather in weathers for regime in REGIMES]
    return float(np.mean(parts)), max(parts)


def _rules_table(halts: Halts) -> Table:
    rows = []
    for rule in (OURS, *PEERS):
        means = [_mean(halts, rule, [weather]) for weather in NULLS]
        rows.append([rule, *(f"{percent(mean)} / {percent(worst)}" for mean, worst in means)])
    return Table(
        "False halts of a healthy canary, % of one-hour stages: mean / worst of six regimes",
        ["rule", *NULLS],
        rows,
        "Regimes: " + ", ".join(map(str, REGIMES)) + " on the canary at 1 % of the traffic. A look after every tick"
        " of 10 s. Peers use their documented numbers. Arm noise: each arm's rate wanders by 30 %, so the canary"
        " is truly beyond the tolerance for minutes; at high traffic that shows, and a wider tolerance is the remedy.",
    )


def _cells_table(halts: Halts) -> Table:
    rows = [[str(regime), *(str(halts[OURS, weather, regime]) for weather in NULLS)] for regime in REGIMES]
    return Table(
        "Our false halts per cell, % (Wilson 95 %)",
        ["canary, base rate", *NULLS],
        rows,
        "A cell whose goal was not settled was played again with five times the stages.",
    )


def _others_table(edges: dict[str, Share], five: dict[str, Share]) -> Table:
    rows = [[name, str(found)] for name, found in [*edges.items(), *five.items()]]
    return Table("Other stages that must not fail, % (Wilson 95 %)", ["stage", "halted"], rows)


def _goals(halts: Halts, five: dict[str, Share]) -> list[Goal]:
    mild = [(halts[OURS, weather, regime], weather, regime) for weather in MILD for regime in REGIMES]
    of = min(found.of for found, *_ in mild)  # cells played again count no more than the others
    total = Share(round(sum(found.part for found, *_ in mild) * of), of * len(mild))
    worst = max(mild, key=lambda cell: cell[0].part)
    heavy = [(halts[OURS, Weather.HEAVY_BURSTS, regime], regime) for regime in REGIMES]
    bursts = max(heavy, key=lambda cell: cell[0].part)
    incident = sum((halts[OURS, Weather.INCIDENT, regime] for regime in REGIMES), Share(0, 0))
    stage = max(five.values(), key=lambda found: found.part)
    return [
        Goal(
            "false halts, mean of plain, drift, incident, mild bursts",
            "<= 0.2 %",
            f"{total} %",
            share_result(total, 0.002),
        ),
        Goal(
            "false halts, worst such cell",
            "<= 0.6 %",
            f"{worst[0]} % ({worst[1]}, {worst[2]})",
            share_result(worst[0], WORST),
        ),
        Goal(
            "false halts, heavy bursts, worst cell",
            "<= 1 %",
            f"{bursts[0]} % ({bursts[1]})",
            share_result(bursts[0], HEAVY),
        ),
        Goal("shared incident x8", "<= 0.2 %", f"{incident} %", share_result(incident, 0.002)),
        Goal("five critical metrics, one hour", "<= 1 %", f"{stage} %", share_result(stage, 0.01)),
    ]


def share_numbers(found: Share) -> dict[str, Number]:
    """A share as numbers for JSON."""
    low, high = found.bounds
    return {"hits": found.hits, "of": found.of, "low": low, "high": high}
