"""The judge's benchmark: the vectorised rule against the published vectors, and the guarantees it rests on."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest

from tests.bench.cli import main
from tests.bench.judge import mid
from tests.bench.judge.bursts import phi_before, phi_during
from tests.bench.judge.cells import Scale
from tests.bench.judge.split import DEFAULT, first_tick, split_evidence, split_log_lr
from tests.bench.judge.ticks import Ticks, drop_unusable
from tests.bench.judge.worlds import Regime, Weather, World, history, simulate

Tick = tuple[float, float, float, float]

QUIET: Tick = (1, 1000, 99, 99000)
LOUD: Tick = (5, 1000, 99, 99000)
GOLDEN: dict[str, tuple[Sequence[Tick], tuple[str, str, str, str], float, float | None]] = {
    # name: ticks (kc, nc, kb, nb); E1, E2, EOK, phi as printed; highest E1; FAIL at tick
    "canary alone has errors": ([(1, 100, 0, 9900)] * 3, ("732.5", "720.8", "0.5958", "1"), 732.5, 3),
    "one late error": (
        [(0, 100, 10, 9900)] * 9 + [(1, 100, 10, 9900)],
        ("0.6792", "0.6417", "1.089", "1"),
        0.8142,
        None,
    ),
    "key 2 misses by a hair": ([(10, 500, 15, 1500)] * 12, ("291.7", "4.824", "0.4777", "1"), 291.7, None),
    "mid-stage": ([QUIET] * 30 + [LOUD] * 6, ("9.554e+04", "6335", "0.6416", "1.824"), 95540, 34),
    "shared incident": ([QUIET] * 6 + [(8, 1000, 792, 99000)] * 6, ("0.4518", "0.4233", "356.7", "1"), 0.6867, None),
    "one burst": (
        [QUIET] * 6 + [(50, 1000, 99, 99000)] + [QUIET] * 6,
        ("1.709", "0.9685", "0.4802", "1"),
        2.531,
        None,
    ),
}


def one_stage(ticks: Sequence[Tick]) -> Ticks:
    columns = np.array(ticks, dtype=float)
    return Ticks(*(columns[:, [i]] for i in range(4)))


@pytest.mark.parametrize("name", GOLDEN)
def test_the_golden_vectors_hold_to_all_printed_digits(name: str) -> None:
    ticks, printed, highest, fail_at = GOLDEN[name]
    found = split_evidence(one_stage(ticks), DEFAULT)
    and_then = one_stage([*ticks, (0, 0, 0, 0)])  # phi is known before each tick: the last is before one more
    phi = phi_during(and_then.kc, and_then.kc + and_then.kb, and_then.exposure, 1.0)
    last = (found.chance[-1, 0], found.trivial[-1, 0], found.ok[-1, 0], phi[-1, 0])
    assert tuple(f"{value:.4g}" for value in last) == printed
    assert found.chance.max() == pytest.approx(highest, rel=5e-4)
    (at,) = first_tick(found.fails())
    assert at == fail_at if fail_at is not None else np.isnan(at)


@pytest.mark.parametrize("base", [0.0005, 0.02, 0.3, 0.7])
@pytest.mark.parametrize("tolerance", [1.0, 1.25])
def test_one_tick_of_evidence_expects_at_most_one_under_what_it_refutes(base: float, tolerance: float) -> None:
    nc, nb = 40, 60
    rate_c = base * tolerance
    kc, kb = (grid.ravel().astype(float) for grid in np.meshgrid(np.arange(nc + 1), np.arange(nb + 1)))
    chance = binomial(nc, rate_c)[kc.astype(int)] * binomial(nb, base)[kb.astype(int)]
    sizes = np.array(DEFAULT.worse)[:, None]
    told, _ = split_log_lr(kc, kc + kb, np.full_like(kc, nc), np.full_like(kc, nb), tolerance, sizes)
    assert (chance * np.exp(told)).sum(axis=1).max() <= 1 + 1e-9


def binomial(n: int, p: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    law = np.ones(1)
    for _ in range(n):
        law = np.append(law, 0) * (1 - p) + np.insert(law, 0, 0) * p
    return law


@pytest.mark.parametrize("weather", [Weather.PLAIN, Weather.BURSTS])
def test_a_healthy_canary_is_halted_in_less_than_one_stage_of_a_hundred(weather: Weather) -> None:
    world, rng = World(Regime(20, 0.001), weather), np.random.default_rng(1)
    fails = 0
    for _ in range(2):
        phi0 = phi_before(history(world, 1000, rng))
        fails += int(split_evidence(simulate(world, 1000, rng), phi0=phi0, only_fail=True).fails().any(axis=0).sum())
    assert fails <= 20


def test_the_same_seed_gives_the_same_stages() -> None:
    world = World(Regime(5, 0.005), Weather.HEAVY_BURSTS)
    one, two = (simulate(world, 20, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(one.kc, two.kc) and np.array_equal(one.nb, two.nb)
    assert not np.array_equal(one.kc, simulate(world, 20, np.random.default_rng(4)).kc)


def test_a_dropped_tick_is_as_if_it_had_never_been() -> None:
    ticks = simulate(World(Regime(20, 0.005)), 3, np.random.default_rng(5))
    usable = np.random.default_rng(6).random(ticks.shape) > 0.1
    seen, _ = drop_unusable(ticks, usable)
    found = split_evidence(seen)
    for stage in range(3):
        kept = usable[:, stage]
        alone = Ticks(*(a[kept][:, [stage]] for a in (ticks.kc, ticks.nc, ticks.kb, ticks.nb)))
        assert split_evidence(alone).chance[-1, 0] == pytest.approx(found.chance[-1, stage], rel=1e-12)


def test_scaling_both_exposures_changes_nothing() -> None:
    ticks = simulate(World(Regime(20, 0.005)), 5, np.random.default_rng(8))
    wide = Ticks(ticks.kc, ticks.nc * 7, ticks.kb, ticks.nb * 7)
    assert np.allclose(split_evidence(ticks).ok, split_evidence(wide).ok, rtol=1e-12)


def test_errors_that_do_not_cluster_have_burstiness_near_one_and_clusters_show() -> None:
    rng = np.random.default_rng(9)
    calm = phi_before(history(World(Regime(20, 0.005)), 200, rng)).mean()
    heavy = phi_before(history(World(Regime(20, 0.005), Weather.HEAVY_BURSTS), 200, rng)).mean()
    assert calm < 1.15
    assert heavy == pytest.approx(5, rel=0.25)


@pytest.mark.parametrize("what", [[], ["judge"]])
def test_the_help_of_the_benchmark_fits_a_screen_of_80_by_24(
    what: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main([*what, "--help"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80


def test_without_numpy_one_line_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["judge"]) == 2
    assert capsys.readouterr().err == "bench: judge needs numpy: python -m pip install numpy\n"


def test_a_run_is_a_function_of_its_seed() -> None:
    tiny = Scale(nulls=40, peer_nulls=20, regressions=20, kayentas=4)
    one, two, other = (mid.run(tiny, seed) for seed in (5, 5, 6))
    assert one == two
    assert one.cells != other.cells


def test_the_command_names_every_missed_goal_and_exits_one_only_then(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["judge", "--quick", "--only", "mid", "--json"])
    out, err = capsys.readouterr()
    missed = [goal["name"] for goal in json.loads(out)["goals"] if goal["result"] == "MISS"]
    assert code == bool(missed)
    assert all(f"goal missed: {name}" in err for name in missed)
