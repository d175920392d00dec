"""Flagger: the adapter and the gates against the real controller and a real API server, over real HTTP.

What a fake could only suppose is seen here: when Flagger asks, what it sends, and what it does with an answer.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from adapters.contract import Outcome, Wait
from console.engine.clock import SystemClock
from console.engine.config import EngineConfig
from console.engine.engine import Engine
from console.events.evidence import Verb
from console.gate_server import GateServer
from console.journal.sqlite import SqliteJournal
from console.plan.loader import load
from console.state.values import State
from tests.engine_rig import Console
from tests.live.kube.cluster import Cluster
from tests.live.kube.flagger_parts import CANARIES, canary, flagger, release, weight_of
from tests.live.kube.objects import Json
from tests.live.kube.rig import until
from tests.reading_rig import steps_read

pytestmark = pytest.mark.live

_numbers = itertools.count(1)
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def mesh(kube: Cluster) -> Iterator[Cluster]:
    """The cluster with Flagger."""
    with flagger(kube):
        yield kube


@dataclass
class Seat:
    """A console, its gatehouse, and what was asked there."""

    console: Console
    name: str
    asked: list[tuple[str, int]]
    before: Callable[[], object] | None = None
    """What happens, once, when a question has come and before it is decided."""
    after: Callable[[], object] | None = None
    """What happens, once, when a yes was decided and before Flagger hears it."""

    async def answer(self, gate: str, body: bytes, token: str | None) -> tuple[int, str]:
        """As a gatehouse's."""
        if self.before is not None:
            happens, self.before = self.before, None
            await asyncio.to_thread(happens)
        said = await self.console.engine.gate_responder.answer(gate, body, token)
        if self.after is not None and said.code == 200:
            happens, self.after = self.after, None
            await asyncio.to_thread(happens)
        self.asked.append((gate, said.code))
        return said.code, said.text

    async def until(self, seen: object) -> State:
        """As Console.until, with the patience that a real controller needs."""
        assert callable(seen)
        for _ in range(int(PATIENCE_S / 10)):
            try:
                return await self.console.until(seen)
            except AssertionError as error:
                last = error
        raise last


def hooks(url: str, *kinds: str) -> list[Json]:
    return [{"name": f"warroom {kind}", "type": kind, "url": f"{url}/flagger/{kind}"} for kind in kinds]


def phase_of(mesh: Cluster, name: str) -> str | None:
    found: str | None = mesh.ask("GET", f"{CANARIES}/{name}").get("status", {}).get("phase")
    return found


@asynccontextmanager
async def seated(mesh: Cluster, folder: Path, stages: str, *kinds: str, iterations: int = 0) -> AsyncIterator[Seat]:
    """A console on a Canary of 10 and 50 % whose version 1 is there, with gates of these kinds."""
    name = f"cart{next(_numbers)}"
    seat: Seat | None = None

    async def answer(gate: str, body: bytes, token: str | None) -> tuple[int, str]:
        return (403, "not now") if seat is None else await seat.answer(gate, body, token)

    house = GateServer(answer)
    url = f"http://127.0.0.1:{await house.listen('127.0.0.1', 0)}"
    await asyncio.to_thread(release, mesh, name, 1)
    made = canary(name, hooks(url, *kinds), weights=[10, 50], iterations=iterations)
    await asyncio.to_thread(mesh.apply, CANARIES, made)
    plan = folder / "plan.yaml"
    plan.write_text(
        "warroom: 1\nrollout: live\ntiming: {poll: 1s, write_deadline: 2s}\n"
        f"backends: {{cluster: {{adapter: flagger, kubeconfig: {mesh.kubeconfig()}, context: live, gates: '{url}'}}}}\n"
        f"targets: {{cart: {{backend: cluster, name: {name}}}}}\n{stages}"
    )
    journal = SqliteJournal(folder / "journal.db")
    await until(lambda: asyncio.to_thread(phase_of, mesh, name), lambda phase: phase == "Initialized")
    engine = await Engine.open(EngineConfig(load(plan), journal, SystemClock(), folder, "test"), lambda _state: None)
    engine.start()
    seat = Seat(Console(engine, journal), name, [])
    try:
        yield seat
    finally:
        await engine.close()
        journal.close()
        await asyncio.to_thread(mesh.delete, f"{CANARIES}/{name}")
        await house.aclose()


STAGES = """\
stages:
  - {name: start, set: {cart: step 0}}
  - {name: ten, set: {cart: step 2}}
  - {name: fifty, set: {cart: step 3}}
  - {name: full, set: {cart: all steps}}
"""
ALL = ("confirm-rollout", "confirm-traffic-increase", "confirm-promotion", "rollback")


def waits(state: State) -> bool:
    reading = state.targets["cart"].reading
    return reading is not None and steps_read(reading).waits is Wait.GATE


async def test_each_stage_is_let_on_once_and_the_weight_never_runs_ahead(mesh: Cluster, tmp_path: Path) -> None:
    async with seated(mesh, tmp_path, STAGES, *ALL) as seat:
        await asyncio.to_thread(release, mesh, seat.name, 2)
        await seat.until(lambda state: state.reached == 1 and waits(state))
        for reached, weight in ((2, 10), (3, 50)):
            answer = await seat.console.act(Verb.PROMOTE)
            assert answer.result == "accepted", answer.line
            await seat.until(lambda state, reached=reached: state.reached == reached and waits(state))
            await asyncio.sleep(3)  # three more looks of Flagger's
            assert await asyncio.to_thread(weight_of, mesh, seat.name) == weight
        await seat.console.act(Verb.PROMOTE)
        state = await seat.until(lambda state: state.reached == 4)
        assert state.targets["cart"].drift is None
        passed = [gate for gate, code in seat.asked if code == 200]
        assert passed == [
            "confirm-rollout",
            "confirm-traffic-increase",
            "confirm-traffic-increase",
            "confirm-traffic-increase",
            "confirm-promotion",
        ]


def asks_for(state: State) -> str:
    reading = state.targets["cart"].reading
    return str(None if reading is None else reading.versions.release)


async def test_a_version_that_is_swapped_as_flagger_asks_is_not_let_in_and_is_asked_anew(
    mesh: Cluster, tmp_path: Path
) -> None:
    async with seated(mesh, tmp_path, STAGES, *ALL) as seat:
        await asyncio.to_thread(release, mesh, seat.name, 2)
        state = await seat.until(lambda state: state.reached == 1 and waits(state) and ":2 " in asks_for(state))
        assert asks_for(state).startswith(f"{seat.name}:2 (template ")
        seat.before = lambda: release(mesh, seat.name, 3)
        await seat.console.act(Verb.PROMOTE)
        state = await seat.until(lambda state: any(r.outcome is Outcome.REFUSED for r in state.requests.values()))
        assert f"it asks for {seat.name}:3 (template " in next(iter(state.requests.values())).reason
        await asyncio.sleep(3)  # three more looks of Flagger's
        assert {code for _, code in seat.asked} == {403}
        assert await asyncio.to_thread(phase_of, mesh, seat.name) == "Waiting"
        answer = await seat.console.act(Verb.PROMOTE)
        assert answer.result == "accepted", answer.line
        state = await seat.until(lambda state: state.reached == 2)
        assert state.targets["cart"].drift is None
        assert asks_for(state).startswith(f"{seat.name}:3 (template ")


async def test_a_version_that_is_set_between_the_yes_and_the_start_is_drift(mesh: Cluster, tmp_path: Path) -> None:
    async with seated(mesh, tmp_path, STAGES, *ALL) as seat:
        await asyncio.to_thread(release, mesh, seat.name, 2)
        await seat.until(lambda state: state.reached == 1 and waits(state) and ":2 " in asks_for(state))
        seat.after = lambda: release(mesh, seat.name, 3)
        await seat.console.act(Verb.PROMOTE)
        state = await seat.until(lambda state: state.targets["cart"].drift)
        drifts = [line.text for line in state.log if line.kind == "drift"]
        assert any(f"{seat.name}:3 (template " in text and text.endswith("was let in") for text in drifts)
        await asyncio.sleep(3)
        assert [gate for gate, code in seat.asked if code == 200] == ["confirm-rollout"]
        assert await asyncio.to_thread(weight_of, mesh, seat.name) == 0


async def test_a_rollback_takes_the_traffic_back_at_flaggers_next_look(mesh: Cluster, tmp_path: Path) -> None:
    async with seated(mesh, tmp_path, STAGES, *ALL) as seat:
        await asyncio.to_thread(release, mesh, seat.name, 2)
        await seat.until(lambda state: state.reached == 1 and waits(state))
        await seat.console.act(Verb.PROMOTE)
        await seat.until(lambda state: state.reached == 2)
        await seat.console.act(Verb.ROLLBACK)
        state = await seat.until(lambda state: state.mode == "rolled back")
        assert state.targets["cart"].drift is None
        assert await asyncio.to_thread(weight_of, mesh, seat.name) == 0
        assert mesh.ask("GET", f"{CANARIES}/{seat.name}")["status"]["phase"] == "Failed"


async def test_a_halt_holds_it_though_it_was_promoted(mesh: Cluster, tmp_path: Path) -> None:
    async with seated(mesh, tmp_path, STAGES, *ALL) as seat:
        await asyncio.to_thread(release, mesh, seat.name, 2)
        await seat.until(lambda state: state.reached == 1 and waits(state))
        await seat.console.act(Verb.HALT)
        await asyncio.sleep(3)
        assert {code for _, code in seat.asked} == {403}
        assert mesh.ask("GET", f"{CANARIES}/{seat.name}")["spec"].get("suspend") is not True


async def test_a_blue_green_asks_twice_and_gets_both(mesh: Cluster, tmp_path: Path) -> None:
    stages = "stages:\n  - {name: start, set: {cart: step 0}}\n  - {name: full, set: {cart: all steps}}\n"
    async with seated(mesh, tmp_path, stages, "confirm-rollout", "confirm-promotion", iterations=2) as seat:
        await asyncio.to_thread(release, mesh, seat.name, 2)
        await seat.until(lambda state: state.reached == 1 and waits(state))
        await seat.console.act(Verb.PROMOTE)
        await seat.until(lambda state: state.reached == 2)
        assert [gate for gate, code in seat.asked if code == 200] == ["confirm-rollout", *["confirm-promotion"] * 2]


async def test_one_without_our_traffic_gates_is_suspended_by_a_halt_and_goes_on_after_it(
    mesh: Cluster, tmp_path: Path
) -> None:
    stages = "stages:\n  - {name: start, set: {cart: step 0}}\n  - {name: full, set: {cart: all steps}}\n"
    async with seated(mesh, tmp_path, stages, "confirm-rollout") as seat:
        await asyncio.to_thread(release, mesh, seat.name, 2)
        await seat.until(lambda state: state.reached == 1 and waits(state))
        await seat.console.act(Verb.HALT)
        state = await seat.until(
            lambda state: (
                (reading := state.targets["cart"].reading) is not None and steps_read(reading).waits is Wait.MANUAL
            )
        )
        assert mesh.ask("GET", f"{CANARIES}/{seat.name}")["spec"]["suspend"] is True
        assert state.halted is not None
        await seat.console.act(Verb.RESUME)
        await seat.until(waits)
        assert mesh.ask("GET", f"{CANARIES}/{seat.name}")["spec"]["suspend"] is False
