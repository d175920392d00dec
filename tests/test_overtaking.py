"""A rollback and a promote in flight: what has not left never leaves, what has is cut off, and nothing waits for it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from console.engine.answer import Result
from console.engine.inflight import ForwardMoves
from console.events.evidence import Verb
from console.state.values import Mode
from tests.engine_rig import ONE, TWO, Latch, war_room
from tests.scripted_adapter import at_once


async def test_a_rollback_overtakes_a_promote_in_flight(tmp_path: Path) -> None:
    async with war_room(tmp_path, TWO.replace("write_deadline: 400ms", "write_deadline: 700ms")) as room:
        console = await room.console()
        room.world.before_write = latch = Latch("api")
        promote = asyncio.create_task(console.act(Verb.PROMOTE))
        await latch.reached.wait()
        room.world.before_write = at_once
        rollback = await console.act(Verb.ROLLBACK)
        assert console.state.in_flight == ()
        answer = await promote
        await console.until(lambda state: state.mode is Mode.ROLLED_BACK)
        assert rollback.result is Result.ACCEPTED
        assert (answer.result, answer.line) == (
            Result.UNKNOWN,
            "promote was cut off; a read will tell what it did",
        )
        assert room.story() == [
            "promote",
            "  api -> 10 %",
            "rollback",
            "  api unknown: overtaken by a rollback",
            "  api -> 0 %",
            "  api accepted",
        ]
        assert room.world.writes == ["api 0 %"]


async def test_a_reading_older_than_an_accepted_promote_does_not_excuse_its_rollback(tmp_path: Path) -> None:
    """A backend whose reads lag still reads as before the promote when the rollback begins."""
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        late = Latch("api")
        room.world.before_read = late
        await late.reached.wait()
        promote = await console.act(Verb.PROMOTE)
        assert (promote.result, str(console.state.targets["api"].reading)) == (Result.ACCEPTED, "0 %")
        await console.act(Verb.ROLLBACK)
        await console.until(lambda _state: len(room.world.writes) == 2)
        room.world.before_read = at_once
        late.open()
        await console.until(lambda state: state.mode is Mode.ROLLED_BACK)
        assert room.world.writes == ["api 5 %", "api 0 %"]


async def test_a_rollback_in_another_console_cuts_off_a_promote_in_flight(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE.replace("write_deadline: 400ms", "write_deadline: 5s")) as room:
        one, two = await room.console(), await room.console()
        room.world.before_write = latch = Latch("api")
        promote = asyncio.create_task(one.act(Verb.PROMOTE))
        await latch.reached.wait()
        await two.act(Verb.ROLLBACK)
        answer = await promote
        assert answer.result is Result.UNKNOWN
        assert "  api unknown: overtaken by a rollback" in room.story()


async def test_a_call_is_cut_off_once_so_that_it_can_be_settled(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        state = (await room.console()).state
        forwards, settle, ended = ForwardMoves(), asyncio.Event(), []

        async def promote() -> None:
            forwards.begin("d1")
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                await settle.wait()
                ended.append("settled")

        task = asyncio.create_task(promote())
        await asyncio.sleep(0)
        forwards.fence(Verb.ROLLBACK)
        cuts = [asyncio.create_task(forwards.cancel_overtaken(state)) for _ in range(2)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        settle.set()
        await asyncio.gather(task, *cuts)
        assert ended == ["settled"]


async def test_a_backend_that_does_not_let_go_of_a_cut_off_call_does_not_hold_up_the_rollback(tmp_path: Path) -> None:
    async with war_room(tmp_path, TWO) as room:
        console = await room.console()
        let_go = asyncio.Event()

        async def deaf(target: str) -> None:
            while target == "api" and not let_go.is_set():
                try:
                    await let_go.wait()
                except asyncio.CancelledError:
                    continue

        room.world.percent["page"], room.world.on["page"] = 10, True
        await console.until(lambda state: state.targets["page"].drift)
        await console.act(Verb.ACCEPT, subject="page")
        room.world.before_write = deaf
        promote = asyncio.create_task(console.act(Verb.PROMOTE))
        await console.until(lambda state: state.in_flight)
        answer = await console.act(Verb.ROLLBACK)
        await console.until(lambda _state: "page off" in room.world.writes)
        let_go.set()
        assert answer.result is Result.ACCEPTED
        await promote
