"""Promote: written down, sent, settled and confirmed by a reading; refused when somebody moved first."""

from __future__ import annotations

import asyncio
from itertools import chain, repeat
from pathlib import Path

from adapters.contract import Rejected
from console.engine.answer import Result
from console.engine.corrected_clock import CorrectedClock
from console.events.evidence import Verb
from console.events.kinds import DecisionTaken
from console.state.values import Mode, StageMark
from tests.engine_rig import MANUAL, ONE, TWO, Latch, war_room
from tests.scripted_adapter import at_once


async def refuse(target: str) -> None:
    if target == "page":
        raise Rejected("flags", "set_flag", "page is frozen")


async def test_a_promote_is_requested_settled_and_confirmed_by_a_reading(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        answer = await console.act(Verb.PROMOTE)
        state = await console.until(lambda state: state.reached == 1)
        assert answer.line == "promote to five accepted"
        assert (state.mode, state.stages[0].mark) == (Mode.WATCHING, StageMark.CONFIRMED)
        assert room.story() == ["promote", "  api -> 5 %", "  api accepted"]
        assert room.kinds()[-1] == "target_observed"


async def test_a_request_is_in_the_journal_before_its_bytes_leave(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        seen: list[list[str]] = []

        async def look(_target: str) -> None:
            seen.append(room.story())

        room.world.before_write = look
        await console.act(Verb.PROMOTE)
        assert seen == [["promote", "  api -> 5 %"]]


async def test_a_decision_keeps_the_card_its_operator_saw(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        intent = console.intent(Verb.PROMOTE, reason="looks good")
        await console.engine.act(intent)
        decision = next(event for event in room.events() if isinstance(event, DecisionTaken))
        assert decision.card == intent.card
        assert (decision.move, decision.stage, decision.reason) == (1, 0, "looks good")
        assert [call.text for call in decision.card.calls] == ["set api to 5 %"]


async def test_two_promotes_typed_at_once_skip_no_stage(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        intent = console.intent(Verb.PROMOTE)
        answers = await asyncio.gather(console.engine.act(intent), console.engine.act(intent))
        await console.until(lambda state: state.reached == 1)
        assert sorted(answer.result for answer in answers) == [Result.ACCEPTED, Result.MOVED]
        assert room.world.writes == ["api 5 %"]


async def test_two_consoles_that_promote_at_once_have_one_winner(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        one, two = await room.console(), await room.console()
        intents = [console.intent(Verb.PROMOTE) for console in (one, two)]
        answers = await asyncio.gather(one.engine.act(intents[0]), two.engine.act(intents[1]))
        await two.until(lambda state: state.reached == 1)
        loser = next(answer for answer in answers if answer.result is Result.MOVED)
        assert "moved by" in loser.line
        assert sum(answer.result is Result.ACCEPTED for answer in answers) == 1
        assert room.world.writes == ["api 5 %"]


async def test_a_promote_made_on_an_older_state_is_refused_with_the_difference(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        old = console.intent(Verb.PROMOTE)
        await console.promoted(1)
        answer = await console.engine.act(old)
        assert answer.result is Result.MOVED
        assert "you saw 0 stages reached, now 1 of 3 reached" in answer.line
        assert room.world.writes == ["api 5 %"]


async def test_a_promote_waits_until_the_last_one_reads_as_set(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        room.world.before_write = latch = Latch("api")
        first = asyncio.create_task(console.act(Verb.PROMOTE))
        await latch.reached.wait()
        second = await console.act(Verb.PROMOTE)
        latch.open()
        assert second.result is Result.REFUSED
        assert "api -> 5 % is still in flight" in second.line
        assert (await first).result is Result.ACCEPTED


async def test_the_second_of_two_targets_refuses_the_stage_is_partial_and_can_be_finished(tmp_path: Path) -> None:
    async with war_room(tmp_path, TWO) as room:
        console = await room.console()
        room.world.before_write = refuse
        answer = await console.act(Verb.PROMOTE)
        state = await console.until(lambda state: state.mode is Mode.PARTIAL)
        assert (answer.result, answer.line) == (Result.REFUSED, "promote: page -> 10 % refused: page is frozen")
        assert state.stages[0].trouble == "page refused: page is frozen, reads off"
        assert console.intent(Verb.ROLLBACK).card is not None

        room.world.before_write = at_once
        finish = console.intent(Verb.PROMOTE)
        assert finish.card is not None
        assert finish.card.skipped == ("api already reads 10 %",)
        await console.engine.act(finish)
        await console.until(lambda state: state.reached == 1)
        assert room.story() == [
            "promote",
            "  api -> 10 %",
            "  api accepted",
            "  page -> 10 %",
            "  page refused: page is frozen",
            "promote",
            "  page -> 10 %",
            "  page accepted",
        ]


async def test_the_first_refused_target_stops_the_rest(tmp_path: Path) -> None:
    async with war_room(tmp_path, TWO) as room:
        console = await room.console()

        async def hold(target: str) -> None:
            raise Rejected("edge", "set_weight", f"{target} is frozen")

        room.world.before_write = hold
        await console.act(Verb.PROMOTE)
        await console.until(lambda state: state.stages[0].mark is StageMark.FAILED)
        assert room.story() == ["promote", "  api -> 10 %", "  api refused: api is frozen"]


async def test_a_call_that_does_not_return_is_unknown_and_a_read_tells(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        room.world.after_write = Latch("api")
        answer = await console.act(Verb.PROMOTE)
        state = await console.until(lambda state: state.reached == 1)
        assert answer.result is Result.UNKNOWN
        assert answer.line == "promote: api -> 5 % unknown: no answer within 0.4 s; reading edge to find out"
        await console.until(lambda state: not state.in_doubt)
        assert room.world.writes == ["api 5 %"]
        assert state.decisions[0].outcome == "confirmed"


async def test_an_adapters_bug_in_a_write_is_unknown_and_said(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()

        async def bug(_target: str) -> None:
            raise KeyError("weight")

        room.world.before_write = bug
        answer = await console.act(Verb.PROMOTE)
        assert answer.result is Result.UNKNOWN
        assert "internal error: KeyError: 'weight'" in answer.line


async def test_what_waited_longer_than_send_by_is_not_sent(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()

        class Asleep:
            """A machine that slept for a minute while the call was about to leave."""

            async def __call__(self, _target: str) -> None:
                woken = console.clock.monotonic() + 60.0
                room.monkeypatch.setattr(console.clock, "monotonic", lambda: woken, raising=False)

        room.world.before_write = Asleep()
        answer = await console.act(Verb.PROMOTE)
        assert answer.result is Result.REFUSED
        assert "not sent: more than 5 s had passed since it was decided" in answer.line
        assert room.world.writes == []


async def test_what_was_too_late_before_the_adapter_was_asked_does_not_reach_it(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        room.world.looks_at_permit = False
        times = chain([0.0], repeat(60.0))
        room.monkeypatch.setattr(CorrectedClock, "monotonic", lambda _clock: next(times))
        answer = await console.act(Verb.PROMOTE)
        assert "not sent: more than 5 s had passed since it was decided" in answer.line
        assert room.world.writes == []


async def test_a_manual_stage_is_confirmed_by_its_typed_word_and_calls_nothing(tmp_path: Path) -> None:
    async with war_room(tmp_path, MANUAL) as room:
        console = await room.console()
        await console.promoted(1)
        untyped = await console.act(Verb.PROMOTE, typed="yes")
        typed = await console.act(Verb.PROMOTE, typed="migrate")
        assert (untyped.result, typed.result) == (Result.REFUSED, Result.ACCEPTED)
        assert "by typing 'migrate'" in untyped.line
        assert console.state.reached == 2
        assert room.world.writes == ["api 5 %"]


async def test_an_override_needs_a_reason_and_is_recorded_with_what_it_overrode(tmp_path: Path) -> None:
    baking = ONE.replace("{name: five, set: {api: 5}}", "{name: five, set: {api: 5}, bake: 10m}")
    async with war_room(tmp_path, baking) as room:
        console = await room.console()
        await console.promoted(1)
        closed = await console.act(Verb.PROMOTE)
        silent = await console.act(Verb.PROMOTE, override=True)
        forced = await console.act(Verb.PROMOTE, override=True, reason="the incident is elsewhere")
        assert [answer.result for answer in (closed, silent, forced)] == ["refused", "refused", "accepted"]
        assert "override with a reason" in closed.line
        assert "needs a reason" in silent.line
        last = [event for event in room.events() if isinstance(event, DecisionTaken)][-1]
        assert last.reason == "the incident is elsewhere"
        assert (last.override or "").startswith("baked 0:0")
