"""Words on every pane but the metrics, at the widths it has to work at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from console.state.values import NoteState, StepMark
from tests.states import (
    NOW,
    ago,
    complete,
    drifted,
    halted,
    healthy,
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
from widgets.header import header_lines
from widgets.line import Line, fit, text_of
from widgets.log import entries, log_lines
from widgets.sources import sources_lines
from widgets.timeline import timeline_lines


def said(lines: Sequence[Line], width: int) -> list[str]:
    """What the lines show in `width` cells."""
    return [text_of(fit(line, width)) for line in lines]


def test_the_header_at_80_tells_time_mode_stage_title_risk_versions_and_operator() -> None:
    line = said(header_lines(healthy(), 80, 1), 80)[0]
    words = ["03:12:00Z", "BAKING", "2/5 five", "Checkout", "risk high", "v42 over v41", "ana"]
    assert [word for word in words if word not in line] == []


def test_the_header_at_60_keeps_mode_and_stage() -> None:
    assert "BAKING  2/5 five" in said(header_lines(healthy(), 60, 1), 60)[0]


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
    assert "HELD (stale), 0:50 left" in said(timeline_lines(stale(), 60, 6), 60)[2]


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
    assert ("undone since" in rows[0], any("→●" in row for row in rows)) == (True, False)


def test_the_checklist_before_a_rollback_says_what_undoing_takes() -> None:
    rows = said(checklist_lines(healthy(), 39, 6), 39)
    assert "not begun, 3 steps" in rows[0]
    assert rows[1].startswith(" · 1 flag-off  new-checkout → off")


def test_a_manual_step_names_its_owner() -> None:
    assert "by hand (data): tell the data team" in " ".join(said(checklist_lines(healthy(), 39, 6), 39))


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


def test_sources_that_do_not_fit_are_counted() -> None:
    assert "+1 more" in said(sources_lines(source_failed(), 80, 1), 80)[0]


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


def test_the_log_says_how_many_older_entries_do_not_fit() -> None:
    assert "3 older below" in said(log_lines(healthy(), 80, 3), 80)[0]


def test_an_override_is_never_hidden_in_the_log() -> None:
    state = healthy()
    forced = replace(state.decisions[-1], at=ago(1), override="errors unsure", reason="known noise")
    assert "OVERRODE errors unsure  known" in said(log_lines(replace(state, decisions=(forced,)), 80, 5), 80)[1]
