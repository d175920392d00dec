"""What opens over the room, without the room: what it takes to confirm, and what each screen says."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from textual.events import Focus

from console.events.evidence import Gate, Verb
from console.judge.verdict import VerdictState
from console.screens.ask import choice_lines, places
from console.screens.card import prompt
from console.screens.card_details import detail_lines, difference
from console.screens.confirmation import CardAtOpening, Confirmation, changes, confirmation_for, new_obstacles
from console.screens.drilldown import Drilldown, drill_lines
from console.screens.help import help_lines
from console.screens.leave import leave_lines
from console.screens.modal import Field
from console.state.card import card_for
from console.state.evidence_history import EvidenceHistory
from console.state.values import MetricState, State, UnbelievedRow
from tests import states
from tests.engine_port_fake import war_room
from tests.rollout_rig import Story
from widgets.card import plain
from widgets.keys import KEYS
from widgets.line import Line, length, text_of


def asked(state: State, verb: Verb, before: State | None = None) -> Confirmation:
    """The terms of `verb` now, on a card opened at `before`."""
    first = before if before is not None else state
    opened = CardAtOpening(card_for(first, verb), first.reached, first.move)
    return confirmation_for(state, card_for(state, verb), opened)


def words(lines: list[Line]) -> str:
    return " ".join(" ".join(plain(lines)).split())


# -- terms -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "verb", "expected"),
    [
        (states.at_stage_one(), Verb.PROMOTE, Confirmation(key="y")),
        (states.watching(), Verb.PROMOTE, Confirmation(word="migrate")),
        (states.healthy(), Verb.PROMOTE, Confirmation(word="migrate", reason=True, override=True)),
        (states.failing(), Verb.HALT, Confirmation()),
        (states.failing(), Verb.ROLLBACK, Confirmation()),
        (states.past_one_way(), Verb.ROLLBACK, Confirmation(word="rollback", reason=True)),
        (states.rolling_back(), Verb.ROLLBACK, Confirmation()),
        (states.unjournaled(), Verb.ROLLBACK, Confirmation()),
        (states.halted(), Verb.RESUME, Confirmation(key="y")),
        (states.complete(), Verb.CLOSE, Confirmation(key="y")),
        (states.healthy(), Verb.CLOSE, Confirmation(word="close", reason=True, override=True)),
    ],
)
def test_what_it_takes_to_confirm(state: State, verb: Verb, expected: Confirmation) -> None:
    assert asked(state, verb) == expected


def test_a_hard_closed_gate_refuses() -> None:
    assert asked(states.halted(), Verb.PROMOTE).refused == "halted: resume first (u)"


def test_a_verdict_that_turns_to_fail_refuses_at_once() -> None:
    worse = replace(states.failing(), reached=1, move=1, stages=states.stage_states(1), baked_s=300.0)
    refused = asked(worse, Verb.PROMOTE, states.at_stage_one()).refused
    assert refused == "changed since this card was opened: errors FAIL: 10x (7.4-14), 340:1, since 03:08Z"


def test_another_closed_gate_refuses_an_override_that_was_being_typed() -> None:
    assert "errors FAIL" in (asked(states.failing(), Verb.PROMOTE, states.healthy()).refused or "")


def test_a_bake_clock_that_goes_on_is_no_change() -> None:
    later = replace(states.healthy(), baked_s=260.0)
    assert asked(later, Verb.PROMOTE, states.healthy()).refused is None


def test_a_gate_that_opens_under_a_typed_form_does_not_make_it_a_single_key() -> None:
    before = replace(states.at_stage_one(), baked_s=10.0)
    now = asked(states.at_stage_one(), Verb.PROMOTE, before)
    assert (now.key, now.word, now.override) == ("enter", "five", False)


def test_a_promote_that_was_hard_closed_at_first_has_to_be_opened_again() -> None:
    before = replace(states.at_stage_one(), halted="halt-60")
    assert asked(states.at_stage_one(), Verb.PROMOTE, before).refused is not None


def test_a_moved_stage_refuses_a_promote_but_not_a_rollback() -> None:
    assert "OUTDATED" in (asked(states.watching(), Verb.PROMOTE, states.at_stage_one()).refused or "")
    assert asked(states.watching(), Verb.ROLLBACK, states.at_stage_one()).refused is None


def test_passing_a_one_way_stage_makes_an_open_rollback_card_stricter() -> None:
    assert asked(states.past_one_way(), Verb.ROLLBACK, states.failing()).word == "rollback"


@pytest.mark.parametrize(
    ("word", "reason", "missing"),
    [("", "", "type five first"), ("fiv", "x", "type five first"), (" five ", " ", "give a reason first")],
)
def test_a_form_says_what_it_lacks(word: str, reason: str, missing: str) -> None:
    assert Confirmation(word="five", reason=True).missing(word, reason) == missing


def test_a_wrong_word_is_told_from_one_that_is_not_finished() -> None:
    assert Confirmation(word="rollback").missing("qrroll", "") == "‹qrroll› is not ‹rollback›: type rollback first"


def test_a_filled_form_lacks_nothing() -> None:
    assert Confirmation(word="five", reason=True).missing("five", "because") is None


def test_gates_of_one_name_are_told_apart_by_what_they_are_about() -> None:
    before = replace(
        states.card(), gates=(Gate("source", False, "a fails: x", False), Gate("source", True, "b ok", False))
    )
    after = replace(
        states.card(), gates=(Gate("source", False, "a fails: y", False), Gate("source", False, "b fails", False))
    )
    assert new_obstacles(before, after) == ["b fails"]


def test_changes_tell_verdicts_calls_and_opened_gates() -> None:
    before = replace(states.card(), gates=(Gate("bake", False, "baked 1:00 of 5:00", False),))
    after = replace(states.card(), metrics=(replace(before.metrics[0], verdict="stale"),), calls=())
    assert changes(before, after) == ["errors: pass → stale", "the calls have changed", "bake: now open"]


# -- the prompt ------------------------------------------------------------------------------------------------------


def test_a_refused_card_offers_only_the_way_out() -> None:
    text = words(prompt("promotes to five", Confirmation(refused="halted"), "", "", 70))
    assert text == "✗ CANNOT BE CONFIRMED halted esc closes this card; nothing is sent"


def test_the_prompt_names_the_confirming_key() -> None:
    assert words(prompt("halts", Confirmation(), "", "", 70)).startswith("enter halts n reason")
    assert words(prompt("promotes to five", Confirmation(key="y"), "", "", 70)).startswith("y promotes to five")


def test_the_prompt_of_a_field_says_that_enter_leaves_it_before_y_confirms() -> None:
    text = words(prompt("promotes to five", Confirmation(key="y"), "", "why", 70, in_field=True))
    assert text.startswith("enter leaves the field, then y promotes to five")


def test_enter_confirms_from_within_a_field_where_enter_is_the_key() -> None:
    assert words(prompt("halts", Confirmation(), "", "why", 70, in_field=True)).startswith("enter halts")


def test_an_override_is_called_one() -> None:
    text = words(prompt("promotes to five", Confirmation(word="five", reason=True, override=True), "five", "x", 40))
    assert text.startswith("enter OVERRIDES the closed gates and promotes to five")


# -- what is shown beside the card -----------------------------------------------------------------------------------


def test_a_manual_stage_shows_what_to_do_and_whose_it_is() -> None:
    text = words(detail_lines(states.watching(), Verb.PROMOTE, None, 70))
    assert text.startswith("by hand orders table is migrated (data: dora)")
    assert text.endswith("run it first, then confirm here when it is DONE")


def test_a_rollback_that_was_begun_shows_its_steps_and_marks() -> None:
    text = words(detail_lines(states.rolling_back(), Verb.ROLLBACK, None, 70))
    assert "1 ● done flag-off" in text
    assert "2 ? IN DOUBT edge-zero" in text
    assert "3 · to do tell-data" in text


def test_an_edited_plan_shows_the_difference() -> None:
    assert words(detail_lines(states.edited(), Verb.ACCEPT, "plan", 70)) == "- removed bake: 5m + added bake: 1m"


def test_a_difference_keeps_the_indent_of_every_line_and_names_what_changed() -> None:
    text = "--- running\n+++ edited\n@@ -3 +3 @@\n   - name: one\n-    bake: 5m\n+    bake: 1m\n---- x"
    assert plain(difference(text, 60)) == [
        "…          -3 +3",
        "             - name: one",
        "- removed      bake: 5m",
        "+ added        bake: 1m",
        "- removed  --- x",
    ]


def test_a_plan_file_with_errors_is_told_in_its_own_words() -> None:
    assert words(difference("the edited plan has errors: 3: no such backend", 60)).startswith("the edited plan has")


@pytest.mark.parametrize("width", [20, 56, 76])
def test_a_difference_stays_inside_its_width(width: int) -> None:
    text = "+" + " " * 90 + "deep " * 30
    assert max(length(line) for line in difference(text, width)) <= max(width, 30)


def test_drift_shows_from_to_since_and_who() -> None:
    text = words(detail_lines(states.drifted(), Verb.ACCEPT, "edge", 70))
    assert text == "drift edge was 5 %, reads 20 % since 03:11:20Z by carl"


# -- the other screens -----------------------------------------------------------------------------------------------


def test_the_drilldown_shows_queries_interval_source_and_ticks() -> None:
    text = words(drill_lines(states.healthy(), "errors", 76))
    for part in ("✓ pass", "bad: http_5xx", "total: http_total", "1.0x (0.71-1.4)", "prom (prometheus)", "03:11:50Z"):
        assert part in text


def told_story(*bad: float) -> State:
    """A stage of which each minute has this many bad events of the canary among 100,000 a tick; the baseline 100."""
    story = Story().open()
    story.flow(120)
    story.promote()
    for events in bad:
        story.flow(60, bad=events)
    return story.seen


def test_the_drilldown_shows_both_keys_the_pass_the_forecast_and_what_would_change_the_verdict() -> None:
    text = words(drill_lines(told_story(100, 100, 100), "errors", 96))
    for part in (
        "✓ pass (<2x)",
        "worse than the baseline",
        "of 100:1 key 1 of a FAIL",
        "of 5:1 key 2 of a FAIL",
        "✓ below 2x",
        "of 20:1 pass",
        "next WARN at 10:1",
        "forecast FAIL would come after: 2x ~",
        "would already have caught >= 1.",
        "rule equal up to 1.25x",
        "burst factor",
        "judged in this stage",
    ):
        assert part in text


def test_the_drilldown_of_a_failed_metric_says_since_when_by_how_much_and_that_it_stays() -> None:
    text = words(drill_lines(told_story(100, 1000), "errors", 96))
    assert "✗ FAIL" in text
    assert re.search(r"canary/baseline \S+x \(\S+\) \(95 % interval\) in this stage; \S+x since 12:0\d:\d\dZ", text)
    assert "next stays FAIL, even without data" in text


def test_the_drilldown_draws_the_evidence_over_time_once_it_was_followed() -> None:
    state = told_story(100, 1000)
    course = EvidenceHistory().extend(state.boundaries, state.metrics["errors"], 1000)
    assert "over time worse ▁" in words(drill_lines(state, "errors", 96, course))


async def test_the_evidence_over_time_is_followed_when_the_page_is_opened() -> None:
    state = told_story(100, 1000)
    async with war_room(state, size=(100, 40)) as table:
        await table.press("enter")
        page = table.app.screen
        assert isinstance(page, Drilldown)
        await table.pilot.pause()
        assert page.history.whole and page.history.points


def test_the_drilldown_shows_a_gap_as_a_gap() -> None:
    state = states.with_metric(states.healthy(), "errors", ledger=states.counts_ledger(5, gap=range(4, 5)))
    assert "03:11:50Z gap" in words(drill_lines(state, "errors", 76))


def test_the_drilldown_shows_links_as_plain_text() -> None:
    metric = replace(states.ERRORS, links={"board": "https://grafana.example/d/1?[x]"})
    state = states.with_metric(states.healthy(), "errors", metric=metric)
    assert "board: https://grafana.example/d/1?[x]" in words(drill_lines(state, "errors", 76))


def test_the_drilldown_says_why_a_source_fails() -> None:
    assert "FAILED since 03:10:00Z: no answer within 4 s" in words(drill_lines(states.source_failed(), "errors", 76))


def test_the_drilldown_survives_a_metric_without_data_and_one_that_is_gone() -> None:
    state = replace(states.healthy(), metrics={"errors": MetricState(states.ERRORS)}, sources={})
    assert "not assessed yet" in words(drill_lines(state, "errors", 10))
    assert "no longer a metric" in words(drill_lines(state, "gone", 76))


def test_help_names_every_key_and_why_one_is_not_possible() -> None:
    text = words(help_lines(states.healthy(), 76))
    assert all(key.label in text for key in KEYS)
    assert "not now: not halted" in text


def test_help_begins_with_every_row_of_the_journal_that_is_not_believed() -> None:
    rows = tuple(UnbelievedRow(seq, "eve", "the rollout was opened already") for seq in (41, 44))
    text = words(help_lines(replace(states.healthy(), unbelieved=rows, unbelieved_count=3), 76))
    assert text.startswith("ROWS OF THE JOURNAL THAT ARE NOT BELIEVED")
    assert "seq 41, by eve: the rollout was opened already" in text
    assert "seq 44, by eve: the rollout was opened already" in text
    assert "and 1 more: `warroom log verify` names them all" in text


def test_help_shows_every_verdict_mark() -> None:
    text = words(help_lines(None, 76))
    assert all(state in text.lower() for state in ("pass", "fail", "unsure", "stale", "no data"))
    assert len(VerdictState) == 5


def test_help_explains_the_letters_and_the_numbers_of_a_metrics_rows() -> None:
    text = words(help_lines(None, 76))
    assert "p promote h halt u resume r rollback n note" in text
    assert "the odds: beside a pass, that it holds; else, that the canary is worse; 100:1 is a FAIL" in text


@pytest.mark.parametrize("width", [56, 76, 108])
def test_help_and_drilldown_stay_inside_their_width(width: int) -> None:
    lines = [*help_lines(states.halted(), width), *drill_lines(states.source_failed(), "errors", width)]
    assert max(length(line) for line in lines) <= max(width, 62)


def test_places_put_what_fits_first_and_say_what_does_not() -> None:
    found = places(states.unplaced())
    assert [number for number, _ in found] == ["1", "2", "0", "3", "4", "5"]
    assert "fits the readings" in found[0][1]
    assert "does NOT fit" in found[2][1]


def test_a_choice_tells_every_option_whole_and_marks_all_rows_of_the_chosen_one() -> None:
    said = "web skip-analysis: promotes it at once without analysis, and every later release too"
    lines = choice_lines("Which order?", (("a", said), ("b", "web suspend: freezes it")), 0, 40)
    rows = [text_of(line) for line in lines]
    assert max(map(len, rows)) <= 40
    assert " ".join(" ".join(row.strip("▌ ") for row in rows[1:-1]).split()) == said
    assert [row[0] for row in rows[1:]] == ["▌"] * (len(rows) - 2) + [" "]


async def test_home_and_end_of_the_help_are_a_key_away() -> None:
    async with war_room(states.healthy) as table:
        await table.press("question_mark", "end")
        assert "press it to see why." in table.words()
        await table.press("home")
        assert "KEYS" in table.words()
        assert "more above" not in table.words()


def test_a_choice_marks_the_chosen_row() -> None:
    lines = choice_lines("Which?", (("a", "alpha"), ("b", "beta")), 1, 40)
    assert [text_of(line) for line in lines] == ["Which?", "  alpha", "▌ beta"]


def test_leaving_names_what_is_in_flight_and_both_ways() -> None:
    text = words(leave_lines("promote edge -> 5 %", False, False, 70))
    for part in ("promote edge -> 5 %", "w wait", "l leave now, with the outcome unknown", "esc stay"):
        assert part in text


def test_leaving_a_rollback_promises_its_automatic_steps_not_an_unknown_outcome() -> None:
    text = words(leave_lines("rollback", True, False, 70))
    assert "first finishes its automatic steps" in text
    assert "unknown" not in text


async def test_the_word_of_the_focus_that_comes_late_does_not_select_what_was_typed_meanwhile() -> None:
    async with war_room(states.healthy) as table:
        await table.press("n")
        field = table.app.screen.query_one("#note", Field)
        await table.write("smoke")
        field.post_message(Focus())
        await table.pilot.pause()
        await table.write(" alarm")
        assert field.value == "smoke alarm"
