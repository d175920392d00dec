"""An opening at more than nothing asks what was before; a late first reading places the rollout by itself."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from adapters import registry
from adapters.contract import Setting, Unreachable
from console.engine.answer import Result
from console.events.evidence import Verb
from console.events.kinds import DecisionTaken, RolloutOpened
from console.screens.ask import befores
from console.state.before import parse_before
from console.state.card import card_for
from console.state.values import Mode, StepMark
from tests import scripted_adapter
from tests.cli_rig import Shell, shell
from tests.engine_rig import ONE, TWO, Room, war_room
from tests.rollout_rig import EDGE, FLAG, Story, empty_card, reads
from tests.scripted_adapter import World, at_once
from tests.states import PLAN
from widgets.advice import advice_for

ASKED = "api read 5 % at the opening: say what it was before (s, or warroom place PLAN --before api=N)"
OWN_STEPS = f"{ONE}rollback: [{{id: down, set: {{api: 0}}}}]\n"


async def test_forward_waits_until_a_person_says_what_was_before(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        room.world.move("api", 5)
        console = await room.console()
        assert (console.state.reached, console.state.targets["api"].asks_before) == (1, True)
        assert (await console.act(Verb.PROMOTE)).line == f"promote refused: {ASKED}"
        assert (await console.act(Verb.PLACE, before=("api=0",))).result is Result.ACCEPTED
        await console.promoted(2)
        await console.act(Verb.ROLLBACK)
        await console.until(lambda state: state.mode is Mode.ROLLED_BACK)
        assert room.world.writes == ["api 50 %", "api 0 %"]


async def test_a_target_that_reads_nothing_asks_nothing(tmp_path: Path) -> None:
    async with war_room(tmp_path, TWO) as room:
        room.world.percent["page"] = 30  # switched off
        console = await room.console()
        assert not any(entry.asks_before for entry in console.state.targets.values())
        await console.promoted(1)


async def test_a_derived_step_waits_for_what_was_before_and_then_goes_there(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        room.world.move("api", 5)
        console = await room.console()
        await console.act(Verb.ROLLBACK)
        state = await console.until(lambda state: not state.local.running)
        assert state.checklist[0].mark is StepMark.WAITING
        assert "say what it was before" in (state.checklist[0].step.manual or "")
        await console.act(Verb.PLACE, before=("api=0",))
        await console.until(lambda state: state.mode is Mode.ROLLED_BACK)
        assert room.world.writes == ["api 0 %"]


async def test_the_decision_holds_what_was_said_and_a_second_console_knows_it(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        room.world.move("api", 5)
        console = await room.console()
        await console.act(Verb.PLACE, before=("api=3",), reason="the deploy log")
        decided = [event for event in room.events() if isinstance(event, DecisionTaken)]
        assert [event.before for event in decided] == [{"api": Setting(3)}]
        two = await room.console()
        assert str(two.state.targets["api"].opening) == "3 %"
        assert two.state.checklist[0].step.sets == {"api": Setting(3)}


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("api", "--before api: write TARGET=N in percent, or TARGET=on, TARGET=off for a flag"),
        ("api=-1", "--before api=-1: write TARGET=N in percent, or TARGET=on, TARGET=off for a flag"),
        ("api=101", "--before api=101: at most 100"),
        ("api=off", "--before api=off: it is no flag: give a percentage"),
        ("web=1", "--before web: the plan has no such target: api, page"),
        ("page=1", "--before page: it is known: off"),
    ],
)
async def test_a_before_that_cannot_be_meant_is_refused(tmp_path: Path, said: str, wrong: str) -> None:
    async with war_room(tmp_path, TWO) as room:
        room.world.move("api", 5)
        console = await room.console()
        answer = await console.act(Verb.PLACE, subject="0", before=(said,))
        assert answer.line == f"place refused: {wrong}"


async def test_a_flag_takes_on_off_and_percent(tmp_path: Path) -> None:
    async with war_room(tmp_path, TWO) as room:
        room.world.percent["page"], room.world.on["page"] = 10, True
        console = await room.console()
        said = [parse_before(console.state, [f"page={word}"]) for word in ("on", "off", "30", "0")]
        off = {"page": Setting(None, on=False)}
        assert said == [{"page": Setting(None, on=True)}, off, {"page": Setting(30, on=True)}, off]
        await console.act(Verb.PLACE, subject="0", before=("page=off",))
        assert str(console.state.targets["page"].opening) == "off"


async def test_what_is_known_is_not_said_twice(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        room.world.move("api", 5)
        console = await room.console()
        await console.act(Verb.PLACE, before=("api=0",))
        again = await console.act(Verb.PLACE, before=("api=100",))
        assert again.line == "place refused: the stage is known"
        assert str(console.state.targets["api"].opening) == "0 %"


async def test_the_screen_says_it_and_offers_the_likely_answers(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        room.world.move("api", 5)
        console = await room.console()
        state = console.state
        assert advice_for(state)[1] == "BEFORE UNKNOWN: api read 5 % at the opening; s says what it was"
        assert [answer for answer, _ in befores(state, "api")] == ["api=0", "api=5"]
        assert not [gate for gate in card_for(state, Verb.PLACE, "api=0").gates if not gate.ok]


def test_a_recording_of_an_older_version_goes_on_taking_the_reading_for_before() -> None:
    story = Story(replace(PLAN, rollback=None)).open(edge=25, flag=0, reached=1)
    assert not story.state.targets[EDGE].asks_before
    assert story.state.checklist[-1].step.sets == {EDGE: Setting(25)}


async def late(room: Room) -> None:
    """The flag cannot be read at the opening."""

    async def gone(target: str) -> None:
        if target == "page":
            raise Unreachable("flags", "read_target", "connection refused")

    room.world.before_read = gone


async def test_a_rollout_whose_first_read_was_late_is_placed_once_all_is_read(tmp_path: Path) -> None:
    async with war_room(tmp_path, TWO) as room:
        await late(room)
        console = await room.console()
        assert console.state.mode is Mode.UNPLACED
        room.world.before_read = at_once
        state = await console.until(lambda state: state.targets["page"].opening)
        assert (state.reached, state.mode) == (0, Mode.READY)
        await console.until(lambda state: state.sources["flags"].failed_since is None)
        await console.promoted(1)


async def test_a_late_reading_that_fits_several_stages_goes_on_asking(tmp_path: Path) -> None:
    async with war_room(tmp_path, TWO) as room:
        await late(room)
        room.world.percent["page"], room.world.on["page"] = 10, True
        console = await room.console()
        room.world.before_read = at_once
        state = await console.until(lambda state: state.targets["page"].opening)
        assert (state.reached, state.targets["page"].asks_before) == (None, True)


async def test_a_late_reading_places_nothing_after_a_decision(tmp_path: Path) -> None:
    async with war_room(tmp_path, TWO) as room:
        await late(room)
        console = await room.console()
        await console.act(Verb.HALT)
        room.world.before_read = at_once
        state = await console.until(lambda state: state.targets["page"].opening)
        await asyncio.sleep(0)
        assert state.reached is None


@pytest.fixture
def sh(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell without a journal, where api reads 5 %."""
    monkeypatch.setitem(registry.BUILT_IN, "scripted", "tests.scripted_adapter")
    world = World()
    world.move("api", 5)
    monkeypatch.setitem(scripted_adapter.worlds, tmp_path, world)
    return shell(tmp_path, capsys, ONE)


def writes(sh: Shell) -> list[str]:
    return scripted_adapter.worlds[sh.folder].writes


def test_promote_that_opens_exits_3_and_names_the_command(sh: Shell) -> None:
    assert (sh.run("promote"), sh.complaint) == (3, f"promote refused: {ASKED}")
    assert (sh.run("place", "--before", "api=0"), sh.out) == (0, "place recorded\n")
    assert sh.run("promote") == 0
    assert writes(sh) == ["api 50 %"]


def test_a_note_that_opens_is_written_and_exits_3(sh: Shell) -> None:
    assert (sh.run("note", "--reason", "begin"), sh.complaint) == (3, f"noted, but {ASKED}")
    assert sh.kinds() == ["rollout_opened", "noted"]
    assert sh.run("note", "--reason", "more") == 0


def test_a_halt_that_opens_halts_and_says_what_is_open(sh: Shell) -> None:
    assert (sh.run("halt"), sh.out) == (0, "halted\n")
    assert f"BUT {ASKED}" in sh.err


def test_a_rollback_with_steps_of_its_own_goes_ahead(sh: Shell) -> None:
    sh.edit(OWN_STEPS)
    assert (sh.run("rollback"), sh.out) == (0, "rolled back\n")
    assert writes(sh) == ["api 0 %"]


def test_a_derived_rollback_exits_3_until_what_was_before_is_said(sh: Shell) -> None:
    sh.run("note", "--reason", "begin")
    assert sh.run("rollback") == 3
    assert "api-back: waiting: api read 5 % at the opening: say what it was before" in sh.err
    assert sh.run("place", "--before", "api=0") == 0
    assert (sh.run("rollback"), writes(sh)) == (0, ["api 0 %"])


def test_place_without_a_before_names_what_is_asked(sh: Shell) -> None:
    sh.run("promote")
    assert (sh.run("place", "--subject", "1"), sh.complaint) == (3, f"place refused: {ASKED}")


def test_a_second_journal_on_the_same_backend_neither_promotes_nor_says_rolled_back(sh: Shell) -> None:
    """The first journal's rollout stands at 5 %; a second journal opens on it."""
    assert sh.run("promote") == 3
    assert sh.run("rollback") == 3
    assert "rolled back\n" not in sh.out
    assert writes(sh) == []


@pytest.mark.parametrize(
    "said",
    [Setting(101), Setting(-5), Setting(None, on=False), Setting(None), Setting(5, on=True)],
    ids=["too much", "negative", "off", "nothing", "on"],
)
def test_a_recorded_before_that_no_deploy_target_can_have_had_is_not_believed(said: Setting) -> None:
    story = Story(replace(PLAN, rollback=None))
    opened = RolloutOpened(
        at=story.at,
        plan_digest=PLAN.digest,
        plan_text=PLAN.text,
        readings=(reads(EDGE, 25, story.at), reads(FLAG, 0, story.at)),
        reached=1,
        asks_before=True,
    )
    story.tell(opened)
    story.tell(
        DecisionTaken(
            at=story.at, verb=Verb.PLACE, stage=1, card=empty_card(Verb.PLACE), before={EDGE: said, "no": said}
        )
    )
    assert story.state.targets[EDGE].asks_before
    assert str(story.state.targets[EDGE].opening) == "25 %"
