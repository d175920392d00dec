"""Keys that a slow line delivers in one piece, to the real program in a real terminal."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.cli_rig import Shell, shell
from tests.terminal import READING_S, WARROOM, terminal

BAKING = """\
warroom: 1
rollout: baking
timing: {poll: 100ms, tick: 1s, read_deadline: 2s, write_deadline: 600ms}
backends: {edge: {adapter: embedded}}
targets: {api: {backend: edge, kind: deploy}}
stages:
  - {name: ten, bake: 10m, set: {api: 10}}
  - {name: everything, set: {api: 100}}
"""


@pytest.fixture
def sh(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    made = shell(tmp_path, capsys, BAKING)
    assert made.run("promote") == 0
    return made


async def test_a_form_typed_in_one_write_arrives_in_its_order(sh: Shell) -> None:
    async with terminal([*WARROOM, *sh.arguments("run")], size=(80, 24)) as seat:
        await seat.until("BAKING")
        await seat.press("p")
        await seat.until("type everything:")
        await asyncio.sleep(READING_S)
        await seat.press("everythnig\x7f\x7f\x7fing\tnoise\x15smoke alarm")
        await seat.until("type everything: everything", "reason (required): smoke alarm", "enter OVERRIDES")
        await seat.press("\r")
        await seat.until("2/2 everything")
