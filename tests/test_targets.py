"""Targets: what a reading means (ours, on the way, drift), and when a stage is thereby confirmed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.contract import Setting
from console.events.evidence import Verb
from console.state.card import wanted_settings
from console.state.gates import gates_for, why_not
from console.state.targets import has_moved
from console.state.values import Mode, StageMark
from tests.rollout_rig import ACCEPTED, EDGE, FLAG, REFUSED, START, UNKNOWN, Story, reads
from tests.states import PLAN


def promoted(to_edge: float = 1) -> tuple[Story, str]:
    """A rollout whose promote to stage one has been sent to the edge and is in flight: (story, request)."""
    story = Story().open()
    return story, story.send(story.decide(Verb.PROMOTE), EDGE, Setting(int(to_edge)))


def partial() -> Story:
    """Stage five: the edge reads as set, the flag's call was refused."""
    story = Story().open().promote()
    decision = story.decide(Verb.PROMOTE)
    story.settle(story.send(decision, EDGE, Setting(5)))
    story.observe(EDGE, 5)
    story.settle(story.send(decision, FLAG, Setting(5, on=True)), REFUSED, "403")
    return story


def test_an_accepted_stage_is_not_reached_before_a_read_shows_it() -> None:
    story, request = promoted()
    story.settle(request)
    assert (story.state.reached, story.state.mode) == (0, Mode.PROMOTING)


def test_a_stage_is_reached_when_every_target_reads_as_set() -> None:
    story, request = promoted()
    story.settle(request)
    state = story.observe(EDGE, 1)
    assert (state.reached, state.stages[0].mark, state.stages[0].confirmed_at) == (1, StageMark.CONFIRMED, story.at)
    assert state.decisions[-1].outcome == "confirmed"


def test_a_stage_with_one_target_missing_is_not_reached() -> None:
    story = Story().open().promote()
    story.settle(story.send(story.decide(Verb.PROMOTE), EDGE, Setting(5)))
    assert story.observe(EDGE, 5).reached == 1


def test_a_refused_second_target_makes_the_stage_partial_and_says_which() -> None:
    state = partial().state
    assert state.mode is Mode.PARTIAL
    assert state.stages[1].trouble == "new-checkout refused: 403, reads off"


def test_finishing_a_partial_stage_sends_only_what_does_not_read_as_set() -> None:
    assert wanted_settings(partial().state, Verb.PROMOTE) == {FLAG: Setting(5, on=True)}


def test_finishing_a_partial_stage_sends_a_target_again_that_went_back_meanwhile() -> None:
    story = partial()
    story.observe(EDGE, 1)
    assert wanted_settings(story.state, Verb.PROMOTE) == {EDGE: Setting(5), FLAG: Setting(5, on=True)}


def test_a_finished_partial_stage_is_one_stage_further_not_two() -> None:
    story = partial().promote()
    assert (story.state.reached, story.state.move, story.state.mode) == (2, 3, Mode.BAKING)


def test_a_partial_stage_finished_by_hand_at_the_backend_is_confirmed_and_not_drift() -> None:
    story = partial()
    state = story.observe(FLAG, 5)
    assert (state.reached, state.targets[FLAG].drift) == (2, None)


def test_a_promote_whose_targets_all_read_as_set_sends_nothing_and_is_confirmed_at_once() -> None:
    story = Story().open()
    story.observe(EDGE, 1)
    story.decide(Verb.ACCEPT, EDGE)
    assert wanted_settings(story.state, Verb.PROMOTE) == {}
    story.decide(Verb.PROMOTE)
    assert (story.state.reached, story.state.decisions[-1].outcome) == (1, "confirmed")


def test_a_stage_of_which_nothing_was_taken_is_failed_and_reads_partial_or_not_set() -> None:
    story, request = promoted()
    state = story.settle(request, REFUSED, "401")
    assert (state.stages[0].mark, state.mode) == (StageMark.FAILED, Mode.PARTIAL)


def test_an_accepted_stage_that_never_reads_as_set_stops_being_waited_for_without_another_event() -> None:
    story, request = promoted()
    story.settle(request)
    story.flow(20)
    assert story.seen.mode is Mode.PARTIAL
    assert "edge accepted, reads 0 %" in story.seen.stages[0].trouble


def test_the_calls_that_a_halt_dropped_leave_a_stage_partial_after_resume() -> None:
    story = Story().open().promote()
    decision = story.decide(Verb.PROMOTE)
    story.settle(story.send(decision, EDGE, Setting(5)))
    story.decide(Verb.HALT)
    story.observe(EDGE, 5)
    story.decide(Verb.RESUME)
    story.wait(11)
    assert story.seen.mode is Mode.PARTIAL
    assert "new-checkout not sent" in story.seen.stages[1].trouble


def test_a_stage_is_confirmed_also_while_halted_and_stays_halted() -> None:
    story, request = promoted()
    story.decide(Verb.HALT)
    story.settle(request)
    state = story.observe(EDGE, 1)
    assert (state.reached, state.mode, state.baked_s) == (1, Mode.HALTED, 0.0)


def test_an_opening_at_25_percent_is_no_drift() -> None:
    story = Story().open(edge=25, flag=25, reached=2)
    assert all(entry.drift is None for entry in story.state.targets.values())


def test_an_opening_under_way_marks_the_stages_it_stands_on_as_reached() -> None:
    story = Story().open(edge=5, flag=5, reached=2)
    assert [entry.mark for entry in story.state.stages[:3]] == [
        StageMark.CONFIRMED,
        StageMark.CONFIRMED,
        StageMark.PLANNED,
    ]


def test_a_target_moved_by_somebody_else_has_drifted_and_blocks_forward_moves() -> None:
    story = Story().open().promote()
    state = story.observe(EDGE, 20)
    drift = state.targets[EDGE].drift
    assert drift is not None and (str(drift.was), str(drift.now), drift.since) == ("1 %", "20 %", story.at)
    assert why_not(state, Verb.PROMOTE) == "edge drifted 1 % -> 20 %: accept it (a) or undo it"
    assert state.log[-1].kind == "drift"


def test_drift_ends_when_it_is_undone() -> None:
    story = Story().open().promote()
    story.observe(EDGE, 20)
    assert story.observe(EDGE, 1).targets[EDGE].drift is None


def test_drift_keeps_the_moment_of_its_first_sight() -> None:
    story = Story().open().promote()
    first = story.observe(EDGE, 20).targets[EDGE].drift
    then = story.observe(EDGE, 30).targets[EDGE].drift
    assert first is not None and then is not None and then.since == first.since


def test_accepted_drift_is_what_was_confirmed_from_then_on() -> None:
    story = Story().open().promote()
    story.observe(EDGE, 20)
    story.decide(Verb.ACCEPT, EDGE)
    assert story.state.targets[EDGE].drift is None
    drift = story.observe(EDGE, 30).targets[EDGE].drift
    assert drift is not None and str(drift.was) == "20 %"


def test_a_target_moved_back_to_our_old_setting_after_its_drift_was_accepted_has_drifted() -> None:
    story = Story().open().promote()
    story.observe(EDGE, 20)
    story.decide(Verb.ACCEPT, EDGE)
    assert story.observe(EDGE, 1).targets[EDGE].drift is not None


def test_no_drift_is_raised_while_our_own_request_is_in_flight() -> None:
    story, _ = promoted()
    assert story.observe(EDGE, 0.5).targets[EDGE].drift is None


def test_a_move_seen_during_a_request_that_was_then_refused_is_drift_after_all() -> None:
    story, request = promoted()
    story.observe(EDGE, 20)
    assert story.settle(request, REFUSED, "409").targets[EDGE].drift is not None


def test_a_move_seen_during_an_unknown_request_is_drift_once_a_read_told_that_it_did_nothing() -> None:
    story, request = promoted()
    story.settle(request, UNKNOWN, "timeout")
    assert story.observe(EDGE, 20).targets[EDGE].drift is None
    assert story.reconcile(request, took_effect=False).targets[EDGE].drift is not None


def test_a_move_right_after_our_own_was_confirmed_is_drift() -> None:
    story = Story().open().promote()
    assert story.observe(EDGE, 20).targets[EDGE].drift is not None


def test_a_flag_whose_percentage_is_edited_while_it_is_off_has_not_drifted() -> None:
    was = reads(FLAG, 0, START)
    assert not has_moved(was, replace(was, percent=50.0))


@pytest.mark.parametrize(("was", "now"), [(1.0, None), (None, 1.0), (1.0, 2.0)])
def test_exposure_that_changes_or_cannot_be_told_any_more_has_moved(was: float | None, now: float | None) -> None:
    assert has_moved(reads(EDGE, was, START), reads(EDGE, now, START))


def test_the_first_reading_of_a_target_unread_at_the_opening_is_its_opening() -> None:
    story = Story(replace(PLAN, rollback=None)).open(flag=None)
    state = story.observe(FLAG, 0)
    assert state.targets[FLAG].opening is not None
    assert [entry.step.manual for entry in state.checklist] == [None, None]


def test_a_first_reading_during_a_rollback_does_not_reset_the_checklist() -> None:
    story = Story(replace(PLAN, rollback=None)).open(edge=5, flag=None, reached=None)
    story.decide(Verb.ROLLBACK)
    story.decide(Verb.CONFIRM, f"{FLAG}-back")
    before = story.marks()
    story.observe(FLAG, 0)
    assert story.marks() == before


def test_a_target_with_a_problem_closes_the_gate_of_the_stage_that_sets_it() -> None:
    story = Story().open()
    story.observe(EDGE, None, problem="nodes disagree")
    assert any(gate.why == "edge: nodes disagree" and gate.hard for gate in gates_for(story.state, Verb.PROMOTE))


def test_an_unknown_outcome_locks_forward_moves_until_a_read_tells() -> None:
    story, request = promoted()
    story.settle(request, UNKNOWN, "timeout")
    assert "in doubt" in (why_not(story.seen, Verb.PROMOTE) or "")
    story.reconcile(request, took_effect=False)
    story.flow(5)
    assert why_not(story.seen, Verb.PROMOTE) is None


def test_an_unknown_outcome_that_took_effect_counts_as_accepted() -> None:
    story, request = promoted()
    story.settle(request, UNKNOWN, "timeout")
    story.observe(EDGE, 1)
    state = story.reconcile(request, took_effect=True)
    assert (state.reached, state.in_doubt, state.decisions[-1].outcome) == (1, (), "confirmed")


def test_the_first_word_about_an_unknown_outcome_stands() -> None:
    story, request = promoted()
    story.settle(request, UNKNOWN, "timeout")
    story.reconcile(request, took_effect=True)
    assert story.reconcile(request, took_effect=False).requests[request].took_effect is True


def test_the_first_settlement_of_a_request_stands() -> None:
    story, request = promoted()
    story.settle(request, ACCEPTED)
    assert story.settle(request, UNKNOWN, "console gone").requests[request].outcome is ACCEPTED


# -- a halt that cuts a promote short ----------------------------------------------------------------------------------


def halted_half_way() -> Story:
    """Stage five: the edge's call was accepted, then a halt came; the flag's call was dropped."""
    story = Story().open().promote()
    story.settle(story.send(story.decide(Verb.PROMOTE), EDGE, Setting(5)))
    story.decide(Verb.HALT)
    return story


def test_a_stage_whose_rest_a_halt_dropped_is_partial_at_once_and_not_requested() -> None:
    entry = halted_half_way().state.stages[1]
    assert entry.mark is StageMark.PARTIAL
    assert "new-checkout not sent" in entry.trouble


def test_a_resume_does_not_make_a_dropped_call_requested_again() -> None:
    story = halted_half_way()
    story.decide(Verb.RESUME)
    assert story.state.stages[1].mark is StageMark.PARTIAL


def test_a_stage_that_was_sent_whole_before_a_halt_is_still_requested() -> None:
    story = Story().open().promote()
    decision = story.decide(Verb.PROMOTE)
    story.settle(story.send(decision, EDGE, Setting(5)))
    story.settle(story.send(decision, FLAG, Setting(5, on=True)))
    story.decide(Verb.HALT)
    assert story.state.stages[1].mark is StageMark.REQUESTED


def test_a_call_in_flight_at_a_halt_is_still_requested_until_it_ends() -> None:
    story, request = promoted()
    story.decide(Verb.HALT)
    assert story.state.stages[0].mark is StageMark.REQUESTED
    story.settle(request)
    assert story.state.stages[0].mark is StageMark.REQUESTED
    story.observe(EDGE, 1)
    assert story.state.reached == 1
