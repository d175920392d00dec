"""The plan file while a rollout runs: an edit is shown, does nothing, and takes effect when somebody accepts it."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from adapters.registry import ConnectError
from console.engine import journal_tail, plan_file_watch
from console.engine.answer import Result
from console.engine.backends import Backends
from console.events.evidence import Verb
from console.plan.loader import load, parse
from console.plan.nouns import Plan
from console.state.values import Mode
from tests.engine_rig import ONE, Latch, Room, war_room

LONGER = ONE.replace("  - {name: half", "  - {name: tenth, set: {api: 10}}\n  - {name: half")
OTHER_BACKEND = ONE.replace("{edge: {adapter: scripted}}", "{border: {adapter: scripted}}").replace("edge", "border")
UNUSABLE = ONE.replace("{adapter: scripted}", "{adapter: scripted, cannot: the token is not set}")


def edit(room: Room, text: str) -> None:
    room.file.write_text(text, encoding="utf-8")


async def test_an_edit_is_shown_as_a_difference_and_has_no_effect(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        await console.promoted(1)
        edit(room, LONGER)
        state = await console.until(lambda state: state.local.edited)
        refused = await console.act(Verb.PROMOTE)
        assert "+  - {name: tenth, set: {api: 10}}" in (state.local.edited or "")
        assert [entry.stage.name for entry in state.stages] == ["five", "half", "full"]
        assert refused.line == "promote refused: the plan file was edited: accept it (a) or undo it"


async def test_an_edit_that_is_undone_is_forgotten(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        edit(room, LONGER)
        await console.until(lambda state: state.local.edited)
        edit(room, ONE)
        await console.until(lambda state: state.local.edited is None)
        await console.promoted(1)


async def test_an_accepted_edit_takes_effect_here_in_the_other_console_and_in_the_next(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        one, two = await room.console(), await room.console()
        await one.promoted(1)
        await two.until(lambda state: state.reached == 1)
        edit(room, LONGER)
        await one.until(lambda state: state.local.edited)
        answer = await one.act(Verb.ACCEPT, subject="plan")
        await two.until(lambda state: len(state.stages) == 4)
        next_one = await room.console()
        assert answer.result is Result.ACCEPTED
        for console in (one, two, next_one):
            assert [entry.stage.name for entry in console.state.stages] == ["five", "tenth", "half", "full"]
            assert (console.state.reached, console.state.local.edited) == (1, None)
        await one.promoted(2)
        assert room.world.writes == ["api 5 %", "api 10 %"]


async def test_an_accepted_edit_takes_effect_in_a_console_whose_own_file_was_not_edited(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        one = await room.console()
        room.file = tmp_path / "copy.yaml"
        edit(room, ONE)
        two = await room.console()
        room.file = tmp_path / "plan.yaml"
        edit(room, LONGER)
        await one.until(lambda state: state.local.edited)
        await one.act(Verb.ACCEPT, subject="plan")
        state = await two.until(lambda state: len(state.stages) == 4 and state.local.edited)
        assert "-  - {name: tenth, set: {api: 10}}" in (state.local.edited or "")


async def test_an_accepted_edit_with_another_backend_is_polled_and_called_there(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        one, two = await room.console(), await room.console()
        edit(room, OTHER_BACKEND)
        await one.until(lambda state: state.local.edited)
        await one.act(Verb.ACCEPT, subject="plan")
        for console in (one, two):
            state = await console.until(lambda state: "border" in state.sources and state.sources["border"].ok_at)
            assert list(state.sources) == ["border"]
        await one.promoted(1)
        await two.until(lambda state: state.reached == 1)
        assert [request.backend for request in two.state.requests.values()] == ["border"]


async def test_an_edit_with_errors_is_shown_and_cannot_be_accepted(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        edit(room, ONE.replace("api: 50", "web: 50"))
        state = await console.until(lambda state: state.local.edited)
        answer = await console.act(Verb.ACCEPT, subject="plan")
        assert (state.local.edited or "").startswith("the edited plan has errors: ")
        assert answer.result is Result.REFUSED
        assert room.kinds() == ["rollout_opened"]


async def test_an_edit_whose_backend_cannot_be_used_here_is_refused_before_it_is_written(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        edit(room, UNUSABLE)
        await console.until(lambda state: state.local.edited)
        answer = await console.act(Verb.ACCEPT, subject="plan")
        assert answer.line == "accept refused: the edited plan cannot be used here: edge: the token is not set"
        assert room.kinds() == ["rollout_opened"]


async def test_an_edit_is_not_accepted_while_a_call_is_in_flight_nor_in_a_rollback(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        await console.promoted(1)
        room.world.before_write = latch = Latch("api")
        promote = asyncio.create_task(console.act(Verb.PROMOTE))
        await latch.reached.wait()
        edit(room, LONGER)
        await console.until(lambda state: state.local.edited)
        flying = await console.act(Verb.ACCEPT, subject="plan")
        latch.open()
        await promote
        await console.act(Verb.ROLLBACK)
        rolling = await console.act(Verb.ACCEPT, subject="plan")
        assert flying.line == "accept refused: a call is still in flight"
        assert rolling.line == "accept refused: a rollback goes on by the plan it began with"
        await console.until(lambda state: state.mode is Mode.ROLLED_BACK)


async def test_a_plan_file_that_is_gone_stops_nothing(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        room.file.unlink()
        await console.promoted(1)
        assert console.state.local.fault is None


async def test_a_console_that_cannot_use_the_accepted_plan_says_so_and_goes_on_being_seen(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        shown: list[str | None] = []
        one = await room.console()
        two = await room.console(on_state=lambda state: shown.append(state.local.fault))

        def no_token(_plan: object) -> Backends:
            raise ConnectError("border: the token is not set")

        room.monkeypatch.setattr(two.engine._backends, "_connect", no_token)
        edit(room, OTHER_BACKEND)
        await one.until(lambda state: state.local.edited)
        await one.act(Verb.ACCEPT, subject="plan")
        await two.until(lambda _state: shown and shown[-1])
        assert shown[-1] == "the accepted plan cannot be used here: border: the token is not set"
        await one.promoted(1)
        await two.until(lambda state: state.reached == 1 or "api -> 5 %" in [r.asks for r in state.requests.values()])
        answer = await two.act(Verb.ROLLBACK)
        assert answer.result is Result.ACCEPTED


async def test_while_an_edited_plan_is_parsed_everything_else_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        begun, go_on, loop = asyncio.Event(), threading.Event(), asyncio.get_running_loop()

        def slow(path: Path) -> Plan:
            loop.call_soon_threadsafe(begun.set)
            assert go_on.wait(30)
            return load(path)

        monkeypatch.setattr(plan_file_watch, "load", slow)
        edit(room, LONGER)
        await begun.wait()
        await console.promoted(1)
        assert console.state.local.edited is None
        go_on.set()
        await console.until(lambda state: state.local.edited)


async def test_a_plan_that_another_console_accepted_is_parsed_outside_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with war_room(tmp_path, ONE) as room:
        one, two = await room.console(), await room.console()
        await two.engine.supervisor.stop("plan file")  # it knows the plan by the journal alone
        threads: list[threading.Thread] = []

        def parsed(text: str, path: str) -> Plan:
            threads.append(threading.current_thread())
            return parse(text, path)

        monkeypatch.setattr(journal_tail, "parse", parsed)
        edit(room, LONGER)
        await one.until(lambda state: state.local.edited)
        await one.act(Verb.ACCEPT, subject="plan")
        await two.until(lambda state: len(state.stages) == 4)
        assert threads and threading.current_thread() not in threads
