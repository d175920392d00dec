"""The embedded world: its options, its targets, a deploy that advances by itself, faults on request.

Time is stepped by hand. What outlives a process is in test_embedded_log, what it measures in test_embedded_metrics.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from adapters.contract import (
    Kind,
    Permit,
    Phase,
    Rejected,
    ServerFailed,
    Setting,
    TargetRef,
    Withdrawn,
)
from adapters.embedded.backend import Options
from adapters.embedded.scenarios import Scenario
from adapters.embedded.world import WorldSettings
from adapters.registry import ConnectError, load
from tests.embedded_rig import CART, CHECKOUT, ERRORS, FLAG, NOON, PERMIT, Rig, embedded_rig


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with embedded_rig(tmp_path) as running:
        yield running


def test_the_registry_finds_all_three_kinds_under_its_name() -> None:
    assert load("embedded").kinds == (Kind.DEPLOY, Kind.FLAGS, Kind.METRICS)


def test_only_the_adapter_itself_needs_pydantic() -> None:
    code = "import sys, adapters.embedded.world; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        ({}, WorldSettings()),
        ({"error_rate": "0.4%"}, WorldSettings(error_rate=0.004)),
        ({"error_rate": 0.02}, WorldSettings(error_rate=0.02)),
        ({"onset": "1m30s"}, WorldSettings(onset_s=90.0)),
        ({"onset": 45}, WorldSettings(onset_s=45.0)),
        ({"scenario": "slow_burn", "seed": 7, "rps": 50}, WorldSettings(Scenario.SLOW_BURN, 7, 50.0)),
    ],
)
def test_options_are_read_as_a_plan_writes_them(options: dict[str, object], settings: WorldSettings) -> None:
    assert Options.model_validate(options).settings() == settings


@pytest.mark.parametrize(
    "options",
    [
        {"speed": 3},
        {"scenario": "meteor"},
        {"onset": "soon"},
        {"onset": "-5s"},
        {"error_rate": "x%"},
        {"error_rate": "120%"},
        {"rps": 0},
        {"opening": {"checkout": 120}},
        {"opening": {"checkout": "half"}},
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Options.model_validate(options)


def test_two_backends_that_contradict_each_other_about_one_world_cannot_both_connect(rig: Rig) -> None:
    rig.connect("deploys", scenario="healthy")
    with pytest.raises(ConnectError, match="metrics: scenario is healthy for one backend"):
        rig.connect("metrics", scenario="slow_burn")


async def test_a_world_that_everybody_left_may_be_entered_with_another_scenario(rig: Rig) -> None:
    await rig.connect(scenario="healthy").aclose()
    assert rig.connect(scenario="slow_burn").world.scenario is Scenario.SLOW_BURN


async def test_an_untouched_deploy_target_reads_zero(rig: Rig) -> None:
    reading = await rig.connect().read_target(CHECKOUT)
    assert (reading.percent, reading.on, reading.at) == (0, None, NOON)


async def test_an_untouched_flag_reads_off(rig: Rig) -> None:
    reading = await rig.connect().read_target(FLAG)
    assert (reading.percent, reading.on) == (0, False)


@pytest.mark.parametrize(
    ("ref", "flags", "is_flag"),
    [
        (CHECKOUT, [], False),
        (CHECKOUT, ["checkout"], True),
        (TargetRef("flow", "NewFlowFLAG", canary="a", baseline="b"), [], True),
        (TargetRef("flow", "flow"), [], True),
        (TargetRef("flow", "flow", canary="a"), [], False),
    ],
)
async def test_what_a_plan_says_of_a_target_tells_a_flag_from_a_deploy(
    rig: Rig, ref: TargetRef, flags: list[str], is_flag: bool
) -> None:
    assert ((await rig.connect(flags=flags).read_target(ref)).on is not None) is is_flag


async def test_a_target_that_was_given_a_weight_is_a_deploy_whatever_its_names_say(rig: Rig) -> None:
    backend = rig.connect()
    await backend.set_weight(FLAG, 5, PERMIT)
    assert (await backend.read_target(FLAG)).on is None


async def test_a_weight_reads_back_with_versions_and_phase(rig: Rig) -> None:
    backend = rig.connect()
    await backend.set_weight(CHECKOUT, 5, PERMIT)
    reading = await backend.read_target(CHECKOUT)
    assert (reading.percent, reading.phase, reading.detail) == (5, Phase.PROGRESSING, "weights 5/95")
    assert (reading.versions.canary, reading.versions.baseline) == ("v42", "v41")


@pytest.mark.parametrize(("then", "phase"), [(100, Phase.HEALTHY), (0, Phase.ROLLED_BACK), (50, Phase.PROGRESSING)])
async def test_the_phase_follows_the_weight(rig: Rig, then: int, phase: Phase) -> None:
    backend = rig.connect()
    await backend.set_weight(CHECKOUT, 25, PERMIT)
    await backend.set_weight(CHECKOUT, then, PERMIT)
    assert (await backend.read_target(CHECKOUT)).phase is phase


async def test_switching_a_flag_off_leaves_its_percentage_alone(rig: Rig) -> None:
    backend = rig.connect()
    await backend.set_flag(FLAG, Setting(25, on=True), PERMIT)
    await backend.set_flag(FLAG, Setting(None, on=False), PERMIT)
    reading = await backend.read_target(FLAG)
    assert (reading.percent, reading.on, reading.exposure) == (25, False, 0)


@pytest.mark.parametrize(
    ("ref", "setting", "line"),
    [
        (CHECKOUT, Setting(5), "embedded: checkout -> 5 %"),
        (FLAG, Setting(25, on=True), "embedded: new-flow -> on at 25 %"),
        (FLAG, Setting(None, on=False), "embedded: new-flow -> off"),
    ],
)
def test_calls_say_in_one_line_what_a_write_would_do(rig: Rig, ref: TargetRef, setting: Setting, line: str) -> None:
    assert rig.connect().calls(ref, setting) == (line,)


async def test_an_opening_reads_as_if_it_had_always_been_so(rig: Rig) -> None:
    backend = rig.connect(opening={"checkout": "25%", "new-flow": "off", "flag-b": 50})
    assert (await backend.read_target(CHECKOUT)).percent == 25
    assert (await backend.read_target(FLAG)).on is False
    assert (await backend.read_target(TargetRef("flag-b", "flag-b"))).on is True
    assert all(reading.canary is not None for reading in (await rig.last(backend, ERRORS, 300)).readings)


async def test_an_opening_is_written_once_and_never_undoes_what_was_done_since(rig: Rig) -> None:
    first = rig.connect(opening={"checkout": 25})
    await first.set_weight(CHECKOUT, 50, PERMIT)
    await first.aclose()
    assert (await rig.connect(opening={"checkout": 25}).read_target(CHECKOUT)).percent == 50


async def test_an_advancing_deploy_raises_its_own_weight(rig: Rig) -> None:
    backend = rig.connect(advances=True)
    await backend.set_weight(CHECKOUT, 5, PERMIT)
    seen = []
    for _ in range(6):
        seen.append((await backend.read_target(CHECKOUT)).percent)
        rig.clock.step(60)
    assert seen == [5, 10, 25, 50, 75, 100]


async def test_a_paused_deploy_stays_where_it_is_until_it_is_resumed(rig: Rig) -> None:
    backend = rig.connect(advances=True)
    await backend.set_weight(CHECKOUT, 5, PERMIT)
    rig.clock.step(70)
    await backend.pause(CHECKOUT, PERMIT)
    rig.clock.step(600)
    paused = await backend.read_target(CHECKOUT)
    await backend.resume(CHECKOUT, PERMIT)
    rig.clock.step(60)
    resumed = await backend.read_target(CHECKOUT)
    assert (paused.percent, paused.phase) == (10, Phase.PAUSED)
    assert (resumed.percent, resumed.phase) == (25, Phase.PROGRESSING)


async def test_a_weight_set_while_paused_does_not_start_the_climb_again(rig: Rig) -> None:
    backend = rig.connect(advances=True)
    await backend.set_weight(CHECKOUT, 5, PERMIT)
    await backend.pause(CHECKOUT, PERMIT)
    await backend.set_weight(CHECKOUT, 25, PERMIT)
    rig.clock.step(600)
    reading = await backend.read_target(CHECKOUT)
    assert (reading.percent, reading.phase) == (25, Phase.PAUSED)


async def test_a_rollback_ends_a_climb(rig: Rig) -> None:
    backend = rig.connect(advances=True)
    await backend.set_weight(CHECKOUT, 5, PERMIT)
    rig.clock.step(30)
    await backend.set_weight(CHECKOUT, 0, PERMIT)
    rig.clock.step(600)
    assert (await backend.read_target(CHECKOUT)).percent == 0


def test_only_an_advancing_deploy_declares_that_it_can_pause(rig: Rig) -> None:
    climbing, still = rig.connect("a", advances=True), rig.connect("b")
    assert climbing.capabilities(CHECKOUT).advances
    assert climbing.capabilities(CHECKOUT).can_pause
    assert not climbing.capabilities(FLAG).can_pause
    assert not still.capabilities(CHECKOUT).can_pause


async def test_pausing_a_deploy_that_does_not_advance_is_rejected(rig: Rig) -> None:
    with pytest.raises(Rejected, match="does not advance by itself"):
        await rig.connect().pause(CHECKOUT, PERMIT)


async def test_a_write_is_in_flight_for_its_latency(rig: Rig) -> None:
    backend = rig.connect(latency="500ms")
    write = asyncio.create_task(backend.set_weight(CHECKOUT, 5, PERMIT))
    await asyncio.sleep(0)
    assert (await backend.read_target(CHECKOUT)).percent == 0
    rig.clock.step(0.5)
    await write
    assert (await backend.read_target(CHECKOUT)).percent == 5


async def test_a_lapsed_permit_withdraws_the_write(rig: Rig) -> None:
    backend = rig.connect()
    with pytest.raises(Withdrawn, match="overtaken"):
        await backend.set_weight(CHECKOUT, 5, Permit("t", lambda: "overtaken"))
    assert not rig.log.exists()


async def test_a_refused_target_rejects_every_write_and_stays_put(rig: Rig) -> None:
    backend = rig.connect(refuse=["checkout", "new-flow"])
    with pytest.raises(Rejected):
        await backend.set_weight(CHECKOUT, 5, PERMIT)
    with pytest.raises(Rejected):
        await backend.set_flag(FLAG, Setting(5, on=True), PERMIT)
    await backend.set_weight(CART, 5, PERMIT)
    assert (await backend.read_target(CHECKOUT)).percent == 0


async def test_a_hanging_write_returns_only_when_it_is_cancelled(rig: Rig) -> None:
    backend = rig.connect(hang=["checkout"])
    write = asyncio.create_task(backend.set_weight(CHECKOUT, 5, PERMIT))
    await asyncio.sleep(0)
    rig.clock.step(3600)
    await asyncio.sleep(0)
    assert not write.done()
    write.cancel()
    with pytest.raises(asyncio.CancelledError):
        await write
    assert (await backend.read_target(CHECKOUT)).percent == 0


async def test_a_lagging_read_shows_a_write_only_later(rig: Rig) -> None:
    backend = rig.connect(lag="5s")
    await backend.set_weight(CHECKOUT, 5, PERMIT)
    rig.clock.step(4)
    assert (await backend.read_target(CHECKOUT)).percent == 0
    rig.clock.step(1)
    assert (await backend.read_target(CHECKOUT)).percent == 5


async def test_a_log_that_cannot_be_written_leaves_the_outcome_unknown(rig: Rig) -> None:
    backend = rig.connect()
    rig.log.symlink_to(rig.state_dir / "elsewhere.jsonl")
    with pytest.raises(ServerFailed, match="the world's log cannot be used"):
        await backend.set_weight(CHECKOUT, 5, PERMIT)
