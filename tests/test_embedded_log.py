"""What outlives a process of the embedded world, what several of them share, and what a damaged log does."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.contract import (
    BackendError,
    Setting,
)
from adapters.embedded.changes import WorldChange
from adapters.embedded.exposure import ExposureHistory
from adapters.embedded.world import World, WorldSettings
from tests.embedded_rig import CHECKOUT, ERRORS, FLAG, NOON, PERMIT, Rig, embedded_rig, rate


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with embedded_rig(tmp_path) as running:
        yield running


async def test_what_was_done_is_still_there_for_the_next_console(rig: Rig) -> None:
    first = rig.connect()
    await first.set_weight(CHECKOUT, 25, PERMIT)
    await first.aclose()
    assert (await rig.connect().read_target(CHECKOUT)).percent == 25


async def test_three_backends_of_one_plan_share_one_world(rig: Rig) -> None:
    deploys, metrics = rig.connect("deploys"), rig.connect("metrics", scenario="error_spike", onset=0)
    await deploys.set_weight(CHECKOUT, 50, PERMIT)
    rig.clock.step(300)
    readings = (await rig.last(metrics, ERRORS, 300)).readings
    assert deploys.world is metrics.world
    assert rate(readings, "canary") / rate(readings, "baseline") > 4


async def test_worlds_of_other_names_are_apart(rig: Rig) -> None:
    one, other = rig.connect("a"), rig.connect("b", world="other/../one")
    await one.set_weight(CHECKOUT, 50, PERMIT)
    await other.set_weight(CHECKOUT, 5, PERMIT)
    assert (await one.read_target(CHECKOUT)).percent == 50
    assert len(list(rig.state_dir.glob("*.jsonl"))) == 2


def test_a_change_that_another_process_wrote_is_seen_at_once(tmp_path: Path) -> None:
    log = tmp_path / "world.jsonl"
    world = World(log, WorldSettings())
    code = (
        "import sys; from pathlib import Path; from adapters.embedded.world import World, WorldSettings;"
        "World(Path(sys.argv[1]), WorldSettings()).open_at('checkout', 40, None, 0.0)"
    )
    assert world.exposure().latest("checkout") is None
    subprocess.run([sys.executable, "-c", code, str(log)], check=True)
    standing = world.exposure().latest("checkout")
    assert standing is not None
    assert standing.percent == 40


async def test_the_log_is_private_and_one_line_a_change(rig: Rig) -> None:
    backend = rig.connect()
    await backend.set_weight(CHECKOUT, 5, PERMIT)
    await backend.set_flag(FLAG, Setting(10, on=True), PERMIT)
    lines = [json.loads(line) for line in rig.log.read_text().splitlines()]
    assert stat.S_IMODE(rig.log.stat().st_mode) == 0o600
    at = "2026-03-02T12:00:00+00:00"
    assert lines == [
        {"at": at, "target": "checkout", "percent": 5, "on": None, "by": "warroom"},
        {"at": at, "target": "new-flow", "percent": 10, "on": True, "by": "warroom"},
    ]


async def test_in_a_groups_directory_the_log_is_the_groups_whatever_the_umask(rig: Rig) -> None:
    rig.state_dir.mkdir(exist_ok=True)
    rig.state_dir.chmod(0o2770)
    before = os.umask(0o077)
    try:
        await rig.connect().set_weight(CHECKOUT, 5, PERMIT)
    finally:
        os.umask(before)
    assert stat.S_IMODE(rig.log.stat().st_mode) == 0o660


async def test_a_log_that_is_a_link_is_not_written_through(rig: Rig, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("")
    rig.log.parent.mkdir(exist_ok=True)
    rig.log.symlink_to(victim)
    with pytest.raises(BackendError):
        await rig.connect().set_weight(CHECKOUT, 5, PERMIT)
    assert victim.read_text() == ""


async def test_a_line_that_a_killed_process_left_half_written_harms_nothing(rig: Rig) -> None:
    backend = rig.connect()
    await backend.set_weight(CHECKOUT, 5, PERMIT)
    with rig.log.open("a") as file:
        file.write('{"at": "2026-03-02T12:0')
    assert (await backend.read_target(CHECKOUT)).percent == 5
    await backend.set_weight(CHECKOUT, 10, PERMIT)
    assert (await backend.read_target(CHECKOUT)).percent == 10


async def test_who_moved_a_target_is_shown_without_control_characters(rig: Rig) -> None:
    backend = rig.connect()
    backend.world.change(lambda _: WorldChange(NOON.timestamp(), "checkout", 30, None, "mallory\x1b]52;c;x\x07"))
    assert (await backend.read_target(CHECKOUT)).changed_by == "mallory]52;c;x"


async def test_a_log_that_was_removed_starts_the_world_over(rig: Rig) -> None:
    backend = rig.connect()
    await backend.set_weight(CHECKOUT, 5, PERMIT)
    await backend.read_target(CHECKOUT)
    rig.log.unlink()
    assert (await backend.read_target(CHECKOUT)).percent == 0


def test_changes_happened_in_the_order_of_the_log_whatever_their_clocks_said() -> None:
    exposure = ExposureHistory([WorldChange(100, "checkout", 25, None, "a"), WorldChange(90, "checkout", 0, None, "b")])
    standing = exposure.span_at("checkout", 101)
    assert standing is not None
    assert (standing.percent, standing.was_exposed, standing.revision) == (0, True, 2)


async def test_a_process_whose_clock_is_behind_sees_and_changes_what_is_now(rig: Rig) -> None:
    backend = rig.connect()
    ahead = NOON.timestamp() + 600
    backend.world.change(lambda _: WorldChange(ahead, "checkout", 25, None, "a faster clock"))
    seen = (await backend.read_target(CHECKOUT)).percent
    await backend.set_weight(CHECKOUT, 0, PERMIT)
    assert (seen, (await backend.read_target(CHECKOUT)).percent) == (25, 0)
