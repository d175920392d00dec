"""The fold: what every kind of event makes of a State, and that no history makes it raise."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.contract import Counts, MetricReply, Reading, Setting
from console.events.evidence import Verb
from console.events.kinds import (
    DecisionTaken,
    Event,
    Noted,
    RolloutClosed,
    RolloutOpened,
    SourceFailed,
    SourceRead,
    SourceRecovered,
    StepDone,
    Unrecognized,
    VerdictChanged,
)
from console.plan.nouns import Plan, Stage
from console.state.assessment import assess
from console.state.card import card_for
from console.state.folding import blank, fold
from console.state.gates import gates_for, outside_changes, typed_word, why_not, why_unfit
from console.state.raising import why_held
from console.state.values import Mode, StageMark, State, StepMark
from tests.plausible import SUBJECTS, happen, story
from tests.rollout_rig import ACCEPTED, EDGE, FLAG, REFUSED, START, UNKNOWN, Story, empty_card, reads
from tests.states import ANA, PLAN


def folded(*events: Event) -> State:
    state = blank(PLAN, "checkout-v42/1")
    for number, event in enumerate(events, start=1):
        state = fold(state, event, None if isinstance(event, SourceRead) else number)
    return State.of(state)


def replanned(told: Story, plan: Plan) -> State:
    """The state after `plan` was accepted."""
    told.state = replace(told.state, plans={**told.state.plans, plan.digest: plan})
    told.decide(Verb.ACCEPT, "plan", plan)
    return told.state


def test_a_blank_rollout_is_unplaced_and_has_every_part_of_its_plan() -> None:
    state = blank(PLAN, "checkout-v42/1")
    assert (state.mode, len(state.stages), set(state.targets), set(state.sources)) == (
        Mode.UNPLACED,
        5,
        {EDGE, FLAG},
        {"edge-lb", "flags", "prom"},
    )


def test_an_opening_is_the_snapshot_that_before_means() -> None:
    state = Story().open(edge=25, flag=10, reached=None).state
    entry = state.targets[EDGE]
    assert entry.opening == entry.reading == entry.confirmed == reads(EDGE, 25, START)
    assert (state.opened_at, state.reached, state.mode) == (START, None, Mode.UNPLACED)
    assert state.log[-1].text == "opened; edge 25 %, new-checkout 10 %"


def test_an_opening_ignores_targets_that_the_plan_does_not_know() -> None:
    opened = RolloutOpened(
        at=START, plan_digest="", plan_text="", readings=(reads("other", 5, START),), reached=0, candidates=(0,)
    )
    assert set(folded(opened).targets) == {EDGE, FLAG}


def test_a_source_that_fails_keeps_the_moment_it_began_and_takes_the_newest_reason() -> None:
    story = Story().open()
    began = story.at
    story.tell(SourceFailed(at=began, source="prom", reason="no answer"))
    state = story.wait(5).tell(SourceFailed(at=story.at, source="prom", reason="503"))
    assert (state.sources["prom"].failed_since, state.sources["prom"].reason) == (began, "503")


def test_a_source_that_answers_again_is_no_longer_failing() -> None:
    story = Story().open()
    story.tell(SourceFailed(at=story.at, source="prom", reason="no answer"))
    state = story.tell(SourceRecovered(at=story.at, source="prom"))
    assert (state.sources["prom"].failed_since, state.sources["prom"].reason) == (None, "")


def test_a_verdict_that_was_recorded_is_remembered_and_logged() -> None:
    state = folded(VerdictChanged(at=START, metric="errors", was="pass", became="fail", reason="10x"))
    assert (state.metrics["errors"].said, state.log[-1].text) == ("fail", "errors: pass -> fail: 10x")


def test_a_note_is_a_line_of_the_log_with_its_author() -> None:
    line = folded(Noted(at=START, who=ANA, text="paged payments")).log[-1]
    assert (line.kind, line.text, line.who) == ("note", "paged payments", ANA)


def test_an_unknown_kind_is_counted_and_shown_and_changes_nothing_else() -> None:
    before = Story().open().state
    after = fold(before, Unrecognized(at=START, said_kind="alarm_rung"), 2)
    assert (after.unrecognised, after.log[-1].text) == (1, "event of unknown kind 'alarm_rung'")
    assert replace(after, unrecognised=0, log=before.log, last_seq=1) == before


def test_a_closed_rollout_says_how() -> None:
    state = folded(RolloutClosed(at=START, how="complete"))
    assert (state.mode, state.closed) == (Mode.CLOSED, "complete")


def test_a_step_done_is_logged() -> None:
    state = folded(StepDone(at=START, step="flag-off", how="reads off"))
    assert state.log[-1].text == "rollback step flag-off done: reads off"


def test_samples_go_into_the_ledger_once_per_tick_and_the_later_one_wins() -> None:
    first = Reading(START, Counts(10, 1), Counts(90, 1))
    second = Reading(START, Counts(20, 2), Counts(180, 2))
    state = folded(
        *(
            SourceRead(at=START, source="prom", replies=(MetricReply("errors", (reading,), START, START),))
            for reading in (first, second)
        )
    )
    assert state.metrics["errors"].ledger == (second,)


def test_a_sample_of_what_the_plan_does_not_know_changes_nothing() -> None:
    read = SourceRead(at=START, source="nobody", replies=(MetricReply("nothing"),), targets=("nothing",))
    assert folded(read) == State.of(blank(PLAN, "checkout-v42/1"))


def test_a_sample_has_no_number_and_an_event_moves_the_number_on() -> None:
    state = fold(blank(PLAN, "x/1"), Noted(at=START, text="a"), 7)
    assert fold(state, SourceRead(at=START, source="prom")).last_seq == 7


def test_a_decision_held_in_memory_and_then_journalled_is_one_entry_with_its_number() -> None:
    halt = DecisionTaken(at=START, who=ANA, verb=Verb.HALT, stage=0, card=empty_card(Verb.HALT))
    state = fold(fold(Story().open().state, halt), halt, 9)
    assert [(entry.id, entry.seq) for entry in state.decisions] == [(halt.id, 9)]


def test_a_decision_that_is_journalled_late_does_not_act_twice() -> None:
    halt = DecisionTaken(at=START, who=ANA, verb=Verb.HALT, stage=0, card=empty_card(Verb.HALT))
    resume = DecisionTaken(at=START, who=ANA, verb=Verb.RESUME, stage=0, card=empty_card(Verb.RESUME))
    state = fold(fold(Story().open().state, halt), resume)
    assert fold(state, halt, 9).halted is None


def test_a_halt_and_a_resume_carry_their_decision() -> None:
    story = Story().open()
    halt = story.decide(Verb.HALT)
    assert (story.state.halted, story.state.mode) == (halt, Mode.HALTED)
    story.decide(Verb.RESUME)
    assert (story.state.halted, story.state.mode) == (None, Mode.READY)


def test_every_forward_decision_raises_move_and_no_other_does() -> None:
    story = Story().open().promote()
    assert story.state.move == 1
    story.decide(Verb.HALT)
    story.decide(Verb.ROLLBACK)
    assert story.state.move == 1


def test_a_manual_stage_is_reached_by_the_decision_itself() -> None:
    story = Story().open().promote().promote()
    story.decide(Verb.PROMOTE)
    assert (story.state.reached, story.state.promoting, story.state.decisions[-1].outcome) == (3, None, "confirmed")
    assert story.state.past_one_way == PLAN.stages[2]


@pytest.mark.parametrize(
    ("outcomes", "word"),
    [
        ((ACCEPTED, ACCEPTED), "accepted"),
        ((REFUSED, REFUSED), "refused"),
        ((ACCEPTED, REFUSED), "partial"),
        ((ACCEPTED, UNKNOWN), "unknown"),
    ],
)
def test_a_decision_is_summed_up_from_its_requests(outcomes: tuple[object, object], word: str) -> None:
    story = Story().open().promote()
    decision = story.decide(Verb.PROMOTE)
    for target, outcome in zip((EDGE, FLAG), outcomes, strict=True):
        request = story.send(decision, target, Setting(5))
        assert story.state.decisions[-1].outcome == "requested"
        story.settle(request, outcome)  # type: ignore[arg-type]
    assert story.state.decisions[-1].outcome == word


def test_an_unplaced_rollout_stands_where_the_operator_says_also_at_a_manual_stage() -> None:
    story = Story().open(edge=5, flag=5, reached=None)
    story.decide(Verb.PLACE, "3")
    assert (story.state.reached, story.state.stage_since, story.state.past_one_way) == (3, story.at, PLAN.stages[2])
    assert [entry.mark for entry in story.state.stages[2:4]] == [StageMark.CONFIRMED, StageMark.PLANNED]


def test_the_first_word_about_where_a_rollout_stands_holds() -> None:
    story = Story().open(reached=None)
    story.decide(Verb.PLACE, "1")
    story.decide(Verb.PLACE, "2")
    assert story.state.reached == 1


@pytest.mark.parametrize("subject", [None, "99", "-1", "²", "one"])
def test_a_place_that_is_no_stage_leaves_the_rollout_unplaced(subject: str | None) -> None:
    story = Story().open(reached=None)
    story.decide(Verb.PLACE, subject)
    assert story.state.reached is None


def test_an_accepted_plan_takes_effect_and_ends_the_difference() -> None:
    stages = (PLAN.stages[0], replace(PLAN.stages[1], bake_s=1.0), *PLAN.stages[2:])
    state = replanned(Story().open().promote(), replace(PLAN, stages=stages, digest="new"))
    assert (state.reached, state.stages[1].stage.bake_s) == (1, 1.0)


def test_an_accepted_plan_with_a_stage_put_before_ours_keeps_us_on_our_stage() -> None:
    stages = (Stage("zero", {EDGE: Setting(0)}), *PLAN.stages)
    state = replanned(Story().open().promote(), replace(PLAN, stages=stages, digest="new"))
    assert state.current is not None and (state.reached, state.current.stage.name) == (2, "one")


@pytest.mark.parametrize("stages", [PLAN.stages[1:], (replace(PLAN.stages[0], name="uno"), *PLAN.stages[1:])])
def test_an_accepted_plan_without_our_stage_leaves_the_rollout_unplaced(stages: tuple[Stage, ...]) -> None:
    state = replanned(Story().open().promote(), replace(PLAN, stages=stages, digest="new"))
    assert (state.reached, state.mode) == (None, Mode.UNPLACED)


def test_an_accepted_plan_without_the_stage_under_way_leaves_the_rollout_unplaced() -> None:
    story = Story().open().promote()
    story.settle(story.send(story.decide(Verb.PROMOTE), EDGE, Setting(5)), REFUSED, "403")
    state = replanned(story, replace(PLAN, stages=PLAN.stages[:1], digest="new"))
    assert (state.reached, state.promoting, state.mode) == (None, None, Mode.UNPLACED)


def test_an_accepted_plan_that_keeps_the_stage_under_way_lets_it_be_finished() -> None:
    story = Story().open().promote()
    story.settle(story.send(story.decide(Verb.PROMOTE), EDGE, Setting(5)), REFUSED, "403")
    state = replanned(story, replace(PLAN, stages=PLAN.stages[:2], digest="new"))
    assert (state.reached, state.mode) == (1, Mode.PARTIAL)


def test_a_target_that_an_accepted_plan_points_elsewhere_is_known_no_more() -> None:
    edge = PLAN.targets[EDGE]
    moved = replace(edge, ref=replace(edge.ref, name="be_other"))
    state = replanned(Story().open(), replace(PLAN, targets={**PLAN.targets, EDGE: moved}, digest="new"))
    assert (state.targets[EDGE].opening, state.targets[EDGE].reading) == (None, None)
    assert state.targets[FLAG].opening is not None


def verdict_under(story: Story, plan: Plan) -> tuple[str, str]:
    """(state and detail, reason) of the errors after `plan` was accepted."""
    story.state = replanned(story, plan)
    said = story.seen.metrics["errors"].verdict
    assert said is not None
    return f"{said.state.value} {said.detail}", said.reason


@pytest.mark.parametrize(
    ("asked", "state", "reason"),
    [
        ({}, "pass <2x", "below 2x"),
        ({"pass_below": 1.2}, "unsure INCONCLUSIVE", "cannot exclude 1.2x"),
        ({"limit": 0.0005}, "fail ", "above the limit of 0.05 %"),
        ({"warmup_s": 1000.0}, "unsure WARMING UP", "nothing judged yet"),
    ],
)
def test_what_was_judged_is_judged_by_what_an_accepted_plan_asks(
    asked: dict[str, float], state: str, reason: str
) -> None:
    story = Story().open()
    story.flow(60)
    story.promote()
    story.flow(400)
    metric = replace(PLAN.metrics["errors"], **asked)  # type: ignore[arg-type]
    said = verdict_under(story, replace(PLAN, metrics={**PLAN.metrics, "errors": metric}, digest="new"))
    assert said[0] == state and reason in said[1]


def test_a_stage_put_before_ours_takes_nothing_from_what_was_judged_in_ours() -> None:
    story = Story().open()
    story.flow(60)
    story.promote()
    story.flow(400)
    stages = (Stage("zero", {EDGE: Setting(0)}), *PLAN.stages)
    assert verdict_under(story, replace(PLAN, stages=stages, digest="new"))[0] == "pass <2x"
    story.flow(60)
    said = story.seen.metrics["errors"].verdict
    assert said is not None and said.detail == "<2x"


def test_a_metric_whose_query_an_accepted_plan_changes_begins_anew() -> None:
    story = Story().open()
    story.flow(20)
    metric = PLAN.metrics["errors"]
    other = replace(metric, query=replace(metric.query, bad="http_4xx"))
    state = replanned(story, replace(PLAN, metrics={**PLAN.metrics, "errors": other}, digest="new"))
    assert (len(state.metrics["errors"].ledger), len(state.metrics["slow"].ledger) > 0) == (0, True)


def test_a_rollback_goes_on_by_the_plan_it_began_with() -> None:
    story = Story().open().promote()
    story.decide(Verb.ROLLBACK)
    state = replanned(story, replace(PLAN, stages=PLAN.stages[:1], rollback=None, digest="new"))
    assert (state.plan, len(state.checklist)) == (PLAN, 3)


def test_a_doubtful_call_to_a_target_that_the_plan_dropped_locks_nothing_once_it_is_let_go() -> None:
    story = Story().open().promote()
    decision = story.decide(Verb.PROMOTE)
    story.settle(story.send(decision, FLAG, Setting(5, on=True)), UNKNOWN, "timeout")
    plan = replace(
        PLAN, targets={EDGE: PLAN.targets[EDGE]}, stages=(PLAN.stages[0],), rollback=None, metrics={}, digest="new"
    )
    story.state = replanned(story, plan)
    assert [each.target for each in story.state.in_doubt] == ["new-checkout@plan-1"]
    story.decide(Verb.SKIP, "new-checkout@plan-1-back", reason="its server is gone")
    assert story.state.in_doubt == ()


def test_an_accepted_plan_that_is_not_known_changes_nothing() -> None:
    story = Story().open()
    story.decide(Verb.ACCEPT, "plan", replace(PLAN, digest="never parsed"))
    assert story.state.plan is PLAN


def see(state: State) -> None:
    """Everything that is ever asked of a State."""
    for verb in Verb:
        gates_for(state, verb)
        why_not(state, verb)
        typed_word(state, verb)
        for subject in SUBJECTS:
            card_for(state, verb, subject)
            why_unfit(state, verb, subject)
    assert state.mode in Mode
    assert state.reached is None or 0 <= state.reached <= len(state.stages)
    assert (state.current is None) == (not state.reached)
    assert state.next is None or state.next.number == (state.reached or 0) + 1
    outside_changes(state)
    assert set(state.targets) == set(state.plan.targets)
    assert {entry.target.backend for entry in state.targets.values()} <= set(state.plan.backends)
    if state.rollback is not None:
        sendable = [entry for entry in state.checklist if entry.mark is StepMark.PENDING]
        assert all(why_held(state, entry) is None for entry in sendable)
    done = all(entry.mark is StepMark.DONE for entry in state.checklist)
    if state.rollback is not None and state.checklist:
        assert (state.rolled_back_at is not None) == done


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_happens_nothing_raises(data: st.DataObject) -> None:
    told = story()
    happen(told, data)
    see(told.state)
    see(assess(told.state, told.at))
    see(assess(told.state, told.wait(3600).at))


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_after_every_event_every_question_has_an_answer(data: st.DataObject) -> None:
    told = story()
    happen(told, data, at_most=12)
    state = blank(PLAN, "checkout-v42/1", told.state.plans)
    for event in told.events:
        state = fold(state, event, None if isinstance(event, SourceRead) else state.last_seq + 1)
        assert state.mode in Mode
        gates_for(State.of(assess(state, event.at)), Verb.PROMOTE)


@settings(max_examples=50, deadline=None)
@given(st.data(), st.integers(0, 30))
def test_the_same_events_make_the_same_state_however_they_are_cut(data: st.DataObject, cut: int) -> None:
    told = story()
    happen(told, data)
    state = blank(PLAN, "checkout-v42/1", told.state.plans)
    for half in (told.events[:cut], told.events[cut:]):
        assess(state, told.at)
        for event in half:
            state = fold(state, event, None if isinstance(event, SourceRead) else state.last_seq + 1)
    assert State.of(state) == told.state
