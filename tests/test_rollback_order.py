"""Rollback steps in their order: at once where nothing stands against it, skipped, overdue, not repeated too early."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from console.engine import rollback as rollback_module
from console.engine.answer import Result
from console.events.evidence import Verb
from console.state.values import Mode, StepMark
from tests.engine_rig import TIMING, TWO, Latch, Room, locked, told, war_room
from tests.scripted_adapter import at_once
from tests.test_rollback import marks
from tests.test_unjournaled import full

THREE = f"""\
warroom: 1
rollout: three
{TIMING}
backends: {{edge: {{adapter: scripted}}, flags: {{adapter: scripted}}}}
targets:
  api: {{backend: edge, kind: deploy}}
  web: {{backend: edge, kind: deploy}}
  page: {{backend: flags, kind: flag}}
stages: [{{name: ten, set: {{api: 10, web: 10, page: 10}}}}]
rollback:
  - {{id: api-back, set: {{api: 0}}}}
  - {{id: web-back, set: {{web: 0}}}}
  - {{id: page-off, set: {{page: off}}, needs: [api-back]}}
  - {{id: tell, manual: "say so in #incidents", needs: [web-back]}}
"""
BACK = ["api 0 %", "web 0 %"]


async def exposed(room: Room) -> None:
    console = await room.console()
    await console.promoted(1)
    await console.close()
    room.world.writes.clear()


async def test_steps_that_need_nothing_of_each_other_are_in_flight_at_once(tmp_path: Path) -> None:
    async with war_room(tmp_path, THREE) as room:
        await exposed(room)
        console = await room.console()
        waiting: set[str] = set()
        both = asyncio.Event()

        async def meet(target: str) -> None:
            waiting.add(target)
            if waiting == {"api", "web"}:
                both.set()
            await both.wait()

        room.world.before_write = meet
        await console.act(Verb.ROLLBACK)
        await console.until(lambda state: state.checklist[2].mark is StepMark.DONE)
        assert sorted(room.world.writes[:2]) == BACK
        assert room.world.writes[2:] == ["page off"]


async def test_listed_steps_begin_one_after_the_other(tmp_path: Path) -> None:
    async with war_room(tmp_path, THREE + "rollback_order: listed\n") as room:
        await exposed(room)
        console = await room.console()
        room.world.before_write = latch = Latch("api")
        await console.act(Verb.ROLLBACK)
        await latch.reached.wait()
        reads = len(room.world.reads)
        await console.until(lambda _state: len(room.world.reads) > reads + 4)
        waited = list(room.world.writes)
        latch.open()
        await console.until(lambda _state: len(room.world.writes) == 3)
        assert (waited, room.world.writes) == ([], ["api 0 %", "web 0 %", "page off"])


async def test_a_derived_step_gives_the_one_before_it_a_head_start_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollback_module, "HEAD_START_S", 0.05)
    async with war_room(tmp_path, TWO.replace("write_deadline: 400ms", "write_deadline: 20s")) as room:
        console = await room.console()
        await console.promoted(1)
        room.world.before_write = latch = Latch("page")
        await console.act(Verb.ROLLBACK)
        await latch.reached.wait()
        await console.until(lambda _state: room.world.writes[-1] == "api 0 %")
        assert console.state.in_flight


async def test_a_skipped_step_lets_what_needs_it_go_on_and_stays_skipped(tmp_path: Path) -> None:
    async with war_room(tmp_path, THREE) as room:
        await exposed(room)
        console = await room.console()
        room.world.before_write = Latch("api")
        await console.act(Verb.ROLLBACK)
        await console.until(lambda state: state.checklist[0].mark is StepMark.IN_DOUBT)
        room.world.before_write = at_once
        unsaid = await console.act(Verb.SKIP, subject="api-back")
        skipped = await console.act(Verb.SKIP, subject="api-back", reason="edge is dead, drained by hand")
        state = await console.until(lambda state: state.checklist[2].mark is StepMark.DONE)
        await console.act(Verb.ROLLBACK)
        await console.act(Verb.CONFIRM, subject="tell")
        await console.until(lambda state: state.mode is Mode.ROLLED_BACK)
        closed = await console.act(Verb.CLOSE)
        assert unsaid.line == "skip refused: it needs a reason"
        assert skipped.result is Result.ACCEPTED
        assert marks(state)[0] == "api-back skipped"
        assert "edge is dead, drained by hand" in state.checklist[0].detail
        assert room.world.writes == ["web 0 %", "page off"]
        assert closed.line.startswith("close refused: api-back skipped")


async def test_a_step_is_skipped_only_by_its_typed_name(tmp_path: Path) -> None:
    async with war_room(tmp_path, THREE) as room:
        await exposed(room)
        console = await room.console()
        room.world.before_write = Latch("api")
        await console.act(Verb.ROLLBACK)
        answer = await console.act(Verb.SKIP, subject="api-back", reason="dead", typed="yes")
        assert answer.line == "skip refused: it has to be confirmed by typing 'api-back'"


async def test_a_manual_step_is_confirmed_only_by_its_typed_name(tmp_path: Path) -> None:
    async with war_room(tmp_path, THREE) as room:
        await exposed(room)
        console = await room.console()
        await console.act(Verb.ROLLBACK)
        await console.until(lambda state: state.checklist[3].mark is StepMark.WAITING)
        answer = await console.act(Verb.CONFIRM, subject="tell", typed="y")
        assert answer.line == "confirm refused: it has to be confirmed by typing 'tell'"


async def test_nothing_is_skipped_before_a_rollback(tmp_path: Path) -> None:
    async with war_room(tmp_path, THREE) as room:
        console = await room.console()
        answer = await console.act(Verb.SKIP, subject="api-back", reason="why not")
        assert answer.line == "skip refused: no rollback step is left to skip"


async def test_with_a_full_disk_steps_are_confirmed_and_skipped_all_the_same(tmp_path: Path) -> None:
    async with war_room(tmp_path, THREE) as room:
        await exposed(room)
        console = await room.console()
        room.world.before_write = Latch("api")
        await console.act(Verb.ROLLBACK)
        await console.until(lambda state: state.checklist[0].mark is StepMark.IN_DOUBT)
        full(room)
        await console.until(lambda state: state.local.journal.broken)
        skipped = await console.act(Verb.SKIP, subject="api-back", reason="dead")
        await console.until(lambda state: state.checklist[3].mark is StepMark.WAITING)
        confirmed = await console.act(Verb.CONFIRM, subject="tell")
        state = await console.until(lambda state: state.mode is Mode.ROLLED_BACK)
        assert (skipped.result, confirmed.result) == (Result.ACCEPTED, Result.ACCEPTED)
        assert state.local.journal.broken and state.local.journal.held


async def test_a_rollback_confirms_nothing_for_another_console_that_cannot_write_it_down(tmp_path: Path) -> None:
    async with war_room(tmp_path, THREE) as room:
        await exposed(room)
        one, two = await room.console(), await room.console()
        await one.act(Verb.ROLLBACK)
        await two.until(lambda state: state.checklist[3].mark is StepMark.WAITING)
        with locked(room.journal):
            answer = await two.act(Verb.CONFIRM, subject="tell")
        assert (answer.result, answer.line.startswith("confirm refused: ")) == (Result.REFUSED, True)


async def test_a_step_that_is_accepted_and_never_reads_back_is_overdue_and_waits_for_a_person(tmp_path: Path) -> None:
    plan = THREE.replace("set: {api: 0}}", "set: {api: 0}, timeout: 300ms}")
    async with war_room(tmp_path, plan) as room:
        await exposed(room)
        console = await room.console()

        async def deaf(target: str) -> None:
            if target == "api":
                room.world.percent["api"] = 10

        room.world.after_write = deaf
        await console.act(Verb.ROLLBACK)
        state = await console.until(
            lambda state: state.checklist[0].mark is StepMark.OVERDUE and not state.local.running
        )
        room.world.after_write = at_once
        again = await console.act(Verb.ROLLBACK)
        await console.until(lambda state: state.checklist[2].mark is StepMark.DONE)
        assert state.checklist[0].detail.startswith("not read as rolled back within 0.3 s: "), told(state)
        assert again.line == "rollback goes on"
        assert room.world.writes.count("api 0 %") == 2


async def test_the_call_of_a_step_is_cut_off_at_the_steps_own_timeout(tmp_path: Path) -> None:
    plan = THREE.replace("write_deadline: 400ms", "write_deadline: 20s").replace(
        "set: {api: 0}}", "set: {api: 0}, timeout: 200ms}"
    )
    async with war_room(tmp_path, plan) as room:
        await exposed(room)
        console = await room.console()
        room.world.before_write = Latch("api")
        await console.act(Verb.ROLLBACK)
        state = await console.until(lambda state: state.checklist[0].mark is StepMark.IN_DOUBT)
        assert state.checklist[0].detail == "no answer within 0.2 s"


@pytest.mark.parametrize("key", ["", ", repeatable: true"])
async def test_a_step_is_sent_again_while_its_call_may_still_arrive_only_if_it_is_repeatable(
    tmp_path: Path, key: str
) -> None:
    plan = THREE.replace("set: {api: 0}}", f"set: {{api: 0}}{key}}}")
    async with war_room(tmp_path, plan) as room:
        await exposed(room)
        room.world.repeatable = False
        console = await room.console()
        room.world.before_write = Latch("api")
        await console.act(Verb.ROLLBACK)
        await console.until(lambda state: state.checklist[0].mark is StepMark.IN_DOUBT)
        room.world.before_write = at_once
        await console.act(Verb.ROLLBACK)
        if key:
            await console.until(lambda _state: "api 0 %" in room.world.writes)
            return
        state = await console.until(lambda state: state.local.held_back)
        assert "may still arrive" in state.local.held_back["api-back"]
        assert room.world.writes == ["web 0 %"]
        room.world.move("api", 0)  # what was in doubt arrives late
        await console.until(lambda state: state.checklist[0].mark in (StepMark.HOLDING, StepMark.DONE))
        await console.until(lambda state: state.checklist[2].mark is StepMark.DONE)
        assert room.world.writes == ["web 0 %", "page off"]


async def test_a_step_that_needs_no_call_holds_nobody_up(tmp_path: Path) -> None:
    plan = THREE.replace("set: {api: 0}}", "set: {api: 0}, needs: [page-off]}").replace(", needs: [api-back]", "")
    plan = plan.replace("web: 10, page: 10}", "web: 10}").replace("write_deadline: 400ms", "write_deadline: 20s")
    async with war_room(tmp_path, plan) as room:
        await exposed(room)
        console = await room.console()
        marked: list[StepMark] = []

        async def note(target: str) -> None:
            if target == "api":
                marked.append(console.state.checklist[2].mark)

        room.world.before_write = note
        await console.act(Verb.ROLLBACK)
        await console.until(lambda _state: marked)
        assert marked[0] is not StepMark.DONE  # it was off all the time, and will hold for as long as a call may take
