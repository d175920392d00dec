"""A headless verb that is told to end: its call is settled as unknown, a rollback goes through first."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from console.events.kinds import RequestSettled
from tests.cli_rig import Shell, shell
from tests.terminal import PATIENCE_S, WARROOM

SLOW = """\
warroom: 1
rollout: slow
timing: {poll: 100ms, tick: 1s, read_deadline: 2s, write_deadline: DEADLINE}
backends: {edge: {adapter: embedded, latency: LATENCY}}
targets: {api: {backend: edge, kind: deploy}}
stages: [{name: ten, set: {api: 10}}]
"""


def begun(sh: Shell, command: str, requests: int) -> subprocess.Popen[bytes]:
    """A verb under way: its request is in the journal."""
    process = subprocess.Popen([*WARROOM, *sh.arguments(command)], stderr=subprocess.PIPE)
    until = time.monotonic() + PATIENCE_S
    while not sh.journal.exists() or sh.kinds().count("request_made") < requests:
        assert time.monotonic() < until
        time.sleep(0.02)
    return process


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP])
def test_a_promote_that_is_told_to_end_settles_its_call_as_unknown_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], signum: signal.Signals
) -> None:
    sh = shell(tmp_path, capsys, SLOW.replace("DEADLINE", "50s").replace("LATENCY", "40s"))
    process = begun(sh, "promote", 1)
    time.sleep(1.0)  # from the request to its call
    process.send_signal(signum)
    _, said = process.communicate(timeout=PATIENCE_S)
    settled = [event.outcome for event in sh.events() if isinstance(event, RequestSettled)]
    assert process.returncode == 128 + signum
    assert b"a call in flight is unknown until the next read" in said
    assert settled == ["unknown"]


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP])
def test_a_rollback_that_is_told_to_end_goes_through_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], signum: signal.Signals
) -> None:
    sh = shell(tmp_path, capsys, SLOW.replace("DEADLINE", "1s").replace("LATENCY", "300ms"))
    assert sh.run("promote") == 0
    process = begun(sh, "rollback", 2)
    process.send_signal(signum)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert json.loads(sh.world()[-1])["percent"] == 0
    assert sh.kinds()[-1] == "step_done"
