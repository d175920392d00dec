"""The engine as a whole: consoles that follow each other, what a killed one leaves, and how one ends."""

from __future__ import annotations

import asyncio
import sys
import time
from asyncio.subprocess import DEVNULL
from datetime import UTC, datetime, timedelta
from pathlib import Path

from adapters.contract import Outcome, Setting
from console.engine.answer import Result
from console.engine.clock import FastClock, SystemClock
from console.events.evidence import Card, Verb
from console.events.kinds import DecisionTaken, RequestMade, RequestReconciled, RequestSettled
from console.journal.sqlite import SqliteJournal
from console.state.gates import gates_for
from console.state.values import Mode, State
from tests.engine_rig import ONE, PATIENCE_S, TIMING, TWO, Latch, Room, war_room
from tests.scripted_adapter import at_once

HANGING = f"""\
warroom: 1
rollout: hanging
{TIMING.replace("400ms", "30s")}
backends: {{edge: {{adapter: embedded, hang: [api]}}}}
targets: {{api: {{backend: edge, kind: deploy}}}}
stages: [{{name: five, set: {{api: 5}}}}]
"""

BAKING = ONE.replace("{name: five, set: {api: 5}}", "{name: five, set: {api: 5}, bake: 10m}")


def left_behind(room: Room, *, ago_s: float) -> RequestMade:
    """A promote that a console sent and never settled, so many seconds ago."""
    at = datetime.now(UTC) - timedelta(seconds=ago_s)
    card = Card(Verb.PROMOTE, "start", "five", 0, at)
    decision = DecisionTaken(at=at, verb=Verb.PROMOTE, stage=0, move=1, card=card)
    request = RequestMade(
        at=at,
        decision=decision.id,
        backend="edge",
        target="api",
        setting=Setting(5),
        send_by=at + timedelta(seconds=5),
        deadline_s=0.4,
    )
    journal = SqliteJournal(room.journal)
    for event in (decision, request):
        journal.append("one/1", event)
    journal.close()
    return request


class MinuteAgo(SystemClock):
    """The machine's time, a minute ago."""

    def now(self) -> datetime:
        return super().now() - timedelta(minutes=1)

    def monotonic(self) -> float:
        return super().monotonic() - 60.0


async def visited(room: Room) -> None:
    """A console opened the rollout a minute ago and was left again."""
    console = await room.console(clock=MinuteAgo())
    await console.close()


# -- several consoles --------------------------------------------------------------------------------------------------


async def test_a_console_follows_what_another_decides(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        one, two = await room.console(), await room.console()
        await one.promoted(1)
        await one.note("looks calm")
        await one.act(Verb.HALT, reason="lunch")
        state = await two.until(lambda state: state.mode is Mode.HALTED)
        assert [(entry.verb, entry.reason) for entry in state.decisions] == [(Verb.PROMOTE, ""), (Verb.HALT, "lunch")]
        assert state.log[-1].text == "looks calm"
        await two.act(Verb.RESUME)
        await one.until(lambda state: state.mode is Mode.WATCHING)


async def test_an_unjournaled_seq_never_hides_what_another_console_wrote(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        one, two = await room.console(), await room.console()
        await asyncio.gather(*(console.note(f"{n}") for n in range(10) for console in (one, two)))
        for console in (one, two):
            state = await console.until(lambda state: len(state.log) == 21)
            assert sorted(line.text for line in state.log[1:]) == sorted(str(n) for n in range(10) for _ in (1, 2))


# -- what a killed console leaves --------------------------------------------------------------------------------------


async def test_a_request_in_doubt_is_not_settled_before_its_last_moment(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        await visited(room)
        left_behind(room, ago_s=1)
        console = await room.console()
        polled = len(room.world.reads)
        state = await console.until(lambda _state: len(room.world.reads) > polled + 5)
        refused = await console.act(Verb.PROMOTE)
        assert [request.outcome for request in state.requests.values()] == [None]
        assert refused.line == "promote refused: api -> 5 % is still in flight"
        assert room.kinds()[-1] == "request_made"


async def test_what_a_killed_console_sent_is_settled_as_unknown_and_told_by_reading(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        await visited(room)
        made = left_behind(room, ago_s=30)
        console = await room.console()
        await console.until(lambda state: not state.in_flight and not state.in_doubt)
        settled = next(event for event in room.events() if isinstance(event, RequestSettled))
        told = next(event for event in room.events() if isinstance(event, RequestReconciled))
        assert (settled.request, settled.outcome) == (made.id, Outcome.UNKNOWN)
        assert settled.reason == "console gone before an answer came"
        assert (told.took_effect, told.reads.split(",")[0]) == (False, "api reads 0 %")
        assert room.world.writes == []


async def test_what_a_killed_console_did_is_confirmed_by_reading(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        await visited(room)
        left_behind(room, ago_s=30)
        room.world.move("api", 5)
        console = await room.console()
        state = await console.until(lambda state: state.reached == 1 and not state.in_doubt)
        assert [request.took_effect for request in state.requests.values()] == [True]
        assert room.world.writes == []


async def test_a_real_kill_in_mid_promote_is_settled_after_its_last_moment_and_never_sent_again(tmp_path: Path) -> None:
    async with war_room(tmp_path, HANGING) as room:
        main = "import sys; from console.cli import main; sys.exit(main())"
        victim = await asyncio.create_subprocess_exec(
            sys.executable, "-c", main, "promote", str(room.file), "--journal", str(room.journal), stderr=DEVNULL
        )
        deadline = time.monotonic() + PATIENCE_S
        while "request_made" not in kinds_so_far(room.journal):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        victim.kill()
        await victim.wait()

        clock = FastClock(1)
        console = await room.console(clock=clock)
        assert [request.asks for request in console.state.in_flight] == ["api -> 5 %"]
        clock.speed = 60.0
        state = await console.until(lambda state: not state.in_flight and not state.in_doubt)
        made = next(event for event in room.events() if isinstance(event, RequestMade))
        settled = next(event for event in room.events() if isinstance(event, RequestSettled))
        assert settled.at >= made.send_by + timedelta(seconds=made.deadline_s)
        assert state.mode is Mode.PARTIAL
        assert room.story() == ["promote", "  api -> 5 %", "  api unknown: console gone before an answer came"]
        assert str(state.targets["api"].reading) == "0 %"


def kinds_so_far(path: Path) -> list[str]:
    """The kinds of all events, in a journal that may not be there yet."""
    journal = SqliteJournal(path)
    found: list[str] = [entry.event.kind for run in journal.runs() for entry in journal.tail(run.rollout, 0)]
    journal.close()
    return found


# -- the end of a console ----------------------------------------------------------------------------------------------


async def test_closing_with_a_call_in_flight_settles_it_as_unknown(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        room.world.before_write = latch = Latch("api")
        promote = asyncio.create_task(console.act(Verb.PROMOTE))
        await latch.reached.wait()
        assert console.engine.in_flight() == "api -> 5 %"
        await console.close()
        assert (await promote).result is Result.UNKNOWN
        assert room.story() == ["promote", "  api -> 5 %", "  api unknown: cut off by the end of the console"]


async def test_closing_twice_with_nothing_in_flight_writes_nothing(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        before = room.kinds()
        await console.engine.close()
        console.journal.close()
        console.closed = True
        assert room.kinds() == before


# -- the bake clock ----------------------------------------------------------------------------------------------------


def baked(state: State) -> float:
    return state.baked_s


class NextMorning(SystemClock):
    """The machine's time, eight hours on."""

    def now(self) -> datetime:
        return super().now() + timedelta(hours=8)


async def test_the_bake_clock_survives_a_restart_and_does_not_count_the_night_between(tmp_path: Path) -> None:
    async with war_room(tmp_path, BAKING) as room:
        console = await room.console()
        await console.promoted(1)
        was = baked(await console.until(lambda state: baked(state) > 0.3))
        await console.close()
        again = await room.console(clock=NextMorning())
        assert again.state.mode is Mode.BAKING
        assert was - 0.3 <= baked(again.state) < was + 60


async def test_the_bake_clock_stands_while_halted_and_while_data_is_stale(tmp_path: Path) -> None:
    async with war_room(tmp_path, BAKING.replace("read_deadline: 2s", "read_deadline: 200ms")) as room:
        console = await room.console()
        await console.promoted(1)
        await console.until(lambda state: baked(state) > 0.1)
        await console.act(Verb.HALT)
        halted = baked(console.state)
        polled = len(room.world.reads)
        assert baked(await console.until(lambda _state: len(room.world.reads) > polled + 4)) == halted
        await console.act(Verb.RESUME)
        await console.until(lambda state: baked(state) > halted)
        room.world.before_read = Latch("api")
        state = await console.until(lambda state: any("STALE" in gate.why for gate in gates_for(state, Verb.PROMOTE)))
        stale = baked(state)
        later = await console.until(lambda late: late.as_of and state.as_of and late.as_of > state.as_of + _MOMENT)
        assert baked(later) == stale
        room.world.before_read = at_once


_MOMENT = timedelta(milliseconds=100)


async def test_a_flag_that_hangs_after_the_deploy_was_set_leaves_a_partial_stage(tmp_path: Path) -> None:
    async with war_room(tmp_path, TWO) as room:
        console = await room.console()
        room.world.before_write = Latch("page")
        answer = await console.act(Verb.PROMOTE)
        state = await console.until(lambda state: state.mode is Mode.PARTIAL)
        assert answer.result is Result.UNKNOWN
        assert [request.asks for request in state.in_doubt] == ["page -> 10 %"]
        refused = await console.act(Verb.PROMOTE)
        assert refused.line.startswith("promote refused: in doubt: page -> 10 %: no answer within 0.4 s")
