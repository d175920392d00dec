"""The end of a terminal: `warroom run` in a real one, hung up or terminated, with and without a rollback under way."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import pytest

from tests.cli_rig import Shell, shell
from tests.terminal import WARROOM, Terminal, terminal

LEAVE_SCREEN = b"\x1b[?1049l"
"""DECSET 1049 reset: back from the alternate screen, so the shell's own is seen again (xterm control sequences)."""

UNDER_A_SHELL = ("sh", "-c", 'trap "" HUP; report=$1; shift; "$@"; echo $? > "$report"', "sh")
"""A shell that leads the session, ignores hang-ups, reads nothing, and writes down how its child ended."""

TWO = """\
warroom: 1
rollout: two
timing: {poll: 100ms, tick: 1s, read_deadline: 2s, write_deadline: 600ms}
backends: {edge: {adapter: embedded, latency: 250ms}}
targets:
  api: {backend: edge, kind: deploy}
  web: {backend: edge, kind: deploy}
stages: [{name: ten, set: {api: 10, web: 10}}]
"""


@pytest.fixture
def sh(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    made = shell(tmp_path, capsys, TWO)
    assert made.run("promote") == 0
    return made


async def rolling_back(sh: Shell, seat: Terminal) -> None:
    """`r` and enter; the first step's call is in flight."""
    await seat.until("COMPLETE")
    await seat.press("r")
    await seat.until("enter rolls back")
    await seat.press_until_gone("enter", "enter rolls back")
    async with asyncio.timeout(20):
        while sh.kinds().count("request_made") < 3:  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("signum", [signal.SIGHUP, signal.SIGTERM])
async def test_a_rollback_under_way_finishes_its_steps_and_then_the_process_ends(sh: Shell, signum: int) -> None:
    async with terminal([*WARROOM, *sh.arguments("run")]) as seat:
        await rolling_back(sh, seat)
        seat.process.send_signal(signum)
        code = await seat.ended()
    assert code == 128 + signum
    assert [(json.loads(line)["target"], json.loads(line)["percent"]) for line in sh.world()[2:]] == [
        ("web", 0.0),
        ("api", 0.0),
    ]
    assert sh.kinds().count("step_done") == 2


async def test_with_nothing_in_flight_the_process_ends_at_once_and_puts_the_terminal_back(sh: Shell) -> None:
    async with terminal([*WARROOM, *sh.arguments("run")]) as seat:
        await seat.until("COMPLETE")
        seat.process.send_signal(signal.SIGTERM)
        assert await seat.ended(within_s=20.0) == 128 + signal.SIGTERM
        assert LEAVE_SCREEN in bytes(seat.raw)


async def test_a_console_under_a_shell_that_ignores_hang_ups_ends_when_its_terminal_is_gone(
    sh: Shell, tmp_path: Path
) -> None:
    report = tmp_path / "report"
    async with terminal([*UNDER_A_SHELL, str(report), *WARROOM, *sh.arguments("run")]) as seat:
        await rolling_back(sh, seat)
        seat.hang_up()
        await asyncio.to_thread(seat.process.wait, 30.0)
    assert report.read_text() == f"{128 + signal.SIGHUP}\n"
    assert sh.kinds().count("step_done") == 2
