"""Words on every pane but the metrics, at the widths it has to work at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from console.state.values import NoteState, State, StepMark, UnbelievedRow
from tests.states import (
    BEN,
    NOW,
    STATES,
    ago,
    complete,
    drifted,
    halted,
    healthy,
    inconclusive,
    mismatched,
    opening,
    partial,
    past_one_way,
    promoting,
    rolled_back,
    rolling_back,
    source_failed,
    source_states,
    stale,
    step_states,
    unjournaled,
    unplaced,
)
from widgets.checklist import checklist_lines
from widgets.exposure import exposure_lines
from widgets.header import header_lines
from widgets.line import Line, fit, text_of
from widgets.log import entries, log_lines
from widgets.sources import sources_lines
from widgets.timeline import timeline_lines


def said(lines: Sequence[Line], width: int) -> list[str]:
    """What the lines show in `width` cells."""
    return [text_of(fit(line, width)) for line in lines]


def test_the_header_at_80_tells_time_mode_stage_verdict_title_and_risk() -> None:
    line = said(header_lines(healthy(), 80, 1), 80)[0]
    words = ["03:12:00Z", "BAKING", "2/5 five", "✓ PASS", "Checkout", "risk high"]
    assert [word for word in words if word not in line] == []


def test_the_header_at_60_keeps_mode_and_stage() -> None:
    assert "BAKING  2/5 five" in said(header_lines(healthy(), 60, 1), 60)[0]


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("failing", "✗ FAIL"),
        ("fallen_silent", "✗ FAIL"),
        ("stale", "! HOLD"),
        ("canary_silent", "! HOLD"),
        ("mismatched", "! HOLD"),
        ("suspected", "! WARN"),
        ("healthy", "✓ PASS"),
        ("warming_up", "? WATCHING"),
        ("undecided", "? WATCHING"),
        ("inconclusive", "? INCONCLUSIVE"),
        ("everything_on_the_canary", "✓ PASS"),
    ],
)
@pytest.mark.parametrize("width", [60, 80])
def test_the_verdict_of_the_stage_stands_beside_it_in_the_header(name: str, word: str, width: int) -> None:
    assert f"  {word} " in said(header_lines(STATES[name](), width, 1), width)[0]


@pytest.mark.parametrize("name", ["opening", "ready", "unplaced", "rolling_back", "rolled_back", "closed"])
def test_no_verdict_stands_in_the_header_where_no_stage_is_judged(name: str) -> None:
    line = said(header_lines(STATES[name](), 120, 1), 120)[0]
    assert [word for word in ("PASS", "FAIL", "HOLD") if word in line] == []


def test_the_mode_of_a_stage_that_has_baked_is_not_a_verdicts_word() -> None:
    assert "● BAKED  2/5 five  ? INCONCLUSIVE" in said(header_lines(inconclusive(), 80, 1), 80)[0]


def test_requests_that_do_not_reach_the_canary_stand_beside_what_it_was_given() -> None:
    line = said(exposure_lines(mismatched(), 80, 1), 80)[0]
    assert "! TRAFFIC MISMATCH, canary gets 2.1 %  edge 5 %" in line


def test_the_header_at_120_adds_the_local_time_and_the_rollouts_id() -> None:
    line = said(header_lines(healthy(), 120, 1), 120)[0]
    assert (" local" in line, "checkout-v42/1" in line) == (True, True)


def test_a_screen_that_no_longer_gets_states_says_so() -> None:
    assert "SCREEN 12s BEHIND" in said(header_lines(healthy(), 80, 1, NOW + timedelta(seconds=12)), 80)[0]


def test_a_state_of_a_moment_ago_is_not_called_behind() -> None:
    assert "BEHIND" not in said(header_lines(healthy(), 80, 1, NOW + timedelta(seconds=2)), 80)[0]


def test_an_unwritable_journal_stands_in_the_header() -> None:
    assert "UNJOURNALED" in said(header_lines(unjournaled(), 60, 1), 60)[0]


def test_the_header_says_that_there_is_no_return() -> None:
    assert "⊘ no return" in said(header_lines(past_one_way(), 80, 1), 80)[0]


def test_a_finished_rollout_has_no_return_to_speak_of() -> None:
    assert "no return" not in said(header_lines(complete(), 80, 1), 80)[0]


def test_after_a_rollback_the_stage_is_told_as_past() -> None:
    assert "ROLLED BACK  was 2/5 five" in said(header_lines(rolled_back(), 80, 1), 80)[0]


def test_a_rollout_that_is_not_open_yet_says_opening() -> None:
    assert "OPENING" in said(header_lines(opening(), 80, 1), 80)[0]


def test_the_current_stage_shows_its_bake_countdown() -> None:
    assert said(timeline_lines(healthy(), 40, 6), 40)[2].startswith("→● 2 five    bake 0:50 left  each 5 %")


def test_every_stage_has_a_row_at_80x24() -> None:
    rows = said(timeline_lines(partial(), 40, 6), 40)
    assert [row[3:5].strip() for row in rows[1:]] == ["1", "2", "3", "4", "5"]


def test_a_wide_timeline_names_every_target() -> None:
    assert "edge 5 %, new-checkout 5 %" in said(timeline_lines(healthy(), 60, 6), 60)[2]


def test_a_one_way_stage_carries_its_mark() -> None:
    assert "⊘ one-way" in said(timeline_lines(healthy(), 40, 6), 40)[3]


def test_a_requested_stage_is_hollow_until_it_is_read_back() -> None:
    assert said(timeline_lines(promoting(), 40, 6), 40)[2].startswith(" ○ 2 five    requested")


def test_a_halted_bake_clock_says_that_it_is_held() -> None:
    assert "HELD (halted), 0:50 left" in said(timeline_lines(halted(), 60, 6), 60)[2]


def test_a_bake_clock_without_fresh_data_says_that_it_is_held() -> None:
    assert "bake HELD (stale data), 0:50 left" in said(timeline_lines(stale(), 60, 6), 60)[2]


def test_drift_takes_the_place_of_the_settings_when_rows_are_short() -> None:
    assert "! DRIFTED edge 5 % → 20 %" in said(timeline_lines(drifted(), 40, 6), 40)[2]


def test_drift_gets_rows_of_its_own_when_there_are_some() -> None:
    rows = said(timeline_lines(drifted(), 60, 8), 60)
    assert "bake" in rows[2]
    assert "DRIFTED edge 5 % → 20 % 40s ago by carl" in rows[3]


def test_a_partial_stage_says_which_target_is_not_set() -> None:
    rows = said(timeline_lines(partial(), 60, 8), 60)
    assert "PARTIAL: new-checkout refused: token may not write" in rows[3]


def test_too_many_stages_keep_the_current_one_in_view() -> None:
    assert any("→● 4 half" in row for row in said(timeline_lines(past_one_way(), 40, 4), 40))


def test_an_unplaced_rollout_does_not_claim_a_stage() -> None:
    assert "? of 5 reached" in said(timeline_lines(unplaced(), 40, 6), 40)[0]


def test_after_a_rollback_no_stage_is_pointed_at() -> None:
    rows = said(timeline_lines(rolled_back(), 60, 6), 60)
    assert ("was 2 of 5, undone" in rows[0], any("→●" in row for row in rows)) == (True, False)


def test_the_checklist_before_a_rollback_says_what_undoing_takes() -> None:
    rows = said(checklist_lines(healthy(), 39, 6), 39)
    assert "not started, 3 steps" in rows[0]
    assert rows[1].startswith(" · 1 flag-off  new-checkout → off")


def test_a_manual_step_names_its_owner() -> None:
    assert "by hand (data: dora): tell the " in " ".join(said(checklist_lines(healthy(), 39, 6), 39))


@pytest.mark.parametrize("made", [rolling_back, rolled_back])
def test_once_a_rollback_was_begun_no_stage_reads_as_if_it_still_stood(made: Callable[[], State]) -> None:
    for state in (made(), replace(made(), closed="rolled back")):
        rows = said(timeline_lines(state, 60, 6), 60)
        assert "was 2 of 5" in rows[0]
        assert rows[2].startswith(" ▼ 2 five    was set 03:07Z")
        assert not any("●" in row or "→" in row for row in rows)


def test_closed_after_a_rollback_is_not_a_plain_closed() -> None:
    line = said(header_lines(replace(rolled_back(), closed="done"), 80, 1), 80)[0]
    assert "▼ CLOSED, rolled back  was 2/5 five" in line


def test_closed_in_the_middle_of_a_rollback_says_so() -> None:
    line = said(header_lines(replace(rolling_back(), closed="gave up"), 80, 1), 80)[0]
    assert "CLOSED, rollback UNFINISHED  was 2/5 five" in line


def test_a_simulation_cannot_be_taken_for_production() -> None:
    plan = healthy().plan
    backends = {name: replace(spec, adapter="embedded") for name, spec in plan.backends.items()}
    mixed = {**backends, "prom": plan.backends["prom"]}
    assert "SIMULATED" in said(header_lines(replace(healthy(), plan=replace(plan, backends=backends)), 80, 1), 80)[0]
    assert "SIMULATED" not in said(header_lines(replace(healthy(), plan=replace(plan, backends=mixed)), 80, 1), 80)[0]


@pytest.mark.parametrize("name", [name for name in STATES if name != "opening"])
def test_what_is_exposed_now_is_told_in_every_mode(name: str) -> None:
    state = STATES[name]()
    line = said(exposure_lines(state, 80, 1), 80)[0]
    assert line.startswith("NOW  ")
    for target, entry in state.targets.items():
        assert f"{target} {entry.reading}" in line


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (partial(), "◐ PARTIAL five  edge 5 % · new-checkout off"),
        (drifted(), "! DRIFTED edge 20 %, was 5 %"),
        (rolling_back(), "edge 5 % ? IN DOUBT"),
        (opening(), "edge not read"),
    ],
)
def test_what_is_exposed_now_says_what_is_not_as_it_should_be(state: State, words: str) -> None:
    assert words in said(exposure_lines(state, 80, 1), 80)[0]


def test_a_reading_of_a_source_that_fails_is_dated() -> None:
    sources = source_states(edge_lb="no answer")
    assert "edge 5 % (4s ago)" in said(exposure_lines(replace(healthy(), sources=sources), 80, 1), 80)[0]


def test_drift_stands_first_where_not_every_target_fits() -> None:
    targets = dict(reversed(list(drifted().targets.items())))
    assert "! DRIFTED edge" in said(exposure_lines(replace(drifted(), targets=targets), 44, 1), 44)[0]


def test_a_checklist_that_another_console_works_off_says_so_in_its_title() -> None:
    state = rolling_back()
    by_ben = tuple(replace(entry, who=BEN, at=ago(20)) for entry in state.decisions)
    calm = said(checklist_lines(replace(state, decisions=by_ben), 39, 6), 39)[0]
    stuck = said(checklist_lines(replace(state, decisions=by_ben, as_of=ago(-90)), 39, 6), 39)[0]
    assert "1 of 3 done, run elsewhere" in calm
    assert "1 of 3 done, NO PROGRESS" in stuck


def test_a_checklist_that_waits_for_a_person_is_not_called_not_running() -> None:
    marks = ((StepMark.DONE, ""), (StepMark.DONE, ""), (StepMark.WAITING, ""))
    row = said(checklist_lines(replace(rolling_back(), checklist=step_states(*marks)), 39, 6), 39)[0]
    assert "2 of 3 done, waiting for you" in row


def test_a_resumed_rollback_says_that_it_is_not_running() -> None:
    assert "1 of 3 done, NOT RUNNING" in said(checklist_lines(rolling_back(), 39, 6), 39)[0]


def test_a_step_in_doubt_says_so_and_why() -> None:
    rows = said(checklist_lines(rolling_back(), 39, 6), 39)
    assert rows[2].startswith(" ? 2 edge-zero IN DOUBT")
    assert "no answer within 5 s, reads 5 %" in rows[3]


def test_a_waiting_manual_step_says_whose_turn_it_is() -> None:
    marks = ((StepMark.DONE, ""), (StepMark.DONE, ""), (StepMark.WAITING, ""))
    rows = said(checklist_lines(replace(rolling_back(), checklist=step_states(*marks)), 39, 6), 39)
    assert "→ 3 tell-data YOUR TURN" in rows[3]


def test_a_long_checklist_shows_the_first_step_that_is_not_done() -> None:
    rows = said(checklist_lines(rolling_back(), 39, 2), 39)
    assert "edge-zero" in rows[1]


def test_a_failed_source_comes_first_with_its_reason() -> None:
    line = said(sources_lines(source_failed(), 80, 1), 80)[0]
    assert line.startswith("SOURCES  ✗ prom FAILED 2:00 no answer within 4 s")


def test_a_failed_source_never_hides_that_the_others_are_alive() -> None:
    sources = source_failed().sources
    broken = replace(sources["prom"], reason="the gateway said 502 and a page of markup about it " * 3)
    line = said(sources_lines(replace(source_failed(), sources={**sources, "prom": broken}), 80, 1), 80)[0]
    assert line.startswith("SOURCES  ✗ prom FAILED 2:00 the gateway said")
    assert line.endswith("…  ✓ edge-lb  ✓ flags")


def test_sources_that_do_not_fit_two_lines_are_counted() -> None:
    assert "more" in " ".join(said(sources_lines(source_failed(), 30, 2), 30))


def test_sources_flow_over_a_second_line_where_there_is_one() -> None:
    assert "flags 2s ago" in " ".join(said(sources_lines(source_failed(), 60, 2), 60))


def test_a_source_whose_clock_is_off_says_by_how_much() -> None:
    sources = source_states()
    state = replace(healthy(), sources={**sources, "prom": replace(sources["prom"], skew_s=-42.0)})
    assert "clock 42s behind" in said(sources_lines(state, 120, 1), 120)[0]


def test_a_source_never_read_says_so() -> None:
    assert "∅ prom not read yet" in said(sources_lines(opening(), 80, 1), 80)[0]


def test_the_log_merges_decisions_and_notes_newest_first() -> None:
    times = [entry.at for entry in entries(drifted())]
    assert times == sorted(times, reverse=True)
    assert len(times) == len(drifted().decisions) + len(drifted().log)


def test_of_the_same_moment_the_decision_stands_above_the_note() -> None:
    state = replace(healthy(), log=(NoteState(healthy().decisions[-1].at, None, "note", "at once"),))
    assert entries(state)[0] is state.decisions[-1]


def test_a_decision_row_tells_who_what_outcome_and_where() -> None:
    row = said(log_lines(partial(), 80, 5), 80)[1]
    assert [
        word for word in ("03:11:40", "ana", "promote", "partial", "one → five", "looks good") if word not in row
    ] == []


def test_a_decision_held_in_memory_says_that_it_is_not_written() -> None:
    rows = said(log_lines(unjournaled(), 80, 5), 80)
    assert "2 NOT WRITTEN YET" in rows[0]
    assert "NOT WRITTEN recorded" in rows[1]


def unbelieving(count: int) -> State:
    """A state with rows of the journal that are not believed."""
    rows = tuple(UnbelievedRow(41 + number, "eve", "no decision closes the rollout") for number in range(count))
    return replace(healthy(), unbelieved=rows, unbelieved_count=count)


def test_the_log_says_under_its_title_which_row_of_the_journal_is_not_believed() -> None:
    rows = said(log_lines(unbelieving(1), 100, 6), 100)
    assert rows[1].rstrip() == (
        "▲ 1 row of the journal is not believed: seq 41, by eve: no decision closes the rollout"
    )
    assert rows[2:] == said(log_lines(healthy(), 100, 5), 100)[1:]


def test_many_rows_that_are_not_believed_take_one_line_of_the_log() -> None:
    rows = said(log_lines(unbelieving(90), 80, 6), 80)
    assert rows[1].startswith("▲ 90 rows of the journal are not believed: seq 41, by eve: ")
    assert rows[2:] == said(log_lines(healthy(), 80, 5), 80)[1:]


def test_the_log_of_a_rollout_without_decisions_shows_a_row_that_is_not_believed() -> None:
    rows = said(log_lines(replace(unbelieving(1), log=(), decisions=()), 80, 6), 80)
    assert "nothing decided yet" in rows[0] and "not believed: seq 41" in rows[1]


def test_the_log_says_how_many_older_entries_do_not_fit() -> None:
    assert "1 older not shown, 2 verdict and source lines hidden" in said(log_lines(healthy(), 80, 3), 80)[0]


def noisy() -> State:
    """A healthy rollout in which a verdict has flapped since, eight times."""
    state = healthy()
    flaps = tuple(NoteState(ago(20 - n), None, "verdict", f"errors: flap {n}") for n in range(8))
    return replace(state, log=(*state.log, *flaps))


def test_decisions_and_notes_are_not_pushed_out_of_the_log_by_verdicts() -> None:
    rows = said(log_lines(noisy(), 80, 6), 80)
    assert "flap 7" in rows[1]
    assert sum("verdict" in row for row in rows[1:]) == 2
    assert sum("promote" in row or "note" in row for row in rows) == 3


def test_a_roomy_log_shows_everything() -> None:
    assert sum("flap" in row for row in said(log_lines(noisy(), 80, 30), 80)) == 8


def test_an_override_is_never_hidden_in_the_log() -> None:
    state = healthy()
    forced = replace(state.decisions[-1], at=ago(1), override="errors unsure", reason="known noise")
    assert "OVERRODE errors unsure  known" in said(log_lines(replace(state, decisions=(forced,)), 80, 5), 80)[1]


@pytest.mark.parametrize("baked_s", [0.0, 0.4, 250.0, 250.6, 299.9])
def test_what_is_baked_and_what_is_left_add_up(baked_s: float) -> None:
    row = said(timeline_lines(replace(healthy(), baked_s=baked_s), 40, 6), 40)[2]
    left_s = 300 - int(baked_s)
    assert f"bake {left_s // 60}:{left_s % 60:02} left" in row
