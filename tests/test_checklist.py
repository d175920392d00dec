"""The rollback checklist: where its steps come from, and what decisions, calls and readings make of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.contract import Kind, Setting, TargetReading
from console.events.evidence import Verb
from console.events.kinds import StepDone
from console.plan.nouns import Plan, Step
from console.state.checklist import setting_before
from console.state.gates import why_not
from console.state.values import Mode, State, StepMark
from tests.rollout_rig import ACCEPTED, EDGE, FLAG, OFF, REFUSED, START, UNKNOWN, Story, reads
from tests.states import PLAN

DERIVED = replace(PLAN, rollback=None)
BOTH = replace(PLAN, rollback=(Step("all-off", {EDGE: Setting(0), FLAG: OFF}),))


def exposed(plan: Plan = PLAN) -> Story:
    """Stage five is confirmed: edge and flag at 5 %."""
    return Story(plan).open().promote().promote()


def begun(plan: Plan = PLAN) -> tuple[Story, str]:
    """A rollback from stage five has been decided: (story, decision)."""
    story = exposed(plan)
    return story, story.decide(Verb.ROLLBACK)


def mark(state: State, step: str) -> StepMark:
    return next(entry.mark for entry in state.checklist if entry.step.id == step)


def detail(state: State, step: str) -> str:
    return next(entry.detail for entry in state.checklist if entry.step.id == step)


def test_the_plans_own_steps_are_taken_as_written() -> None:
    assert [entry.step for entry in Story().open().state.checklist] == list(PLAN.rollback or ())


def test_derived_steps_are_one_per_target_in_reverse_order_of_first_touch() -> None:
    steps = [entry.step for entry in Story(DERIVED).open().state.checklist]
    assert [step.id for step in steps] == ["new-checkout-back", "edge-back"]


def test_derived_steps_go_straight_to_the_opening_snapshot_not_to_nothing() -> None:
    steps = Story(DERIVED).open(edge=25, flag=10, reached=None).state.checklist
    assert [dict(entry.step.sets) for entry in steps] == [{FLAG: Setting(10, on=True)}, {EDGE: Setting(25)}]


def test_a_target_that_could_not_be_read_at_the_opening_is_a_manual_step() -> None:
    steps = Story(DERIVED).open(flag=None).state.checklist
    assert [entry.step.manual is not None for entry in steps] == [True, False]


@pytest.mark.parametrize(
    ("opening", "kind", "setting"),
    [
        (None, Kind.DEPLOY, None),
        (reads(FLAG, 0, START), Kind.FLAGS, OFF),
        (reads(FLAG, 30, START), Kind.FLAGS, Setting(30, on=True)),
        (reads(EDGE, 33.4, START), Kind.DEPLOY, Setting(33)),
        (reads(EDGE, None, START), Kind.DEPLOY, None),
        (reads(EDGE, 5, START, problem="nodes disagree"), Kind.DEPLOY, None),
    ],
)
def test_what_brings_a_target_back_to_its_opening(
    opening: TargetReading | None, kind: Kind, setting: Setting | None
) -> None:
    assert setting_before(opening, kind) == setting


def test_a_rollback_begins_with_every_step_pending_that_needs_another() -> None:
    story, _ = begun()
    assert story.marks() == [StepMark.PENDING, StepMark.PENDING, StepMark.PENDING]
    assert story.state.mode is Mode.ROLLING_BACK


def test_a_manual_step_is_a_persons_turn_once_what_it_needs_reads_back_and_not_before() -> None:
    story, decision = begun()
    story.settle(story.send(decision, EDGE, Setting(0), "edge-zero"))
    assert story.marks()[2] is StepMark.PENDING
    story.observe(EDGE, 0)
    assert story.marks()[1:] == [StepMark.HOLDING, StepMark.WAITING]
    story.observe(EDGE, 5)
    assert story.marks()[1:] == [StepMark.RELAPSED, StepMark.PENDING]


def test_a_sent_step_is_requested_until_its_target_reads_back() -> None:
    story, decision = begun()
    story.settle(story.send(decision, FLAG, OFF, "flag-off"))
    assert mark(story.state, "flag-off") is StepMark.REQUESTED
    assert mark(story.observe(FLAG, 0), "flag-off") is StepMark.HOLDING


def test_a_refused_step_says_why() -> None:
    story, decision = begun()
    state = story.settle(story.send(decision, FLAG, OFF, "flag-off"), REFUSED, "403 forbidden")
    assert (mark(state, "flag-off"), detail(state, "flag-off")) == (StepMark.REFUSED, "403 forbidden")


def test_a_step_whose_outcome_is_unknown_is_in_doubt_until_a_read_tells() -> None:
    story, decision = begun()
    request = story.send(decision, FLAG, OFF, "flag-off")
    assert mark(story.settle(request, UNKNOWN, "timeout"), "flag-off") is StepMark.IN_DOUBT
    state = story.reconcile(request, took_effect=False)
    assert mark(state, "flag-off") is StepMark.REFUSED
    assert detail(state, "flag-off") == "new-checkout had no effect, reads 5 %"


def test_a_step_in_doubt_that_reads_back_holds() -> None:
    story, decision = begun()
    request = story.send(decision, FLAG, OFF, "flag-off")
    story.settle(request, UNKNOWN, "timeout")
    story.observe(FLAG, 0)
    assert mark(story.reconcile(request, took_effect=True), "flag-off") is StepMark.HOLDING


def test_a_refused_target_of_a_step_is_not_hidden_by_the_next_one_accepted() -> None:
    story, decision = begun(BOTH)
    story.settle(story.send(decision, EDGE, Setting(0), "all-off"), REFUSED, "503 no leader")
    state = story.settle(story.send(decision, FLAG, OFF, "all-off"), ACCEPTED)
    assert (mark(state, "all-off"), detail(state, "all-off")) == (StepMark.REFUSED, "503 no leader")


def test_a_step_of_two_targets_holds_only_when_both_read_back() -> None:
    story, decision = begun(BOTH)
    for target, setting in ((EDGE, Setting(0)), (FLAG, OFF)):
        story.settle(story.send(decision, target, setting, "all-off"))
    assert mark(story.observe(EDGE, 0), "all-off") is StepMark.REQUESTED
    assert mark(story.observe(FLAG, 0), "all-off") is StepMark.HOLDING


def test_a_step_that_moves_again_while_it_holds_is_relapsed() -> None:
    story, decision = begun()
    story.settle(story.send(decision, FLAG, OFF, "flag-off"))
    story.observe(FLAG, 0)
    state = story.observe(FLAG, 5)
    assert (mark(state, "flag-off"), detail(state, "flag-off")) == (StepMark.RELAPSED, "moved again: reads 5 %")


def test_a_relapse_is_not_hidden_by_the_late_answer_to_the_call_before_it() -> None:
    story, decision = begun()
    request = story.send(decision, FLAG, OFF, "flag-off")
    story.observe(FLAG, 0)
    story.observe(FLAG, 5)
    assert mark(story.settle(request, ACCEPTED), "flag-off") is StepMark.RELAPSED


def test_a_relapsed_step_that_is_sent_again_and_reads_back_holds_again() -> None:
    story, decision = begun()
    story.settle(story.send(decision, FLAG, OFF, "flag-off"))
    story.observe(FLAG, 0)
    story.observe(FLAG, 5)
    story.settle(story.send(decision, FLAG, OFF, "flag-off"))
    state = story.observe(FLAG, 0)
    assert mark(state, "flag-off") is StepMark.HOLDING
    assert next(entry.sends for entry in state.checklist) == 2


def test_everything_is_rolled_back_only_when_every_step_is_done() -> None:
    story = exposed().roll_back()
    assert (story.state.mode, story.state.rolled_back_at) == (Mode.ROLLING_BACK, None)
    story.decide(Verb.CONFIRM, "tell-data")
    assert (story.state.mode, story.state.rolled_back_at) == (Mode.ROLLED_BACK, story.at)


def test_a_target_that_moves_after_everything_was_rolled_back_ends_that() -> None:
    story = exposed().roll_back()
    story.decide(Verb.CONFIRM, "tell-data")
    state = story.observe(EDGE, 5)
    assert (state.mode, state.rolled_back_at, mark(state, "edge-zero")) == (
        Mode.ROLLING_BACK,
        None,
        StepMark.RELAPSED,
    )


def test_a_second_rollback_decision_after_everything_is_done_changes_nothing() -> None:
    story = exposed().roll_back()
    story.decide(Verb.CONFIRM, "tell-data")
    story.decide(Verb.ROLLBACK)
    assert story.state.mode is Mode.ROLLED_BACK


def test_going_on_keeps_done_and_holding_steps_and_makes_every_other_pending() -> None:
    story, decision = begun()
    story.settle(story.send(decision, FLAG, OFF, "flag-off"))
    story.observe(FLAG, 0)
    story.settle(story.send(decision, EDGE, Setting(0), "edge-zero"), REFUSED, "503")
    story.decide(Verb.ROLLBACK)
    assert story.marks() == [StepMark.HOLDING, StepMark.PENDING, StepMark.PENDING]


def test_the_late_answer_to_a_call_of_the_rollback_before_does_not_mark_a_step_of_this_one() -> None:
    story, decision = begun()
    request = story.send(decision, FLAG, OFF, "flag-off")
    story.decide(Verb.ROLLBACK)
    assert mark(story.settle(request, REFUSED, "late"), "flag-off") is StepMark.PENDING


def test_an_automatic_step_cannot_be_confirmed_by_hand() -> None:
    story, _ = begun()
    story.decide(Verb.CONFIRM, "edge-zero")
    assert mark(story.state, "edge-zero") is StepMark.PENDING


def test_a_manual_step_is_not_done_before_a_rollback() -> None:
    story = exposed()
    story.decide(Verb.CONFIRM, "tell-data")
    assert mark(story.state, "tell-data") is StepMark.PENDING


def test_a_rollback_during_a_promote_ends_the_promote_and_keeps_what_was_reached() -> None:
    story = Story().open().promote()
    request = story.send(story.decide(Verb.PROMOTE), EDGE, Setting(5))
    story.decide(Verb.ROLLBACK)
    story.settle(request, UNKNOWN, "overtaken by a rollback")
    state = story.observe(EDGE, 5)
    assert (state.reached, state.promoting, state.move) == (1, None, 2)
    opening = state.targets[EDGE].opening
    assert opening is not None and opening.percent == 0


def test_a_rollback_out_of_a_one_way_stage_under_way_is_past_the_point_of_no_return() -> None:
    stages = (PLAN.stages[0], replace(PLAN.stages[1], one_way=True), *PLAN.stages[2:])
    story = Story(replace(PLAN, stages=stages)).open().promote()
    story.send(story.decide(Verb.PROMOTE), EDGE, Setting(5))
    story.decide(Verb.ROLLBACK)
    assert story.state.past_one_way == stages[1]


def test_after_a_restart_a_rollback_shows_its_marks_and_can_go_on() -> None:
    story, decision = begun()
    story.settle(story.send(decision, FLAG, OFF, "flag-off"))
    story.observe(FLAG, 0)
    story.send(decision, EDGE, Setting(0), "edge-zero")
    again = Story()
    for event in story.events:
        again.tell(event)
    assert again.marks() == [StepMark.HOLDING, StepMark.REQUESTED, StepMark.PENDING]
    assert (again.state.local.running, why_not(again.state, Verb.ROLLBACK)) == (False, None)


def test_a_step_that_does_not_read_as_rolled_back_is_not_done_whatever_an_event_says() -> None:
    story, _ = begun()
    state = story.tell(StepDone(at=story.at, step="flag-off", how="reads off"))
    assert (mark(state, "flag-off"), detail(state, "flag-off")) == (StepMark.RELAPSED, "moved again: reads 5 %")


def test_a_done_step_says_what_was_read() -> None:
    story, _ = begun()
    story.observe(FLAG, 0)
    state = story.tell(StepDone(at=story.at, step="flag-off", how="reads off"))
    assert (mark(state, "flag-off"), detail(state, "flag-off")) == (StepMark.DONE, "reads off")
