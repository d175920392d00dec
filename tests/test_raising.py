"""A derived rollback step that would raise exposure waits for a person; every other step is sent without it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters import registry
from adapters.contract import Setting, TargetReading, Unreachable
from console.events.evidence import Verb
from console.events.kinds import RolloutOpened
from console.journal.sqlite import SqliteJournal
from console.plan.loader import load
from console.state.card import card_for
from console.state.raising import is_lowered
from console.state.values import StepMark
from tests import scripted_adapter
from tests.cli_rig import Shell, shell
from tests.engine_rig import TWO, war_room
from tests.rollout_rig import EDGE, FLAG, REFUSED, Story
from tests.scripted_adapter import World, at_once
from tests.states import PLAN

DERIVED = replace(PLAN, rollback=None)
LOWERING = replace(
    DERIVED,
    stages=tuple(replace(stage, sets={EDGE: Setting(40)}) if stage.sets else stage for stage in DERIVED.stages),
)
"""A plan whose first stage lowers edge on purpose."""


def step(story: Story, name: str) -> tuple[StepMark, str]:
    return next((entry.mark, entry.detail) for entry in story.state.checklist if entry.step.id == name)


def test_a_step_above_what_its_target_reads_waits_and_says_from_where_to_where() -> None:
    story = Story(DERIVED).open(edge=50, flag=0, reached=1)
    story.observe(EDGE, 10)
    story.decide(Verb.ROLLBACK)
    why = f"would raise {EDGE} from 10 % to 50 %: type its id to send it, or skip it"
    assert step(story, "edge-back") == (StepMark.WAITING, why)
    assert step(story, "new-checkout-back")[0] is StepMark.PENDING


def test_a_target_that_the_rollout_itself_lowered_goes_up_again_without_a_person() -> None:
    story = Story(LOWERING).open(edge=100)
    story.promote()
    assert is_lowered(story.state, EDGE)
    story.decide(Verb.ROLLBACK)
    assert step(story, "edge-back")[0] is StepMark.PENDING


def test_a_refused_request_has_lowered_nothing() -> None:
    story = Story(LOWERING).open(edge=100)
    story.settle(story.send(story.decide(Verb.PROMOTE), EDGE, Setting(40)), REFUSED, "403")
    story.observe(EDGE, 30)
    story.decide(Verb.ROLLBACK)
    assert step(story, "edge-back")[0] is StepMark.WAITING


def test_a_request_that_raised_its_target_is_no_reason_to_raise_it_further() -> None:
    story = Story(DERIVED).open(edge=100, flag=0, reached=0)
    story.observe(EDGE, 10)
    story.settle(story.send(story.decide(Verb.PROMOTE), EDGE, Setting(50)))
    story.observe(EDGE, 50)
    story.decide(Verb.ROLLBACK)
    assert step(story, "edge-back")[0] is StepMark.WAITING


def test_a_step_that_no_longer_raises_is_the_consoles_turn_again() -> None:
    story = Story(DERIVED).open(edge=50, flag=0, reached=1)
    story.observe(EDGE, 10)
    story.decide(Verb.ROLLBACK)
    story.observe(EDGE, 80)
    assert step(story, "edge-back") == (StepMark.PENDING, "")


def test_typing_the_id_of_a_waiting_step_releases_it() -> None:
    story = Story(DERIVED).open(edge=50, flag=0, reached=1)
    story.observe(EDGE, 10)
    story.decide(Verb.ROLLBACK)
    story.decide(Verb.CONFIRM, "edge-back")
    assert step(story, "edge-back") == (StepMark.PENDING, "released by ana")


def test_a_released_step_that_relapses_waits_again() -> None:
    story = Story(DERIVED).open(edge=50, flag=0, reached=1)
    story.observe(EDGE, 10)
    decision = story.decide(Verb.ROLLBACK)
    story.decide(Verb.CONFIRM, "edge-back")
    story.settle(story.send(decision, EDGE, Setting(50), "edge-back"))
    story.observe(EDGE, 50)
    story.observe(EDGE, 20)
    assert step(story, "edge-back")[0] is StepMark.WAITING


def test_the_plans_own_step_may_raise_a_target() -> None:
    plan = replace(PLAN, rollback=(replace((PLAN.rollback or ())[0], sets={EDGE: Setting(100)}, needs=()),))
    story = Story(plan).open(edge=50, flag=0, reached=1)
    story.decide(Verb.ROLLBACK)
    assert story.marks() == [StepMark.PENDING]


def test_the_card_of_a_rollback_says_which_step_will_wait() -> None:
    story = Story(DERIVED).open(edge=50, flag=0, reached=1)
    story.observe(EDGE, 10)
    card = card_for(story.seen, Verb.ROLLBACK)
    assert any(line.startswith(f"edge-back waits for you: it would raise {EDGE} from 10 %") for line in card.warnings)
    assert all(entry.becomes is None for entry in card.targets if entry.target == EDGE)


def test_the_card_that_releases_a_step_shows_what_becomes_of_its_target() -> None:
    story = Story(DERIVED).open(edge=50, flag=0, reached=1)
    story.observe(EDGE, 10)
    story.observe(FLAG, 5)
    story.decide(Verb.ROLLBACK)
    becomes = {entry.target: entry.becomes for entry in card_for(story.seen, Verb.CONFIRM, "edge-back").targets}
    assert (becomes[EDGE], becomes[FLAG]) == ("50 %", None)


async def test_on_the_screen_the_others_go_down_while_one_waits_and_its_id_sends_it(tmp_path: Path) -> None:
    async with war_room(tmp_path, TWO) as room:
        room.world.move("api", 30)
        console = await room.console()
        await console.act(Verb.PLACE, subject="0", before=("api=30",))
        room.world.percent["page"], room.world.on["page"] = 10, True
        room.world.move("api", 5)
        await console.until(lambda state: state.targets["api"].drift and state.targets["page"].drift)
        await console.act(Verb.ROLLBACK)
        await console.until(lambda state: not state.local.running)
        assert room.world.writes == ["page off"]
        await console.act(Verb.CONFIRM, subject="api-back")
        await console.until(lambda state: state.rolled_back_at)
        assert room.world.writes == ["page off", "api 30 %"]


@pytest.fixture
def sh(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell whose plan drives scripted backends, at 10 % and on after one stage."""
    monkeypatch.setitem(registry.BUILT_IN, "scripted", "tests.scripted_adapter")
    monkeypatch.setitem(scripted_adapter.worlds, tmp_path, World())
    made = shell(tmp_path, capsys, TWO)
    assert made.run("promote") == 0
    return made


def forge_next_run(sh: Shell, percent: float) -> None:
    """Close the run at 10 %, and open the next by a hand-written row whose "before" is `percent` for api."""
    assert sh.run("close", "--override", "--reason", "done", "--confirm", "close") == 0
    plan, at = load(sh.plan), datetime.now(UTC)
    forged = RolloutOpened(
        at=at,
        plan_digest=plan.digest,
        plan_text=plan.text,
        readings=(TargetReading("api", at, percent), TargetReading("page", at, 10, on=False)),
        reached=0,
        candidates=(0,),
    )
    journal = SqliteJournal(sh.journal)
    journal.append(journal.next_run("two"), forged)
    journal.close()


def world(sh: Shell) -> World:
    return scripted_adapter.worlds[sh.folder]


def test_a_forged_next_run_with_before_at_100_percent_raises_nothing_and_exits_3(sh: Shell) -> None:
    forge_next_run(sh, 100.0)
    assert sh.run("rollback") == 3
    assert world(sh).percent["api"] == 10
    assert world(sh).writes[-1] == "page off"
    assert sh.err.splitlines()[1:] == [
        "not rolled back: api-back waits for you: confirm or skip it (warroom confirm PLAN --subject api-back)",
        "  page-back: page reads off; done",
        "  api-back: api reads 10 %; waiting: would raise api from 10 % to 100 %: type its id to send it, or skip it",
    ]


def test_confirm_sends_the_step_that_waits_and_exits_0_once_everything_is_back(sh: Shell) -> None:
    forge_next_run(sh, 30.0)
    assert sh.run("rollback") == 3
    assert (sh.run("confirm", "--subject", "api-back"), sh.out) == (0, "rolled back\n")
    assert world(sh).percent["api"] == 30


def test_skip_leaves_the_target_where_it_is(sh: Shell) -> None:
    forge_next_run(sh, 100.0)
    sh.run("rollback")
    assert sh.run("skip", "api-back", "--reason", "the opening is forged") == 0
    assert (sh.run("rollback"), world(sh).percent["api"]) == (3, 10)
    assert "everything is rolled back" in sh.complaint


def test_a_dry_run_says_which_step_would_wait(sh: Shell) -> None:
    forge_next_run(sh, 100.0)
    assert sh.run("rollback", "--dry-run") == 0
    assert "      WAITS FOR YOU: it would raise api from 10 % to 100 %: type its id to send it, or skip it" in sh.out


def test_a_rollback_that_finds_a_step_skipped_does_not_say_that_its_target_is_back(sh: Shell) -> None:
    forge_next_run(sh, 100.0)
    world(sh).percent["page"], world(sh).on["page"] = 10, True

    async def refuses(target: str) -> None:
        if target == "page":
            raise Unreachable("flags", "set_flag", "connection refused")

    world(sh).before_write = refuses
    assert sh.run("rollback") == 3
    sh.run("skip", "api-back", "--reason", "the opening is forged")
    world(sh).before_write = at_once
    assert sh.run("rollback") == 3
    assert "not rolled back: api-back skipped by " in sh.err
    assert not world(sh).on["page"]
