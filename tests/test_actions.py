"""Every verb but promote and rollback: what it sends, what it answers, what the journal says, what it refuses."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from adapters.contract import Phase, Rejected
from console.engine.answer import Result
from console.events.evidence import Verb
from console.logs.context import traceback_hint
from console.state.card import card_for
from console.state.intent import Intent
from console.state.values import Mode
from tests.engine_rig import MANUAL, ONE, TWO, Latch, war_room
from tests.scripted_adapter import at_once

# -- halt, resume ------------------------------------------------------------------------------------------------------


async def test_a_halt_drops_what_a_promote_in_flight_has_not_sent_yet(tmp_path: Path) -> None:
    async with war_room(tmp_path, TWO) as room:
        console = await room.console()
        room.world.before_write = latch = Latch("api")
        promote = asyncio.create_task(console.act(Verb.PROMOTE))
        await latch.reached.wait()
        halt = await console.act(Verb.HALT)
        room.world.before_write = at_once
        latch.open()
        answer = await promote
        assert (halt.result, console.state.mode) == (Result.ACCEPTED, Mode.HALTED)
        assert answer.result is Result.REFUSED
        assert "halted" in answer.line
        assert "page 10 %" not in room.world.writes


async def test_a_halt_in_another_console_drops_it_too_and_a_resume_does_not_bring_it_back(tmp_path: Path) -> None:
    async with war_room(tmp_path, TWO) as room:
        one, two = await room.console(), await room.console()
        room.world.after_write = latch = Latch("api")
        promote = asyncio.create_task(one.act(Verb.PROMOTE))
        await latch.reached.wait()
        await two.act(Verb.HALT)
        await two.act(Verb.RESUME)
        await one.until(lambda state: len(state.decisions) == 3)
        latch.open()
        answer = await promote
        assert answer.line == "promote stopped before page: halted"
        assert room.world.writes == ["api 10 %"]


async def test_a_halt_pauses_what_advances_by_itself_and_a_resume_lets_it_go(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE.replace("scripted", "embedded, advances: true, latency: 0")) as room:
        console = await room.console()
        await console.promoted(1)
        halt = await console.act(Verb.HALT)
        paused = await console.until(lambda state: _phase(state.targets["api"].reading) is Phase.PAUSED)
        resume = await console.act(Verb.RESUME)
        await console.until(lambda state: _phase(state.targets["api"].reading) is Phase.PROGRESSING)
        assert (halt.line, resume.line) == ("halted", "resumed")
        assert paused.mode is Mode.HALTED
        assert room.story()[-6:] == ["halt", "  pause", "  api accepted", "resume", "  resume", "  api accepted"]


def _phase(reading: object) -> object:
    return getattr(reading, "phase", None)


async def test_a_halt_calls_nothing_on_what_does_not_advance_by_itself(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        await console.promoted(1)
        await console.act(Verb.HALT)
        refused = await console.act(Verb.PROMOTE)
        assert room.world.writes == ["api 5 %"]
        assert refused.line == "promote refused: halted: resume first (u)"


async def test_a_halt_whose_pause_was_refused_can_be_tried_again(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        room.world.advances = {"api"}

        async def frozen(_target: str) -> None:
            raise Rejected("edge", "pause", "not now")

        room.world.before_write = frozen
        first = await console.act(Verb.HALT)
        room.world.before_write = at_once
        second = await console.act(Verb.HALT)
        third = await console.act(Verb.HALT)
        assert first.line == "halted; pausing api: refused: not now"
        assert (second.line, third.line) == ("halted", "nothing to halt: halted already")
        assert room.world.writes == ["pause api"]


async def test_a_pause_that_did_not_answer_is_told_by_a_reading(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        room.world.advances = {"api"}
        room.world.after_write = Latch("api")
        answer = await console.act(Verb.HALT)
        assert answer.line == "halted; pausing api: unknown: no answer within 0.4 s"
        state = await console.until(lambda state: not state.in_doubt)
        assert [request.took_effect for request in state.requests.values()] == [True]


# -- note, place, accept, confirm, close -------------------------------------------------------------------------------


async def test_a_note_is_written_and_an_empty_one_is_not(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        written, empty = await console.note("looks calm"), await console.note("  ")
        assert (written.result, empty.line) == (Result.ACCEPTED, "note refused: it is empty")
        assert room.kinds().count("noted") == 1


async def test_a_target_moved_by_somebody_else_blocks_until_it_is_accepted(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        await console.promoted(1)
        room.world.move("api", 30)
        state = await console.until(lambda state: state.targets["api"].drift)
        refused = await console.act(Verb.PROMOTE)
        accepted = await console.act(Verb.ACCEPT, subject="api")
        drift = state.targets["api"].drift
        assert drift is not None
        assert (str(drift.was), str(drift.now)) == ("5 %", "30 %")
        assert refused.line == "promote refused: api drifted 5 % -> 30 %: accept it (a) or undo it"
        assert accepted.result is Result.ACCEPTED
        await console.promoted(2)


async def test_a_drift_that_is_undone_blocks_no_longer(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        await console.promoted(1)
        room.world.move("api", 30)
        await console.until(lambda state: state.targets["api"].drift)
        room.world.move("api", 5)
        await console.until(lambda state: state.targets["api"].drift is None)
        await console.promoted(2)


@pytest.mark.parametrize(
    ("verb", "subject", "why"),
    [
        (Verb.PLACE, "99", "the stage is known"),
        (Verb.ACCEPT, "api", "nothing has changed outside"),
        (Verb.CONFIRM, "traffic", "no rollback step waits for you"),
        (Verb.RESUME, None, "not halted"),
    ],
)
async def test_a_verb_that_is_about_nothing_is_refused(
    tmp_path: Path, verb: Verb, subject: str | None, why: str
) -> None:
    async with war_room(tmp_path, MANUAL) as room:
        console = await room.console()
        answer = await console.act(verb, subject=subject)
        assert answer.line == f"{verb} refused: {why}"
        assert room.kinds() == ["rollout_opened"]


@pytest.mark.parametrize("subject", ["99", "-1", "five", "", "²"])
async def test_a_place_that_is_no_stage_is_refused_before_it_is_written(tmp_path: Path, subject: str) -> None:
    async with war_room(tmp_path, ONE) as room:
        room.world.move("api", 30)
        console = await room.console()
        answer = await console.act(Verb.PLACE, subject=subject)
        assert answer.result is Result.REFUSED
        assert room.kinds() == ["rollout_opened"]


async def test_an_automatic_step_is_not_confirmed_by_hand(tmp_path: Path) -> None:
    async with war_room(tmp_path, MANUAL) as room:
        console = await room.console()
        await console.promoted(1)
        room.world.before_write = Latch("api")
        await console.act(Verb.ROLLBACK)
        answer = await console.act(Verb.CONFIRM, subject="traffic", typed="traffic")
        assert answer.result is Result.REFUSED


async def test_a_rollout_is_closed_once_complete_and_the_plan_can_be_run_again(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        early = await console.act(Verb.CLOSE)
        for reached in (1, 2, 3):
            await console.promoted(reached)
        closed = await console.act(Verb.CLOSE)
        after = await console.act(Verb.PROMOTE)
        again = await room.console()
        assert early.result is Result.REFUSED
        assert closed.result is Result.ACCEPTED
        assert (console.state.mode, console.state.closed) == (Mode.CLOSED, "complete")
        assert after.line == "promote refused: the rollout is closed (complete)"
        assert again.state.rollout == "one/2"


async def test_an_intent_that_fails_inside_is_answered_and_shown_as_a_fault(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()

        def bug() -> None:
            raise RuntimeError("a bug of ours")

        room.monkeypatch.setattr(console.engine.actions, "_note", lambda _intent: bug())
        answer = await console.engine.act(Intent(None, text="x"))
        assert answer.result is Result.UNKNOWN
        assert console.state.local.fault == f"note: internal error: RuntimeError: a bug of ours; {traceback_hint()}"


async def test_only_the_drift_that_was_on_the_card_is_accepted(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        await console.promoted(1)
        room.world.move("api", 20)
        drifted = await console.until(lambda state: state.targets["api"].drift)
        seen = card_for(drifted, Verb.ACCEPT, "api")
        room.world.move("api", 50)
        await console.until(lambda state: str(state.targets["api"].reading) == "50 %")
        answer = await console.engine.act(Intent(Verb.ACCEPT, seen, subject="api"))
        assert answer.line == "accept refused: api moved again: you saw 20 %, it reads 50 %"


async def test_a_reason_of_invisible_characters_is_no_reason(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE.replace("bake: 0s", "bake: 1h")) as room:
        console = await room.console()
        await console.promoted(1)
        answer = await console.act(Verb.CLOSE, override=True, reason="\u200b\u202e")
        assert answer.line == "close refused: an override needs a reason"
