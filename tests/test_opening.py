"""Opening a rollout: what "before" is, where it stands, who opens it when two try, and what a crash leaves."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from adapters.contract import Unreachable
from console.engine.answer import Result
from console.events.evidence import Verb
from console.events.kinds import RolloutOpened
from console.state.values import Mode
from tests.engine_rig import MANUAL, ONE, TWO, Room, war_room
from tests.scripted_adapter import at_once


def opening(room: Room) -> RolloutOpened:
    found = [event for event in room.events() if isinstance(event, RolloutOpened)]
    assert len(found) == 1
    return found[0]


async def test_opening_sends_nothing_and_keeps_what_every_target_read(tmp_path: Path) -> None:
    async with war_room(tmp_path, TWO) as room:
        room.world.percent["page"] = 3
        console = await room.console()
        event = opening(room)
        assert {reading.target: str(reading) for reading in event.readings} == {"api": "0 %", "page": "off"}
        assert (event.reached, event.plan_digest) == (0, console.engine.plan.digest)
        assert room.world.writes == []
        assert console.state.mode is Mode.READY


async def test_opened_at_a_quarter_before_is_a_quarter_and_rolling_back_goes_there(tmp_path: Path) -> None:
    quarter = ONE.replace("{name: half, set: {api: 50}}", "{name: quarter, set: {api: 25}}")
    async with war_room(tmp_path, quarter) as room:
        room.world.move("api", 25)
        console = await room.console()
        assert console.state.reached == 2
        await console.act(Verb.PLACE, before=("api=25",))
        await console.promoted(3)
        await console.act(Verb.ROLLBACK)
        await console.until(lambda state: state.mode is Mode.ROLLED_BACK)
        assert room.world.writes == ["api 100 %", "api 25 %"]


async def test_an_opening_that_fits_no_stage_is_placed_by_the_operator(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        room.world.move("api", 25)
        console = await room.console()
        assert (console.state.mode, console.state.candidates) == (Mode.UNPLACED, ())
        refused = await console.act(Verb.PROMOTE)
        placed = await console.act(Verb.PLACE, subject="1", before=("api=0",), reason="seen in the deploy log")
        unsaid = "api read 25 % at the opening: say what it was before (s, or warroom place PLAN --before api=N)"
        assert refused.line == f"promote refused: {unsaid}"
        assert placed.result is Result.ACCEPTED
        assert console.state.reached == 1
        await console.promoted(2)


async def test_a_manual_stage_cannot_be_seen_so_both_fit(tmp_path: Path) -> None:
    async with war_room(tmp_path, MANUAL) as room:
        room.world.move("api", 5)
        console = await room.console()
        assert (console.state.reached, console.state.candidates) == (None, (1, 2))
        await console.act(Verb.PLACE, subject="2")
        assert console.state.reached == 2
        next_one = await room.console()
        assert next_one.state.reached == 2


async def test_a_target_that_cannot_be_read_leaves_the_opening_unplaced_and_says_why(tmp_path: Path) -> None:
    async with war_room(tmp_path, TWO) as room:

        async def half(target: str) -> None:
            if target == "page":
                raise Unreachable("flags", "read_target", "connection refused")

        room.world.before_read = half
        console = await room.console()
        assert opening(room).unread == {"page": "flags: connection refused"}
        assert console.state.mode is Mode.UNPLACED
        assert [entry.step.id for entry in console.state.checklist if entry.step.manual is not None] == ["page-back"]

        room.world.before_read = at_once
        state = await console.until(lambda state: state.targets["page"].opening)
        assert all(entry.step.manual is None for entry in state.checklist)


async def test_a_target_that_hangs_delays_the_opening_by_its_deadline_only(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE.replace("read_deadline: 2s", "read_deadline: 100ms")) as room:

        async def never(_target: str) -> None:
            await asyncio.Event().wait()

        room.world.before_read = never
        await room.console()
        assert opening(room).unread == {"api": "edge: no answer within 0.1 s"}


@pytest.mark.parametrize("attempt", range(3))
async def test_two_consoles_that_open_at_once_share_one_rollout(tmp_path: Path, attempt: int) -> None:
    async with war_room(tmp_path, ONE) as room:
        one, two = await asyncio.gather(room.console(), room.console())
        assert one.state.rollout == two.state.rollout == "one/1"
        assert room.kinds() == ["rollout_opened"]
        await one.promoted(1)
        await two.until(lambda state: state.reached == 1)


async def test_a_second_console_joins_where_the_first_stands(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        one = await room.console()
        await one.promoted(1)
        await one.note("looks calm")
        two = await room.console()
        assert (two.state.reached, two.state.mode) == (1, Mode.WATCHING)
        assert [line.text for line in two.state.log] == [line.text for line in one.state.log]
        assert two.state.targets["api"].opening == one.state.targets["api"].opening


async def test_a_console_opened_again_shows_what_moved_while_nobody_looked(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        await console.promoted(1)
        await console.close()
        room.world.move("api", 40)
        again = await room.console()
        drift = again.state.targets["api"].drift
        assert drift is not None
        assert (str(drift.was), str(drift.now)) == ("5 %", "40 %")
        assert room.world.writes == ["api 5 %"]


async def test_a_halt_outlives_the_console_that_made_it(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        await console.act(Verb.HALT)
        await console.close()
        again = await room.console()
        assert again.state.mode is Mode.HALTED
