"""The whole way: headless commands and the screen, on a plan whose stages are a Rollout's own steps, against the real
controller; and the vendor's tool in between.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from adapters.contract import Phase, Wait
from tests.live.kube.cluster import Cluster
from tests.live.kube.rig import argo_of, deployed, reading, status
from tests.reading_rig import steps_read
from tests.terminal import WARROOM, terminal

pytestmark = pytest.mark.live

PLAN = """\
warroom: 1
rollout: {name}
timing: {{poll: 1s, read_deadline: 4s, write_deadline: 8s}}
backends: {{cluster: {{adapter: argo-rollouts, kubeconfig: "{config}", context: live, namespace: default}}}}
targets: {{api: {{backend: cluster, name: {name}}}}}
stages: {{from: api}}
"""
STEPS: tuple[dict[str, Any], ...] = ({"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {}})


class Room:
    """A plan and a journal, and commands on them."""

    def __init__(self, folder: Path, kube: Cluster, name: str) -> None:
        self.journal = folder / "journal.db"
        self.plan = folder / "plan.yaml"
        self.plan.write_text(PLAN.format(name=name, config=kube.kubeconfig()), encoding="utf-8")

    async def run(self, *arguments: str) -> tuple[int, str]:
        """One command: its exit code and what it said."""
        command = [*WARROOM, arguments[0], str(self.plan), *arguments[1:]]
        command += [] if arguments[0] == "check" else ["--journal", str(self.journal)]
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env={**os.environ}
        )
        said, _ = await asyncio.wait_for(process.communicate(), 90)
        return process.returncode or 0, said.decode()


async def test_headless_commands_promote_an_order_is_given_and_a_rollback_aborts(kube: Cluster, tmp_path: Path) -> None:
    name = "journey"
    console = argo_of(kube)
    await deployed(kube, console, name, *STEPS)
    await reading(console, name, lambda found: steps_read(found).waits is Wait.GATE)
    await asyncio.sleep(1)
    room = Room(tmp_path, kube, name)
    code, said = await room.run("check")
    assert code == 0, said
    code, said = await room.run("promote", "--reason", "go", "--override")
    assert (code, "60pct confirmed: stage 2" in said) == (0, True), said
    code, said = await room.run("promote", "--expect-stage", "1", "--reason", "again", "--override")
    assert code == 5, said
    assert status(kube, name)["currentStepIndex"] == 3
    code, said = await room.run("rollback")
    assert code == 0, said
    await reading(console, name, lambda found: found.phase is Phase.ABORTED)
    code, said = await room.run("status", "--json")
    assert json.loads(said)["targets"]["api"]["reads"] == "0 %, step 0/4 (aborted)"
    await console.aclose()


async def test_the_screen_shows_the_gate_promotes_it_and_shows_what_somebody_else_did(
    kube: Cluster, tmp_path: Path
) -> None:
    name = "screened"
    console = argo_of(kube)
    await deployed(kube, console, name, *STEPS)
    await reading(console, name, lambda found: steps_read(found).waits is Wait.GATE)
    room = Room(tmp_path, kube, name)
    command = [*WARROOM, "run", str(room.plan), "--journal", str(room.journal)]
    async with terminal(command, size=(140, 40)) as opened:
        await opened.until("step 1/4 pause", "waits for a promote", "20pct")
        await opened.press("p")
        await opened.until("PROMOTE  20pct → 60pct", "/status/pauseConditions")
        await opened.press_until_gone("y", "y promotes to 60pct")
        await opened.until("step 3/4 pause", "waits for a promote")
        await asyncio.sleep(1.5)
        await asyncio.to_thread(kube.vendor, "promote", name)
        await opened.until("moved outside warroom", "past the pause at step 3")
        await opened.press("q")
    await console.aclose()
