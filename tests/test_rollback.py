"""The rollback: it overtakes, checks before it acts, watches that it holds, goes on after a crash only when told."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.contract import Outcome, Rejected, Setting, TargetReading, Unreachable
from console.engine import rollback as rollback_module
from console.engine.answer import Result
from console.events.evidence import Card, Verb
from console.events.kinds import DecisionTaken, Event, RequestMade, RequestSettled, StepDone, TargetObserved
from console.journal.sqlite import SqliteJournal
from console.state.gates import why_not
from console.state.values import Mode, State, StepMark
from tests.engine_rig import ONE, TIMING, TWO, Latch, Room, war_room
from tests.scripted_adapter import at_once

STEPS = f"""\
warroom: 1
rollout: steps
{TIMING}
backends: {{edge: {{adapter: scripted}}, flags: {{adapter: scripted}}}}
targets:
  api: {{backend: edge, kind: deploy}}
  page: {{backend: flags, kind: flag}}
stages:
  - {{name: ten, set: {{api: 10, page: 10}}}}
rollback:
  - {{id: flag-off, set: {{page: off}}}}
  - {{id: traffic, set: {{api: 0}}, needs: [flag-off]}}
  - {{id: tell, manual: "say so in #incidents", needs: [traffic]}}
"""


def marks(state: State) -> list[str]:
    return [f"{entry.step.id} {entry.mark}" for entry in state.checklist]


async def exposed(room: Room) -> None:
    """Both targets read as set by the first stage."""
    console = await room.console()
    await console.promoted(1)
    await console.close()


async def test_a_rollback_takes_everything_back_in_reverse_to_the_opening_and_says_so(tmp_path: Path) -> None:
    async with war_room(tmp_path, TWO) as room:
        room.world.percent["page"] = 3
        console = await room.console()
        await console.promoted(1)
        answer = await console.act(Verb.ROLLBACK)
        state = await console.until(lambda state: state.mode is Mode.ROLLED_BACK)
        assert answer.line == "rollback begun"
        assert marks(state) == ["page-back done", "api-back done"]
        assert room.world.writes == ["api 10 %", "page 10 %", "page off", "api 0 %"]
        assert room.kinds()[-2:] == ["step_done", "step_done"]
        assert [why_not(state, verb) for verb in (Verb.PROMOTE, Verb.CLOSE)] == [
            "a rollback was begun: close the rollout (c)",
            None,
        ]


async def test_a_rollback_pressed_twice_sends_every_step_once(tmp_path: Path) -> None:
    async with war_room(tmp_path, TWO) as room:
        console = await room.console()
        await console.promoted(1)
        await asyncio.gather(console.act(Verb.ROLLBACK), console.act(Verb.ROLLBACK))
        late = await console.act(Verb.ROLLBACK)
        await console.until(lambda state: state.mode is Mode.ROLLED_BACK)
        assert late.line == "rollback refused: the rollback is under way"
        assert room.world.writes[2:] == ["page off", "api 0 %"]


async def test_a_rollback_that_is_through_stays_so_when_it_is_asked_for_again(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        await console.promoted(1)
        await console.act(Verb.ROLLBACK)
        await console.until(lambda state: state.mode is Mode.ROLLED_BACK)
        again = await console.act(Verb.ROLLBACK)
        assert again.line == "rollback refused: everything is rolled back: close the rollout (c)"
        assert console.state.mode is Mode.ROLLED_BACK


async def test_a_step_waits_for_the_steps_it_needs(tmp_path: Path) -> None:
    async with war_room(tmp_path, STEPS) as room:
        await exposed(room)
        console = await room.console()
        room.world.before_write = latch = Latch("page")
        await console.act(Verb.ROLLBACK)
        await latch.reached.wait()
        await console.until(lambda state: state.checklist[0].mark is StepMark.IN_DOUBT)
        assert room.world.writes == ["api 10 %", "page 10 %"]
        room.world.before_write = at_once
        await console.act(Verb.ROLLBACK)
        await console.until(lambda state: state.checklist[1].mark is StepMark.DONE)
        assert room.world.writes[2:] == ["page off", "api 0 %"]


async def test_a_refused_step_is_not_sent_again_until_told(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        await console.promoted(1)

        async def frozen(_target: str) -> None:
            raise Rejected("edge", "set_weight", "frozen")

        room.world.before_write = frozen
        await console.act(Verb.ROLLBACK)
        state = await console.until(
            lambda state: state.checklist[0].mark is StepMark.REFUSED and not state.local.running
        )
        room.world.before_write = at_once
        again = await console.act(Verb.ROLLBACK)
        await console.until(lambda state: state.mode is Mode.ROLLED_BACK)
        assert state.checklist[0].detail == "frozen"
        assert again.line == "rollback goes on"
        assert room.story()[-6:] == [
            "rollback",
            "  api -> 0 %",
            "  api refused: frozen",
            "rollback",
            "  api -> 0 %",
            "  api accepted",
        ]


async def test_going_on_tries_what_was_refused_again_and_leaves_alone_what_is_in_flight(tmp_path: Path) -> None:
    async with war_room(tmp_path, TWO.replace("write_deadline: 400ms", "write_deadline: 1s")) as room:
        console = await room.console()
        await console.promoted(1)
        latch = Latch("api")

        async def hook(target: str) -> None:
            await latch(target)
            if target == "page" and not latch.reached.is_set():
                raise Rejected("flags", "set_flag", "frozen")

        async def blind(_target: str) -> None:
            raise Unreachable("edge", "read_target", "connection refused")

        room.world.before_write = hook
        await console.act(Verb.ROLLBACK)
        await latch.reached.wait()
        room.world.before_read = blind
        again = await console.act(Verb.ROLLBACK)
        latch.open()
        await console.until(lambda _state: "page off" in room.world.writes)
        room.world.before_read = at_once
        await console.until(lambda state: state.mode is Mode.ROLLED_BACK)
        assert again.line == "rollback goes on"
        assert sorted(room.world.writes[2:]) == ["api 0 %", "page off"]


async def test_one_dead_backend_does_not_keep_the_others_from_being_rolled_back(tmp_path: Path) -> None:
    async with war_room(tmp_path, TWO) as room:
        console = await room.console()
        await console.promoted(1)
        room.world.before_write = Latch("page")
        await console.act(Verb.ROLLBACK)
        state = await console.until(lambda state: state.checklist[1].mark is StepMark.DONE)
        assert marks(state) == ["page-back in doubt", "api-back done"]


async def test_an_adapters_bug_in_one_step_does_not_keep_the_others_from_being_sent(tmp_path: Path) -> None:
    async with war_room(tmp_path, TWO) as room:
        console = await room.console()
        await console.promoted(1)

        async def bug(target: str) -> None:
            if target == "page":
                raise ZeroDivisionError

        room.world.before_write = bug
        room.world.calls_fail = True
        await console.act(Verb.ROLLBACK)
        state = await console.until(lambda state: state.checklist[1].mark is StepMark.DONE)
        assert marks(state) == ["page-back in doubt", "api-back done"]


async def test_a_backend_that_cannot_be_read_is_rolled_back_without_reading(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        await console.promoted(1)
        room.world.before_read = Latch("api")
        await console.act(Verb.ROLLBACK)
        await console.until(lambda _state: room.world.writes[-1] == "api 0 %")


async def test_a_target_that_moves_after_its_step_was_done_is_sent_again_once(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        await console.promoted(1)
        await console.act(Verb.ROLLBACK)
        await console.until(lambda state: state.mode is Mode.ROLLED_BACK)
        sends = len(room.world.writes)
        room.world.before_write = latch = Latch("api")
        room.world.move("api", 5)
        await latch.reached.wait()
        red = console.state
        room.world.before_write = at_once
        latch.open()
        await console.until(lambda state: state.mode is Mode.ROLLED_BACK)
        room.world.move("api", 7)
        state = await console.until(lambda state: state.checklist[0].mark is StepMark.RELAPSED)
        polled = len(room.world.reads)
        await console.until(lambda _state: len(room.world.reads) > polled + 8)
        assert red.mode is Mode.ROLLING_BACK
        assert state.checklist[0].detail == "moved again: reads 7 %"
        assert room.world.writes[sends:] == ["api 0 %"]


async def test_a_slow_answer_from_before_a_step_does_not_turn_it_red(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        await console.promoted(1)
        room.world.before_read = latch = Latch("api")
        await latch.reached.wait()  # the poller asked while the target stood at 5 %, and has no answer yet
        room.world.before_read = at_once
        await console.act(Verb.ROLLBACK)
        await console.until(lambda state: state.checklist[0].mark is StepMark.HOLDING or not state.local.running)
        look = len(room.world.reads)
        latch.open()
        await console.until(lambda _state: len(room.world.reads) > look + 1)
        state = await console.until(lambda state: state.mode is Mode.ROLLED_BACK)
        assert room.world.writes == ["api 5 %", "api 0 %"]
        assert state.checklist[0].sends == 1


async def test_a_manual_step_waits_for_its_person_and_then_it_is_rolled_back(tmp_path: Path) -> None:
    async with war_room(tmp_path, STEPS) as room:
        await exposed(room)
        console = await room.console()
        await console.act(Verb.ROLLBACK)
        state = await console.until(lambda state: state.checklist[1].mark is StepMark.DONE)
        assert (state.mode, state.checklist[2].mark) == (Mode.ROLLING_BACK, StepMark.WAITING)
        answer = await console.act(Verb.CONFIRM, subject="tell", typed="tell")
        assert answer.result is Result.ACCEPTED
        await console.until(lambda state: state.mode is Mode.ROLLED_BACK)


async def test_a_confirmed_step_is_looked_at_at_once_so_that_nobody_who_leaves_is_asked_to_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with war_room(tmp_path, STEPS) as room:
        await exposed(room)
        console = await room.console()
        await console.act(Verb.ROLLBACK)
        await console.until(lambda state: state.checklist[1].mark is StepMark.DONE and not state.local.running)
        monkeypatch.setattr(rollback_module, "PASS_S", 60.0)
        await asyncio.sleep(0.2)  # the runner begins a pause longer than the test's patience
        await console.act(Verb.CONFIRM, subject="tell")
        await console.until(lambda _state: console.engine.in_flight() is None)


async def test_a_rollback_goes_on_while_the_targets_teams_other_console_confirms(tmp_path: Path) -> None:
    async with war_room(tmp_path, STEPS) as room:
        await exposed(room)
        one, two = await room.console(), await room.console()
        await one.act(Verb.ROLLBACK)
        await two.until(lambda state: state.checklist[1].mark is StepMark.DONE)
        answer = await two.act(Verb.CONFIRM, subject="tell", typed="tell")
        assert answer.result is Result.ACCEPTED
        await one.until(lambda state: state.mode is Mode.ROLLED_BACK)


# -- after a crash -----------------------------------------------------------------------------------------------------


def crashed(room: Room, *events: Event) -> None:
    """What a console wrote before it was killed."""
    journal = SqliteJournal(room.journal)
    for event in events:
        journal.append("steps/1", event)
    journal.close()


def begun(at: datetime) -> DecisionTaken:
    card = Card(Verb.ROLLBACK, "ten", "rolled back", 1, at)
    return DecisionTaken(at=at, verb=Verb.ROLLBACK, stage=1, card=card)


def asked(decision: DecisionTaken, target: str, setting: Setting, step: str | None, at: datetime) -> RequestMade:
    return RequestMade(
        at=at,
        decision=decision.id,
        backend="edge",
        target=target,
        setting=setting,
        step=step,
        send_by=at + timedelta(seconds=5),
        deadline_s=0.4,
    )


async def test_after_a_crash_in_mid_rollback_nothing_is_sent_until_told_and_done_steps_are_not_repeated(
    tmp_path: Path,
) -> None:
    async with war_room(tmp_path, STEPS) as room:
        await exposed(room)
        at = datetime.now(UTC) - timedelta(seconds=1)
        decision = begun(at)
        flag = asked(decision, "page", Setting(None, on=False), "flag-off", at)
        traffic = asked(decision, "api", Setting(0), "traffic", at)
        room.world.on["page"] = False
        crashed(
            room,
            decision,
            flag,
            RequestSettled(at=at, request=flag.id, outcome=Outcome.ACCEPTED),
            TargetObserved(at=at, reading=TargetReading("page", at, 10.0, on=False)),
            StepDone(at=at, step="flag-off", how="reads off"),
            traffic,
        )
        sent = list(room.world.writes)

        console = await room.console()
        polled = len(room.world.reads)
        state = await console.until(lambda _state: len(room.world.reads) > polled + 6)
        assert (state.mode, state.local.running) == (Mode.ROLLING_BACK, False)
        assert marks(state) == ["flag-off done", "traffic requested", "tell pending"]
        assert [request.asks for request in state.in_flight] == ["api -> 0 %"]
        assert room.world.writes == sent

        answer = await console.act(Verb.ROLLBACK)
        await console.until(lambda state: state.checklist[1].mark is StepMark.HOLDING)
        assert answer.line == "rollback goes on"
        assert room.world.writes[len(sent) :] == ["api 0 %"]
