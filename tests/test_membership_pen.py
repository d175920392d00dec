"""Who is there, who holds the pen, and what two people do at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

from console.engine.answer import Result
from console.events.evidence import Actor, Verb
from console.state.values import StepMark
from tests.engine_rig import ONE, war_room

ANA = Actor(uid=1001, user="ana", host="bastion-1", pid=1)
BEN = Actor(uid=1002, user="ben", host="bastion-1", pid=2)


async def test_the_crew_is_who_is_there_with_role_and_last_seen(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        one = await room.console(who=ANA)
        two = await room.console(who=BEN, observing=True)
        await one.promoted(1)
        state = await two.until(
            lambda state: state.local.crew and {member.role for member in state.local.crew} >= {"captain"}
        )
        assert state.local.crew is not None
        assert [(member.who.user, member.role) for member in state.local.crew] == [
            ("ana", "captain"),
            ("ben", "observer"),
        ]
        assert all(state.as_of - member.seen_at < timedelta(seconds=5) for member in state.local.crew)  # type: ignore[operator]


async def test_an_observer_decides_nothing_but_may_go_safer(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console(observing=True)
        refused = await console.act(Verb.PROMOTE)
        assert (refused.result, refused.line) == (Result.REFUSED, "promote refused: this console only observes")
        assert (await console.act(Verb.HALT)).result is Result.ACCEPTED


async def test_the_pen_is_where_the_first_promote_took_it_and_others_are_told(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        one, two = await room.console(who=ANA), await room.console(who=BEN)
        await one.promoted(1)
        await two.until(lambda state: state.reached == 1)
        answer = await two.act(Verb.PROMOTE)
        assert answer.result is Result.REFUSED
        assert answer.line == "promote refused: the pen is with ana (here now): take it (t) or ask"
        assert room.world.writes == ["api 5 %"]


async def test_the_pen_is_taken_with_a_reason_and_not_without(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        one, two = await room.console(who=ANA), await room.console(who=BEN)
        await one.promoted(1)
        await two.until(lambda state: state.pen.holder)
        assert (await two.act(Verb.TAKE)).line == (
            "take refused: the pen is with ana (here now), who does not offer it: give a reason"
        )
        assert (await two.act(Verb.TAKE, reason="ana is in a meeting")).result is Result.ACCEPTED
        await two.promoted(2)
        await one.until(lambda state: state.pen.holder and state.pen.holder.user == "ben")


async def test_an_offer_is_accepted_without_a_reason(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        one, two = await room.console(who=ANA), await room.console(who=BEN)
        assert (await one.act(Verb.TAKE)).result is Result.ACCEPTED
        assert (await one.act(Verb.OFFER, subject="ben", reason="lunch")).result is Result.ACCEPTED
        await two.until(lambda state: state.pen.offered == "ben")
        assert (await two.act(Verb.TAKE)).result is Result.ACCEPTED
        await one.until(lambda state: state.pen.held_by(BEN))
        assert (await one.act(Verb.PROMOTE)).result is Result.REFUSED


async def test_a_captain_who_is_gone_lets_go_of_the_pen_by_himself(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE.replace("poll: 50ms", "poll: 50ms, gone: 1s")) as room:
        one, two = await room.console(who=ANA), await room.console(who=BEN)
        assert (await one.act(Verb.TAKE)).result is Result.ACCEPTED
        await two.until(lambda state: state.pen.holder)
        await one.die()
        state = await two.until(lambda state: state.pen.holder is None)
        assert [line.kind for line in state.log].count("pen") == 1
        await two.promoted(1)


async def test_two_people_who_take_the_free_pen_at_once_have_one_winner_and_one_told_why(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        one, two = await room.console(who=ANA), await room.console(who=BEN)
        wishes = [console.intent(Verb.TAKE) for console in (one, two)]
        answers = await asyncio.gather(one.engine.act(wishes[0]), two.engine.act(wishes[1]))
        assert sorted(answer.result for answer in answers) == [Result.ACCEPTED, Result.MOVED]
        loser = next(answer for answer in answers if answer.result is Result.MOVED)
        assert "took the pen" in loser.line and "refused: moved by " in loser.line


async def test_a_promote_and_a_halt_elsewhere_at_once_send_nothing_after_the_halt(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        one, two = await room.console(who=ANA), await room.console(who=BEN)
        wish = one.intent(Verb.PROMOTE)
        real = one.engine.store.append

        async def late(event: object) -> None:
            assert (await two.act(Verb.HALT, reason="pages")).result is Result.ACCEPTED
            await real(event)  # type: ignore[arg-type]

        room.monkeypatch.setattr(one.engine.store, "append", late)
        answer = await one.engine.act(wish)
        assert answer.result is Result.MOVED
        assert "refused: moved by ben@bastion-1 pid 2" in answer.line and "halt (pages)" in answer.line
        assert room.world.writes == []


async def test_two_consoles_that_roll_back_at_once_send_a_step_that_is_not_repeatable_once(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        room.world.repeatable = False
        one, two = await room.console(who=ANA), await room.console(who=BEN)
        await one.promoted(1)
        await two.until(lambda state: state.reached == 1)
        room.world.writes.clear()
        begun: set[int] = set()
        both = asyncio.Event()

        async def meet(_target: str) -> None:
            """Each looks before it sends, and neither has sent yet."""
            begun.add(len(begun))
            if len(begun) >= 2:
                both.set()
            await both.wait()
            await asyncio.sleep(0.1)

        async def slow(_target: str) -> None:
            await asyncio.sleep(0.3)

        room.world.before_read, room.world.before_write = meet, slow
        await asyncio.gather(one.act(Verb.ROLLBACK), two.act(Verb.ROLLBACK))
        for console in (one, two):
            await console.until(lambda state: all(entry.mark is StepMark.DONE for entry in state.checklist))
        assert room.world.writes == ["api 0 %"]


async def test_of_two_consoles_that_resume_at_once_one_calls_the_backend(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        room.world.advances.add("api")
        one, two = await room.console(who=ANA), await room.console(who=ANA)
        await one.act(Verb.HALT)
        await two.until(lambda state: state.halted)
        wishes = [console.intent(Verb.RESUME) for console in (one, two)]
        answers = await asyncio.gather(one.engine.act(wishes[0]), two.engine.act(wishes[1]))
        assert sorted(answer.result for answer in answers) in (
            [Result.ACCEPTED, Result.MOVED],
            [Result.ACCEPTED, Result.REFUSED],  # the second has seen the first's before it began
        )
        assert room.world.writes.count("resume api") == 1
