"""A Canary behind gates: Flagger asks at them, and a console answers.

Real engines and the real Flagger adapter, over a FAKE cluster and a FAKE controller.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from adapters import registry
from adapters.contract import TargetReading, Wait
from console.engine import debounce
from console.engine.gate_webhooks import GateResponse
from console.state.values import State
from tests import flagger_adapter
from tests.engine_rig import TIMING, Console, Room, war_room
from tests.flagger_fake import Controller
from tests.flagger_rig import canary_object, target_object
from tests.kube_fake import FakeCluster, Json
from tests.reading_rig import steps_read

PLAN = f"""\
warroom: 1
rollout: one
{TIMING}
backends: {{cluster: {{adapter: flagger-fake}}}}
targets: {{web: {{backend: cluster, name: podinfo}}}}
stages:
  - {{name: start, set: {{web: step 0}}}}
  - {{name: ten, set: {{web: step 2}}}}
  - {{name: fifty, set: {{web: step 4}}}}
  - {{name: full, set: {{web: all steps}}}}
"""
QUESTION = json.dumps({"name": "podinfo", "namespace": "default"}).encode()


class Site:
    """A Canary, Flagger, and the console that answers its gates."""

    def __init__(self, room: Room, cluster: FakeCluster) -> None:
        self.room = room
        self.cluster = cluster
        self.flagger = Controller(cluster, self._ask)
        self.door: Console | None = None
        self.said: list[GateResponse] = []
        """Every answer, in order."""

    async def _ask(self, gate: str, body: bytes) -> int:
        if self.door is None:
            return 502
        self.said.append(await self.door.engine.gate_responder.answer(gate, body, None))
        return self.said[-1].code

    async def opened(self) -> Console:
        """A console that also answers the gates."""
        self.door = await self.room.console()
        await self.door.engine.wait_polled()
        return self.door

    async def released(self, console: Console) -> State:
        """A new version is set, and Flagger waits for leave to begin."""
        self.flagger.wanted = "v2"
        await self.flagger.look()
        return await console.until(lambda state: state.reached == 1 and steps_read(reads(state)).waits is Wait.GATE)

    async def looks(self, times: int) -> None:
        for _ in range(times):
            await self.flagger.look()


@asynccontextmanager
async def site(folder: Path, plan: str = PLAN, status: Json | None = None, **more: Any) -> AsyncIterator[Site]:
    """A room on a Canary of 10, 30, 50 % that stands behind gates."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setitem(registry.BUILT_IN, "flagger-fake", "tests.flagger_adapter")
        monkeypatch.setattr(debounce, "REST_S", 0.01)
        cluster = flagger_adapter.clusters.setdefault(folder, FakeCluster())
        cluster.put("canaries", canary_object(status, **more))
        cluster.put("deployments", target_object())
        try:
            async with war_room(folder, plan) as room:
                yield Site(room, cluster)
        finally:
            flagger_adapter.clusters.pop(folder, None)


def has_reached(reached: int, state: State) -> bool:
    return state.reached == reached


def reads(state: State) -> TargetReading:
    """What the target reads."""
    reading = state.targets["web"].reading
    assert reading is not None
    return reading
