"""An accepted plan that renames a target, points it elsewhere or drops it: the old place stays until it is back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from adapters import registry
from adapters.contract import Unreachable
from console.engine.answer import Result
from console.events.evidence import Verb
from console.plan.backends import address_of
from console.plan.loader import parse
from console.state.card import card_for
from console.state.succession import move_lines
from console.state.values import Mode, State, StepMark
from tests import scripted_adapter
from tests.cli_rig import Shell, shell
from tests.engine_rig import TIMING, Console, Room, war_room
from tests.scripted_adapter import World

EAST = f"""\
warroom: 1
rollout: one
{TIMING}
backends: {{edge: {{adapter: scripted, host: east}}}}
targets: {{api: {{backend: edge, kind: deploy}}}}
stages:
  - {{name: ten, set: {{api: 10}}}}
  - {{name: full, set: {{api: 100}}}}
"""
WEST = EAST.replace("host: east", "host: west")
WEB = EAST.replace("{api: {backend: edge, kind: deploy}}", "{web: {backend: border, name: api, kind: deploy}}")
WEB = WEB.replace("set: {api:", "set: {web:").replace("{edge: {", "{border: {")
"""The same target with other names for it and for its backend."""
OLD = "api@plan-1"


async def accept(room: Room, console: Console, text: str) -> None:
    room.file.write_text(text, encoding="utf-8")
    await console.until(lambda state: state.local.edited)
    answer = await console.act(Verb.ACCEPT, subject="plan")
    assert answer.result is Result.ACCEPTED, answer.line


@asynccontextmanager
async def moved_rollout(folder: Path, text: str = WEST, old: str = EAST) -> AsyncIterator[tuple[Room, Console]]:
    """A room whose rollout stood at 10 % in the east when `text` was accepted."""
    async with war_room(folder, old) as room:
        console = await room.console()
        await console.promoted(1)
        await accept(room, console, text)
        yield room, console


def read(state: State, target: str) -> str:
    entry = state.targets.get(target)
    return "gone" if entry is None else str(entry.reading)


async def test_a_renamed_target_goes_on_with_all_that_is_known_of_it(tmp_path: Path) -> None:
    async with moved_rollout(tmp_path, WEB) as (room, console):
        state = console.state
        assert (list(state.targets), state.reached, state.mode) == (["web"], 1, Mode.WATCHING)
        assert (str(state.targets["web"].opening), str(state.targets["web"].reading)) == ("0 %", "10 %")
        assert [request.target for request in state.requests.values()] == ["web"]
        await console.act(Verb.ROLLBACK)
        await console.until(lambda state: state.mode is Mode.ROLLED_BACK)
        assert room.world.writes == ["east/api 10 %", "east/api 0 %"]


async def test_a_target_pointed_elsewhere_stays_at_its_old_place_and_is_polled_there(tmp_path: Path) -> None:
    async with moved_rollout(tmp_path) as (room, console):
        state = await console.until(lambda state: read(state, "api") == "0 %" and state.targets[OLD].read_at)
        assert (read(state, OLD), state.reached) == ("10 %", None)
        assert [entry.step.id for entry in state.checklist] == ["api-back", f"{OLD}-back"]
        room.world.move("east/api", 12)
        await console.until(lambda state: read(state, OLD) == "12 %")


async def test_a_rollback_takes_the_old_place_back_too(tmp_path: Path) -> None:
    async with moved_rollout(tmp_path) as (room, console):
        await console.act(Verb.ROLLBACK)
        await console.until(lambda state: state.mode is Mode.ROLLED_BACK)
        assert room.world.writes == ["east/api 10 %", "east/api 0 %"]


async def test_a_dropped_target_stays_and_goes_back_through_the_backend_that_the_plan_still_has(tmp_path: Path) -> None:
    two = EAST.replace("api: {", "api: {backend: edge, kind: deploy}, web: {").replace(
        "{api: 10}", "{api: 10, web: 10}"
    )
    one = EAST.replace("api: {", "web: {").replace("set: {api", "set: {web")
    async with moved_rollout(tmp_path, one, two) as (room, console):
        state = await console.until(lambda state: OLD in state.targets)
        assert (list(state.sources), state.reached) == (["edge"], 1)
        await console.act(Verb.ROLLBACK)
        await console.until(lambda state: state.mode is Mode.ROLLED_BACK)
        assert sorted(room.world.writes[2:]) == ["east/api 0 %", "east/web 0 %"]


async def test_a_target_that_was_never_touched_needs_no_place_in_the_checklist(tmp_path: Path) -> None:
    async with war_room(tmp_path, EAST) as room:
        console = await room.console()
        await accept(room, console, WEST)
        assert list(console.state.targets) == ["api"]
        await console.until(lambda state: state.targets["api"].read_at)
        await console.promoted(1)
        assert room.world.writes == ["west/api 10 %"]


async def test_the_old_place_leaves_the_checklist_once_it_reads_as_before(tmp_path: Path) -> None:
    async with moved_rollout(tmp_path) as (room, console):
        await console.until(lambda state: OLD in state.targets)
        room.world.move("east/api", 0)
        state = await console.until(lambda state: OLD not in state.targets)
        assert (list(state.sources), [entry.step.id for entry in state.checklist]) == (["edge"], ["api-back"])


async def test_the_old_place_is_let_go_by_its_typed_id_with_a_reason(tmp_path: Path) -> None:
    async with moved_rollout(tmp_path) as (_, console):
        step = f"{OLD}-back"
        unsaid = await console.act(Verb.SKIP, subject=step)
        untyped = await console.act(Verb.SKIP, subject=step, typed="", reason="taken over by the other team")
        assert (unsaid.result, untyped.result) == (Result.REFUSED, Result.REFUSED)
        assert OLD in console.state.targets
        await console.act(Verb.SKIP, subject=step, reason="taken over by the other team")
        assert OLD not in console.state.targets


async def test_a_plan_that_points_back_joins_the_old_place_with_its_opening(tmp_path: Path) -> None:
    async with moved_rollout(tmp_path) as (room, console):
        await accept(room, console, EAST)
        state = console.state
        assert (list(state.targets), read(state, "api"), str(state.targets["api"].opening)) == (["api"], "10 %", "0 %")


async def test_two_targets_that_exchange_their_names_are_not_mixed_up(tmp_path: Path) -> None:
    old = EAST.replace(
        "{api: {backend: edge, kind: deploy}}",
        "{api: {backend: edge, name: a, kind: deploy}, web: {backend: edge, name: b, kind: deploy}}",
    )
    new = old.replace("name: a", "name: c").replace("name: b", "name: a").replace("name: c", "name: b")
    async with moved_rollout(tmp_path, new, old) as (_, console):
        assert (read(console.state, "web"), read(console.state, "api")) == ("10 %", "0 %")


async def test_an_unreachable_old_place_says_so_while_the_others_go_back(tmp_path: Path) -> None:
    async with moved_rollout(tmp_path) as (room, console):
        await console.act(Verb.PLACE, subject="0")
        await console.until(lambda state: state.targets["api"].read_at)
        await console.promoted(1)

        async def gone(target: str) -> None:
            if target == "east/api":
                raise Unreachable("edge@plan-1", "set_weight", "connection refused")

        room.world.before_read = room.world.before_write = gone
        await console.act(Verb.ROLLBACK)
        state = await console.until(lambda state: not state.local.running)
        assert [entry.mark for entry in state.checklist] == [StepMark.DONE, StepMark.REFUSED]
        assert room.world.percent["west/api"] == 0


async def test_a_place_whose_backend_cannot_be_built_any_more_stops_no_opening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EAST_TOKEN", "x")
    async with moved_rollout(tmp_path, old=EAST.replace("host: east", "host: east, needs: EAST_TOKEN")) as (
        room,
        console,
    ):
        await console.until(lambda state: OLD in state.targets)
        await console.close()
        monkeypatch.delenv("EAST_TOKEN")
        again = await room.console()
        state = await again.until(lambda state: state.sources["edge@plan-1"].failed_since)
        assert "EAST_TOKEN is not set" in state.sources["edge@plan-1"].reason
        assert read(state, OLD) == "10 %"


async def test_closing_says_that_the_old_place_is_still_exposed(tmp_path: Path) -> None:
    async with moved_rollout(tmp_path) as (_, console):
        gates = [gate.why for gate in card_for(console.state, Verb.CLOSE).gates if not gate.ok]
        assert f"{OLD} of an earlier plan reads 10 %" in gates


async def test_before_it_is_accepted_the_card_says_what_moves(tmp_path: Path) -> None:
    async with war_room(tmp_path, EAST) as room:
        console = await room.console()
        room.file.write_text(WEST, encoding="utf-8")
        state = await console.until(lambda state: state.local.edited)
        stays = "api at edge (east) stays in the rollback checklist unless it reads as before"
        assert f"api points to api at edge (west): {stays}" in card_for(state, Verb.ACCEPT, "plan").warnings


def test_a_plan_says_what_it_renames_and_drops() -> None:
    plan = EAST.replace("scripted, host: east", "embedded, world: east")
    web = WEB.replace("scripted, host: east", "embedded, world: east")
    old, new = parse(plan, "plan.yaml"), parse(web, "plan.yaml")
    assert move_lines(old, new) == ("api is renamed to web",)
    assert move_lines(old, parse(plan.replace("api", "other"), "plan.yaml")) == (
        "api is no target any more: api at edge (east) stays in the rollback checklist unless it reads as before",
    )


@pytest.fixture
def sh(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell whose rollout was at 10 % in the east when a plan for the west was accepted."""
    monkeypatch.setitem(registry.BUILT_IN, "scripted", "tests.scripted_adapter")
    monkeypatch.setitem(scripted_adapter.worlds, tmp_path, World())
    made = shell(tmp_path, capsys, EAST)
    assert made.run("promote") == 0
    made.edit(WEST)
    assert made.run("accept", "--subject", "plan") == 0
    return made


def test_rollback_takes_the_old_cluster_back_and_exits_0(sh: Shell) -> None:
    assert (sh.run("rollback"), sh.out) == (0, "rolled back\n")
    assert scripted_adapter.worlds[sh.folder].percent["east/api"] == 0


def test_rollback_of_an_old_cluster_that_refuses_does_not_say_that_it_is_back(sh: Shell) -> None:
    async def refuses(target: str) -> None:
        raise Unreachable("edge@plan-1", "set_weight", "connection refused")

    scripted_adapter.worlds[sh.folder].before_write = refuses
    assert sh.run("rollback") == 3
    assert "not rolled back: api@plan-1-back refused: connection refused" in sh.err


def test_skip_lets_an_old_cluster_go_before_any_rollback(sh: Shell) -> None:
    assert sh.run("skip", "api@plan-1-back", "--reason", "torn down") == 0
    assert sh.run("rollback") == 0
    assert scripted_adapter.worlds[sh.folder].percent["east/api"] == 10


@pytest.mark.parametrize("more", ["", "tls_verify: false", "token: {env: OTHER}"])
def test_a_backends_address_holds_its_place_without_secrets_and_tls(more: str) -> None:
    token = "" if "token" in more else "token: {env: TOKEN}, "
    options = f"adapter: unleash, url: 'https://flags.example/', project: shop, environment: prod, {token}{more}"
    backend = EAST.replace("adapter: scripted, host: east", options.rstrip(", "))
    plan = parse(backend.replace("kind: deploy", "kind: flag"), "plan.yaml")
    assert plan.backends["edge"].address == "https://flags.example, shop, prod"


def test_an_adapter_may_say_its_address_itself() -> None:
    said = replace(registry.load("embedded"), address=lambda options: f"world {options.world}")
    assert address_of(said, {"world": "east"}) == "world east"


def test_an_adapter_that_fails_to_say_its_address_is_known_by_its_options() -> None:
    def fails(_options: object) -> str:
        raise RuntimeError("no address")

    assert address_of(replace(registry.load("embedded"), address=fails), {"world": "east"}) == "east"
