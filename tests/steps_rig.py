"""A room on a controller that owns its steps, which goes on by itself over a FAKE cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from adapters import registry
from adapters.contract import TargetReading, Wait
from console.engine import debounce
from console.state.values import State
from tests import argo_adapter
from tests.argo_adapter import Site
from tests.argo_fake import PAUSE, weight
from tests.engine_rig import TIMING, Console, Room, war_room
from tests.kube_fake import Json
from tests.reading_rig import steps_read

LISTED = f"""\
warroom: 1
rollout: one
{TIMING}
backends: {{cluster: {{adapter: argo}}}}
targets: {{api: {{backend: cluster, name: web}}}}
stages:
  - {{name: twenty, set: {{api: step 1}}}}
  - {{name: sixty, set: {{api: step 3}}}}
  - {{name: full, set: {{api: all steps}}}}
"""
TAKEN = LISTED.partition("stages:")[0] + "stages: {from: api, bake: 0s}\n"
STEPS = (weight(20), PAUSE, weight(60), PAUSE)


@asynccontextmanager
async def room_with(folder: Path, plan: str, *steps: Json) -> AsyncIterator[tuple[Room, Site]]:
    """A room on a Rollout of these steps whose new version was just set."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setitem(registry.BUILT_IN, "argo", "tests.argo_adapter")
        monkeypatch.setattr(debounce, "REST_S", 0.01)
        site = argo_adapter.sites.setdefault(folder, Site())
        site.controller.rollout("web", *steps)
        try:
            async with war_room(folder, plan) as room:
                yield room, site
        finally:
            argo_adapter.sites.pop(folder, None)


@asynccontextmanager
async def reconciling(site: Site) -> AsyncIterator[None]:
    """The controller looks every now and then, as it does."""

    async def run() -> None:
        while True:
            site.controller.settle()
            await asyncio.sleep(0.02)

    task = asyncio.create_task(run())
    try:
        yield
    finally:
        task.cancel()


async def at_stage(console: Console, number: int) -> None:
    """Wait until a stage is reached and the target stands at its pause."""
    await console.until(lambda state: state.reached == number and steps_read(reads(state)).waits is Wait.GATE)


def reads(state: State) -> TargetReading:
    """What the target reads."""
    reading = state.targets["api"].reading
    assert reading is not None
    return reading


def told(console: Console, kind: str) -> list[str]:
    """The log's lines of one kind."""
    return [line.text for line in console.state.log if line.kind == kind]
