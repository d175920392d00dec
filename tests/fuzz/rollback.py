"""A rollback begun while every answer of the backend is hostile: it is through once the backend answers sanely."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path
from random import Random

import httpx
import pytest

from adapters import registry
from adapters.testing import SECRET, TOKEN_ENV
from console.engine.answer import Result
from console.events.evidence import Verb
from console.state.values import Mode, State
from tests import unleash_adapter
from tests.engine_rig import TIMING, Console, war_room
from tests.fuzz.door import Door
from tests.fuzz.mutation import json_bytes, mutated_json
from tests.unleash_fake import FakeUnleash

_PLAN = f"""\
warroom: 1
rollout: fuzzed
{TIMING}
backends: {{flags: {{adapter: unleash-fake}}}}
targets: {{f1: {{backend: flags, name: f1, kind: flag}}}}
stages:
  - {{name: ten, set: {{f1: 10}}}}
  - {{name: full, set: {{f1: 100}}}}
"""
_HOSTILE_REQUESTS = 12
_STATUSES = (200, 200, 200, 200, 204, 400, 404, 409, 429, 500)


def _hostile_answer(chance: Random, fake: FakeUnleash, request: httpx.Request) -> httpx.Response:
    """The answer of the fake, which has done what was asked, in another form."""
    true = fake._answer(request)
    value = json.loads(true.content) if true.content else {}
    body = json_bytes(chance, mutated_json(chance, value))
    if chance.randrange(10) == 0:
        raise httpx.ReadTimeout("hostile", request=request)
    return httpx.Response(chance.choice(_STATUSES), content=body, headers={"Content-Type": "application/json"})


async def _run_case(chance: Random, folder: Path) -> str | None:
    fake = unleash_adapter.fakes[folder] = FakeUnleash()
    async with war_room(folder, _PLAN) as room:
        console = await room.console()
        await console.promoted(1)
        asked = 0

        def instead(request: httpx.Request) -> httpx.Response | None:
            nonlocal asked
            asked += 1
            return _hostile_answer(chance, fake, request)

        fake.instead = instead
        answer = await console.act(Verb.ROLLBACK)
        if answer.result is not Result.ACCEPTED:
            return f"rollback: {answer.line}"
        await console.until(lambda _state: asked >= _HOSTILE_REQUESTS)
        if (problem := _own_fault(console.state)) is not None:
            return problem
        fake.instead = lambda _request: None
        await _continue(console)
        return None if not fake.on else f"the flag is still on: {fake.writes}"


async def _continue(console: Console) -> None:
    """Press rollback as an operator does where it stands still, until it is through."""

    def stands(state: State) -> bool:
        return state.mode is Mode.ROLLED_BACK or not state.local.running

    while (await console.until(stands)).mode is not Mode.ROLLED_BACK:
        await console.act(Verb.ROLLBACK)
        await asyncio.sleep(0.05)


def _own_fault(state: State) -> str | None:
    """A fault of the console or the adapter itself, which no answer may provoke."""
    texts = [state.local.fault or "", *(source.reason for source in state.sources.values())]
    texts += [request.reason for request in state.requests.values()]
    return next((text for text in texts if "internal error" in text), None)


def _check(chance: Random, _folder: Path) -> str | None:
    with tempfile.TemporaryDirectory() as made, pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setitem(registry.BUILT_IN, "unleash-fake", "tests.unleash_adapter")
        monkeypatch.setenv(TOKEN_ENV, SECRET)
        try:
            return asyncio.run(_run_case(chance, Path(made)))
        finally:
            unleash_adapter.fakes.pop(Path(made), None)


ROLLBACK = Door("rollback under hostile answers", _check)
