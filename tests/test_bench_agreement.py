"""The product's streaming judge and the benchmark's vectorised one, written apart, on the same ticks."""

from __future__ import annotations

import numpy as np
import pytest

from console.judge.absolute import Ceiling, Floor
from console.judge.bursts import phi_before
from console.judge.forecast import Flow, seconds_to_find
from console.judge.split import Split
from tests.bench.judge import absolute, bursts, forecast, mid
from tests.bench.judge.cells import play
from tests.bench.judge.split import Rule, split_evidence
from tests.bench.judge.ticks import Ticks
from tests.bench.judge.worlds import Regime, Weather, World, history, simulate

STREAMS = [
    World(Regime(2, 0.001), Weather.PLAIN, 5.0),
    World(Regime(2, 0.0001), Weather.PLAIN, 20.0),
    World(Regime(20, 0.001), Weather.HEAVY_BURSTS),
    World(Regime(20, 0.005, 0.25), Weather.DRIFT, 1.5, 180),
    World(Regime(100, 0.02), Weather.ARM_NOISE),
    World(Regime(500, 0.0001), Weather.INCIDENT),
    World(Regime(20, 0.001), Weather.BURSTS, 1000.0, 100),
]


def streamed(ticks: Ticks, stage: int, phi0: float, begins: tuple[int, ...] = ()) -> list[Split]:
    split, after = Split.begin(phi=phi0), []
    for t in range(ticks.shape[0]):
        if t in begins:
            split = split.next_stage()
        kc, nc, kb, nb = (float(a[t, stage]) for a in (ticks.kc, ticks.nc, ticks.kb, ticks.nb))
        split = split.after(10.0 * t, kc, nc, kb, nb)
        after.append(split)
    return after


def agree(one: list[float], other: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bool:
    return bool(np.abs(np.log(np.array(one)) - np.log(other)).max() <= 1e-11)


@pytest.mark.parametrize("world", STREAMS, ids=str)
def test_streaming_and_vectorised_evidence_agree_tick_by_tick(world: World) -> None:
    rng = np.random.default_rng(11)
    ticks, phi0 = simulate(world, 2, rng), rng.uniform(1, 4, 2)
    found = split_evidence(ticks, phi0=phi0)
    for stage in range(2):
        after = streamed(ticks, stage, float(phi0[stage]))
        assert agree([split.worse.evidence for split in after], found.chance[:, stage])
        assert agree([split.trivial.evidence for split in after], found.trivial[:, stage])
        assert agree([split.better.evidence for split in after], found.ok[:, stage])
        phis = [float(phi0[stage]), *(split.bursts.phi for split in after[:-1])]
        assert np.abs(np.array(phis) - found.phi[:, stage]).max() <= 1e-12


def test_another_tolerance_and_another_ratio_to_exclude_agree_too() -> None:
    ticks = simulate(World(Regime(20, 0.005), ratio=1.7), 1, np.random.default_rng(12))
    found = split_evidence(ticks, Rule(tolerance=1.5, ni=3.0))
    split = Split.begin(1.5, 3.0, 1.0)
    for t in range(360):
        split = split.after(10.0 * t, *(float(a[t, 0]) for a in (ticks.kc, ticks.nc, ticks.kb, ticks.nb)))
    assert split.trivial.evidence == pytest.approx(found.trivial[-1, 0], rel=1e-9)
    assert split.better.evidence == pytest.approx(found.ok[-1, 0], rel=1e-9)


def test_the_burstiness_of_the_hour_before_agrees() -> None:
    for world in STREAMS:
        errors = history(world, 3, np.random.default_rng(13))
        for stage in range(3):
            assert phi_before(list(errors[:, stage])) == pytest.approx(bursts.phi_before(errors)[stage], rel=1e-12)
    assert phi_before([0.0] * 360) == bursts.phi_before(np.zeros((360, 1)))[0] == 1.5


def test_the_least_excess_is_held_against_the_same_estimate() -> None:
    world = World(Regime(100, 0.0001), ratio=6.0, from_tick=60)
    ticks = simulate(world, 3, np.random.default_rng(14))
    phi = split_evidence(ticks).phi
    for stage in range(3):
        estimates = [split.excess.estimate(split.worse) for split in streamed(ticks, stage, 1.0)]
        excess = np.array([-1.0 if estimate is None else estimate for estimate in estimates])
        for least in (0.0002, 0.0005):
            assert np.array_equal(excess >= least, absolute.is_large_enough(ticks, phi, least)[:, stage])


def test_a_rollout_of_three_stages_agrees_too() -> None:
    ticks, begins = mid.rollout(2000.0, 0.001, (1.0, 1.0, 3.0), Weather.BURSTS, 2, 15), (180, 360)
    found = split_evidence(ticks, phi0=1.3, begins=begins)
    for stage in range(2):
        after = streamed(ticks, stage, 1.3, begins)
        assert agree([split.worse.evidence for split in after], found.chance[:, stage])
        assert agree([split.trivial.evidence for split in after], found.trivial[:, stage])
        assert agree([split.better.evidence for split in after], found.ok[:, stage])


def test_the_canarys_own_rate_is_judged_alike() -> None:
    ticks = simulate(World(Regime(20, 0.002)), 1, np.random.default_rng(16))
    phi = np.random.default_rng(17).uniform(1, 3, (360, 1))
    ceiling, floor = Ceiling(0.001), Floor(0.003)
    over, under = [], []
    for t in range(360):
        seen = float(ticks.kc[t, 0]), float(ticks.nc[t, 0]), float(phi[t, 0])
        ceiling, floor = ceiling.after(*seen), floor.after(*seen)
        over.append(ceiling.evidence)
        under.append(floor.evidence)
    assert agree(over, absolute.ceiling_evidence(ticks, phi, 0.001)[:, 0])
    assert agree(under, absolute.below_evidence(ticks, phi, 0.003)[:, 0])


@pytest.mark.parametrize(
    ("rps", "base", "ratio"), [(20, 0.001, 5.0), (2, 0.005, 2.0), (100, 0.02, 2.0), (20, 0.001, 20.0)]
)
def test_the_forecast_says_the_same(rps: float, base: float, ratio: float) -> None:
    (part,) = play(World(Regime(rps, base), ratio=ratio, from_tick=60), 3, 1, "agreement")
    said = forecast.projected(part, 60)
    for stage in range(3):
        split = streamed(part.ticks.stages(slice(stage, stage + 1)), 0, float(part.phi0[stage]))[59]
        nc, kb, nb = (float(a[:60, stage].sum()) for a in (part.ticks.nc, part.ticks.kb, part.ticks.nb))
        flow = Flow(nc / 600, nb / 600, kb / nb, phi=split.bursts.phi, worse=split.worse, trivial=split.trivial)
        assert seconds_to_find(flow, ratio) == pytest.approx(said[stage], abs=10)
