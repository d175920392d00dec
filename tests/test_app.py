"""The application over a fake desk: keys, live data, the bell, answers, leaving."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO, StringIO, TextIOWrapper

import pytest
from rich.console import Console
from textual.command import CommandPalette
from textual.events import Key as KeyEvent
from textual.events import Paste

from adapters.contract import Outcome, Setting
from console.alarms import alarms
from console.app import WarRoom
from console.desk import Desk
from console.events.evidence import Verb
from console.judge.verdict import VerdictState
from console.screens.ask import ChoiceScreen
from console.screens.card import DecisionCard
from console.screens.drilldown import Drilldown
from console.screens.help import Help
from console.screens.leave import LeaveScreen
from console.screens.modal import Field, Modal
from console.screens.place import PlaceScreen
from console.state.values import State, StepMark
from console.terminal import unusable, write_utf8
from tests import states
from tests.desk_fake import FakeDesk, war_room
from widgets.answer import AnswerLine
from widgets.header import HeaderLine
from widgets.keys import KEYS, KeyLine, key_line
from widgets.line import length, text_of
from widgets.metrics import MetricsPane
from widgets.sheet import Sheet
from widgets.sources import SourcesLine


def at_stage_one() -> State:
    """Stage 1 of 5, baked, everything passes: y promotes."""
    return replace(states.watching(), reached=1, move=1, stages=states.stage_states(1))


HEAVY = ("pydantic", "httpx", "sqlite_utils", "ruamel", "yaml", "numpy")


async def test_the_first_state_reaches_every_pane() -> None:
    async with war_room(states.healthy) as table:
        words = table.words()
        for part in ("BAKING", "errors", "migrate", "flag-off", "prom", "promote"):
            assert part in words


async def test_an_unopened_rollout_shows_a_screen_and_does_not_crash() -> None:
    async with war_room(None) as table:
        await table.press("p")
        assert "still being opened" in table.toasts()[0]
        assert len(table.app.screen_stack) == 1


@pytest.mark.parametrize("size", [(60, 16), (20, 5)])
async def test_a_small_terminal_shows_the_room_and_its_cards_without_a_crash(size: tuple[int, int]) -> None:
    async with war_room(states.failing, size) as table:
        for key in ("p", "question_mark"):
            await table.pilot.press(key)
            table.app.save_screenshot(os.devnull)
            await table.pilot.press("escape")
        for made in states.STATES.values():
            await table.show(made())
        assert len(table.app.screen_stack) == 1


async def test_no_color_draws_the_room_and_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with war_room(states.failing) as table:
        await table.press("p")
        assert "✗ CLOSED" in table.words()


async def test_the_engine_is_started_once() -> None:
    async with war_room(states.healthy) as table:
        assert table.desk.started == 1


@pytest.mark.parametrize(("key", "verb"), [("h", Verb.HALT), ("r", Verb.ROLLBACK)])
async def test_going_safer_takes_two_keystrokes(key: str, verb: Verb) -> None:
    async with war_room(states.failing) as table:
        await table.press(key, "enter")
        (intent,) = table.desk.asked
        assert (intent.verb, intent.reason, intent.override) == (verb, "", False)


@pytest.mark.parametrize("key", ["p", "enter", "space"])
async def test_only_y_confirms_an_open_promote(key: str) -> None:
    state = replace(states.watching(), reached=1, move=1, stages=states.stage_states(1))
    async with war_room(state) as table:
        await table.press("p", key)
        assert table.desk.asked == []
        assert isinstance(table.app.screen, DecisionCard)


async def test_y_promotes_with_what_was_seen() -> None:
    state = replace(states.watching(), reached=1, move=1, stages=states.stage_states(1))
    async with war_room(state) as table:
        await table.press("p", "y")
        (intent,) = table.desk.asked
        assert (intent.verb, intent.stage, intent.move) == (Verb.PROMOTE, 1, 1)
        assert intent.card is not None
        assert intent.card.stage_to == "five"


@pytest.mark.parametrize("keys", [("p", "y"), ("h", "enter"), ("r", "enter"), ("p", "p"), ("q", "l")])
async def test_keys_typed_before_the_paint_never_confirm(keys: tuple[str, str]) -> None:
    state = replace(states.watching(), reached=1, move=1, stages=states.stage_states(1))
    async with war_room(state) as table:
        table.desk.flying = "promote edge -> 5 %"
        for key in keys:
            table.app.post_message(KeyEvent(key, key if len(key) == 1 else None))
        await table.pilot.pause()
        await table.pilot.pause()
        assert table.desk.asked == []
        assert table.desk.stopped == []
        assert len(table.app.screen_stack) == 2


async def test_a_key_stamped_before_the_paint_is_dropped_even_when_it_comes_late() -> None:
    async with war_room(states.failing) as table:
        early = KeyEvent("enter", None)
        await table.press("h")
        table.app.post_message(early)
        await table.pilot.pause()
        assert table.desk.asked == []
        await table.press("enter")
        assert [intent.verb for intent in table.desk.asked] == [Verb.HALT]


async def test_a_card_is_armed_only_after_it_was_drawn() -> None:
    async with war_room(states.failing) as table:
        seen: list[bool] = []

        class Watched(DecisionCard):
            def begin(self) -> None:
                seen.append(any("HALT" in text_of(line) for line in self.query_one("#sheet", Sheet).lines))

        table.app.push_screen(Watched(states.failing(), Verb.HALT))
        await table.pilot.pause()
        assert seen == [True]


async def test_the_override_form_wants_the_stage_and_a_reason() -> None:
    async with war_room(states.failing) as table:
        await table.press("p")
        await table.write("migrate")
        await table.press("enter")
        assert table.desk.asked == []
        await table.write("known noise")
        await table.press("enter")
        (intent,) = table.desk.asked
        assert (intent.override, intent.reason) == (True, "known noise")


@pytest.mark.parametrize("opener", ["p", "enter", "question_mark", "q"])
@pytest.mark.parametrize(("key", "verb"), [("h", Verb.HALT), ("r", Verb.ROLLBACK)])
async def test_going_safer_takes_two_keystrokes_whatever_is_open(opener: str, key: str, verb: Verb) -> None:
    async with war_room(at_stage_one()) as table:
        table.desk.flying = "promote edge -> 5 %"
        await table.press(opener, key)
        assert isinstance(table.app.screen, DecisionCard)
        assert len(table.app.screen_stack) == 2
        await table.press("enter")
        assert [intent.verb for intent in table.desk.asked] == [verb]


async def test_a_halt_card_gives_way_to_a_rollback_card() -> None:
    async with war_room(states.failing) as table:
        await table.press("h", "r", "enter")
        assert [intent.verb for intent in table.desk.asked] == [Verb.ROLLBACK]


async def test_no_key_counts_on_a_card_that_was_left_for_a_safer_one() -> None:
    async with war_room(at_stage_one()) as table:
        await table.press("p")
        await table.burst("ry")
        assert table.desk.asked == []
        assert isinstance(table.app.screen, DecisionCard)
        assert table.app.screen.verb is Verb.ROLLBACK


async def test_r_and_h_are_letters_in_a_field() -> None:
    async with war_room(at_stage_one()) as table:
        await table.press("p", "n", "r", "h", "enter", "y")
        assert [(intent.verb, intent.reason) for intent in table.desk.asked] == [(Verb.PROMOTE, "rh")]


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("p", "p does nothing here: y promotes, esc closes"),
        ("x", "x does nothing here: y promotes, esc closes"),
        ("enter", "enter does nothing here: y promotes, esc closes"),
        ("question_mark", "? does nothing here: y promotes, esc closes"),
    ],
)
async def test_a_key_that_does_nothing_in_a_card_says_what_does(key: str, said: str) -> None:
    async with war_room(at_stage_one()) as table:
        await table.press("p", key)
        assert said in table.words()
        assert table.desk.asked == []


async def test_the_key_of_the_open_card_leaves_it_open() -> None:
    async with war_room(states.failing) as table:
        await table.press("r")
        card = table.app.screen
        await table.press("r")
        assert table.app.screen is card
        assert "r does nothing here: enter rolls back, esc closes" in table.words()


@pytest.mark.parametrize(
    ("typed", "word", "reason"),
    [
        ("rollback\tsmoke alarm", "rollback", "smoke alarm"),
        ("rollbakc\b\bck", "rollback", ""),
        ("nonsense\x15rollback\tx", "rollback", "x"),
        ("rollback\rsmoke", "rollback", "smoke"),
        ("oll\x01r\x05back", "rollback", ""),
    ],
)
async def test_keys_that_come_at_once_are_taken_in_their_order(typed: str, word: str, reason: str) -> None:
    async with war_room(states.past_one_way) as table:
        await table.press("r")
        await table.burst(typed)
        fields = [table.app.screen.query_one(name, Field).value for name in ("#word", "#reason")]
        assert fields == [word, reason]


async def test_a_form_that_comes_at_once_is_handed_over_once() -> None:
    async with war_room(states.past_one_way) as table:
        await table.press("r")
        await table.burst("rollback\tsmoke alarm\r\r")
        assert [(intent.verb, intent.reason) for intent in table.desk.asked] == [(Verb.ROLLBACK, "smoke alarm")]
        assert len(table.app.screen_stack) == 1


async def test_what_is_pasted_goes_into_the_field_in_its_turn() -> None:
    async with war_room(states.past_one_way) as table:
        await table.press("r")
        table.app.post_message(Paste("roll\nsecond line"))
        await table.burst("back")
        assert table.app.screen.query_one("#word", Field).value == "rollback"


async def test_a_field_that_takes_the_y_says_how_to_get_out_of_it() -> None:
    async with war_room(at_stage_one()) as table:
        await table.press("p", "n")
        assert "enter leaves the field, then y promotes to five" in table.words()
        await table.press("enter")
        assert "leaves the field" not in table.words()


async def test_a_wrong_word_is_shown_beside_the_right_one() -> None:
    async with war_room(states.past_one_way) as table:
        await table.press("r")
        await table.write("qrroll")
        assert "‹qrroll› is not ‹rollback›" in table.words()


async def test_a_wrong_stage_name_does_not_override() -> None:
    async with war_room(states.failing) as table:
        await table.press("p")
        await table.write("half")
        await table.press("tab")
        await table.write("because")
        await table.press("enter")
        assert table.desk.asked == []


async def test_rolling_back_past_a_one_way_stage_costs_typing() -> None:
    async with war_room(states.past_one_way) as table:
        await table.press("r", "enter")
        assert table.desk.asked == []
        await table.write("rollback")
        await table.press("enter")
        await table.write("data is safe")
        await table.press("enter")
        (intent,) = table.desk.asked
        assert (intent.verb, intent.reason) == (Verb.ROLLBACK, "data is safe")


async def test_the_card_moves_while_it_is_open_and_says_what_changed() -> None:
    state = replace(states.watching(), reached=1, move=1, stages=states.stage_states(1))
    async with war_room(state) as table:
        await table.press("p")
        worse = replace(states.failing(), reached=1, move=1, stages=states.stage_states(1), baked_s=300.0)
        await table.show(worse)
        words = table.words()
        assert "errors: pass → fail" in words
        assert "CANNOT BE CONFIRMED" in words
        await table.press("y")
        assert table.desk.asked == []


async def test_a_card_whose_stage_was_moved_by_somebody_else_is_outdated() -> None:
    state = replace(states.watching(), reached=1, move=1, stages=states.stage_states(1))
    async with war_room(state) as table:
        await table.press("p")
        by_ben = states.decision(Verb.PROMOTE, -1, "confirmed", who=states.BEN)
        await table.show(replace(states.watching(), decisions=(*state.decisions, by_ben)))
        assert "OUTDATED: the rollout was moved to stage 2 (five) by ben" in " ".join(table.words().split())
        await table.press("y")
        assert table.desk.asked == []


async def test_a_halt_never_loses_to_a_moved_stage() -> None:
    state = replace(states.watching(), reached=1, move=1, stages=states.stage_states(1))
    async with war_room(state) as table:
        await table.press("h")
        await table.show(states.failing())
        await table.press("enter")
        assert [intent.verb for intent in table.desk.asked] == [Verb.HALT]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (states.rolling_back, "nothing to halt: a rollback is under way, it goes on"),
        (states.halted, "nothing to halt: halted already"),
    ],
)
async def test_a_halt_with_nothing_to_stop_says_what_holds_already(made: Callable[[], State], said: str) -> None:
    async with war_room(made) as table:
        await table.press("h")
        assert table.toasts() == [said]
        assert said in table.pane(AnswerLine)
        assert "CANNOT" not in table.words()


async def test_a_hard_closed_promote_says_why_and_cannot_be_confirmed() -> None:
    async with war_room(states.halted) as table:
        await table.press("p")
        assert "CANNOT BE CONFIRMED halted: resume first (u)" in " ".join(table.words().split())
        assert table.toasts() == []
        await table.press("y", "enter")
        assert table.desk.asked == []


async def test_a_key_that_is_not_possible_says_why_and_stays_on_the_line() -> None:
    async with war_room(states.healthy) as table:
        await table.press("u")
        assert table.toasts() == ["not halted"]
        assert "not halted" in table.pane(AnswerLine)
        assert "u·resume" in table.pane(KeyLine)


async def test_a_refusal_stands_on_the_advice_line_until_the_next_key() -> None:
    async with war_room(states.healthy) as table:
        table.desk.answers = ["promote refused: stage moved to 3 by [bob]"]
        table.app.pull()
        await table.pilot.pause()
        assert table.toasts() == ["promote refused: stage moved to 3 by [bob]"]
        assert "promote refused: stage moved to 3 by [bob]" in table.pane(AnswerLine)
        await table.press("down")
        assert "refused" not in table.pane(AnswerLine)


async def test_a_full_inbox_is_said() -> None:
    async with war_room(states.failing) as table:
        table.desk.full = True
        await table.press("h", "enter")
        assert "NOT handed over" in table.toasts()[0]


async def test_an_observer_may_halt_but_not_promote() -> None:
    async with war_room(states.watching, observe=True) as table:
        await table.press("p")
        assert "only observes" in table.toasts()[0]
        await table.press("h", "enter")
        assert [intent.verb for intent in table.desk.asked] == [Verb.HALT]


async def test_a_resumed_rollback_is_continued_by_r_enter() -> None:
    async with war_room(states.rolling_back) as table:
        await table.press("r")
        words = table.words()
        assert "CONTINUE ROLLBACK" in words
        assert "? IN DOUBT" in words
        await table.press("enter")
        assert [intent.verb for intent in table.desk.asked] == [Verb.ROLLBACK]


TELL_DATA = (*"tell", "minus", *"data")


async def test_r_confirms_a_manual_step_while_the_rollback_runs() -> None:
    waiting = states.step_states((StepMark.DONE, ""), (StepMark.DONE, ""), (StepMark.WAITING, ""))
    async with war_room(replace(states.rolling_back(), running=True, checklist=waiting, requests={})) as table:
        await table.press("r")
        assert "orders v1 is live again" in table.words()
        await table.press("y")
        assert table.desk.asked == []
        await table.press("backspace", *TELL_DATA, "enter")
        (intent,) = table.desk.asked
        assert (intent.verb, intent.subject, intent.typed) == (Verb.CONFIRM, "tell-data", "tell-data")


async def test_r_confirms_a_manual_step_when_nothing_automatic_is_left() -> None:
    waiting = states.step_states((StepMark.DONE, ""), (StepMark.DONE, ""), (StepMark.WAITING, ""))
    async with war_room(replace(states.rolling_back(), running=False, checklist=waiting, requests={})) as table:
        await table.press("r", *TELL_DATA, "enter")
        assert [(intent.verb, intent.subject) for intent in table.desk.asked] == [(Verb.CONFIRM, "tell-data")]


async def test_x_goes_on_without_a_step_once_it_is_named_and_a_reason_is_given() -> None:
    waiting = states.step_states((StepMark.DONE, ""), (StepMark.REFUSED, "frozen"), (StepMark.PENDING, ""))
    async with war_room(replace(states.rolling_back(), running=False, checklist=waiting, requests={})) as table:
        await table.press("x")
        assert "Go on without which step?" in table.words()
        await table.press("enter")
        assert "then go on: tell-data" in table.words()
        await table.press(*"edge", "minus", *"zero", "enter")
        assert table.desk.asked == []
        await table.press(*"dead", "enter")
        (intent,) = table.desk.asked
        assert (intent.verb, intent.subject, intent.typed, intent.reason) == (
            Verb.SKIP,
            "edge-zero",
            "edge-zero",
            "dead",
        )


async def test_after_a_crash_r_continues_although_a_manual_step_waits_as_well() -> None:
    waiting = states.step_states((StepMark.DONE, ""), (StepMark.REQUESTED, ""), (StepMark.WAITING, ""))
    async with war_room(replace(states.rolling_back(), running=False, checklist=waiting, requests={})) as table:
        assert "edge-zero UNANSWERED: r continues" in table.words()
        await table.press("r", "enter")
        assert [intent.verb for intent in table.desk.asked] == [Verb.ROLLBACK]


async def test_drift_is_accepted_by_target() -> None:
    async with war_room(states.drifted) as table:
        await table.press("a", "y")
        (intent,) = table.desk.asked
        assert (intent.verb, intent.subject) == (Verb.ACCEPT, "edge")


async def test_two_changes_are_accepted_one_by_one() -> None:
    async with war_room(replace(states.drifted(), edited="- bake: 5m\n+ bake: 1m")) as table:
        await table.press("a")
        assert isinstance(table.app.screen, ChoiceScreen)
        await table.press("down", "enter")
        assert "+ added     bake: 1m" in table.words()
        await table.press("y")
        assert [intent.subject for intent in table.desk.asked] == ["plan"]


async def test_an_ambiguous_opening_is_placed_by_choice_and_card() -> None:
    async with war_room(states.unplaced) as table:
        await table.press("s")
        assert isinstance(table.app.screen, PlaceScreen)
        await table.press("down", "enter", "y")
        (intent,) = table.desk.asked
        assert (intent.verb, intent.subject) == (Verb.PLACE, "2")


async def test_a_note_is_handed_over_as_typed() -> None:
    async with war_room(states.healthy) as table:
        await table.press("n")
        await table.write("pq y")
        await table.press("enter")
        (intent,) = table.desk.asked
        assert (intent.verb, intent.text) == (None, "pq y")


async def test_enter_opens_the_selected_metric_and_it_stays_live() -> None:
    async with war_room(states.healthy) as table:
        await table.press("j", "enter")
        assert isinstance(table.app.screen, Drilldown)
        assert table.app.screen.metric == "slow"
        said = states.verdict("slow", VerdictState.FAIL, "much slower")
        await table.show(states.with_metric(states.healthy(), "slow", verdict=said))
        assert "much slower" in table.words()


async def test_help_opens_and_closes() -> None:
    async with war_room(states.healthy) as table:
        await table.press("question_mark")
        assert isinstance(table.app.screen, Help)
        await table.press("escape")
        assert len(table.app.screen_stack) == 1


async def test_the_palette_offers_every_key_and_does_what_the_key_does() -> None:
    async with war_room(states.failing) as table:
        await table.press("ctrl+p")
        assert isinstance(table.app.screen, CommandPalette)
        await table.write("halt")
        await table.pilot.pause(0.3)
        await table.press("enter")
        assert isinstance(table.app.screen, DecisionCard)
        assert table.app.screen.verb is Verb.HALT


async def test_q_leaves_at_once_when_nothing_is_in_flight() -> None:
    async with war_room(states.healthy) as table:
        await table.press("q")
        assert table.desk.stopped == [False]
        assert table.app.return_code == 0


async def test_q_asks_while_a_call_is_in_flight_and_can_leave_it_unknown() -> None:
    async with war_room(states.promoting) as table:
        table.desk.flying = "promote edge -> 5 %"
        await table.press("q")
        assert "promote edge -> 5 %" in table.words()
        assert table.desk.stopped == []
        await table.press("l")
        assert table.desk.stopped == [True]


async def test_q_can_wait_for_what_is_in_flight() -> None:
    async with war_room(states.promoting) as table:
        table.desk.flying = "promote edge -> 5 %"
        await table.press("q", "w")
        assert table.desk.stopped == []
        table.desk.flying = None
        screen = table.app.screen
        assert isinstance(screen, LeaveScreen)
        screen.look()
        await table.pilot.pause()
        assert table.desk.stopped == [False]


async def test_leaving_a_running_rollback_says_that_it_finishes_first() -> None:
    async with war_room(replace(states.rolling_back(), running=True)) as table:
        table.desk.flying = "rollback"
        await table.press("q")
        assert "finishes its automatic" in table.words()


def test_an_engine_that_ended_ends_the_screen_with_code_2_and_its_reason() -> None:
    script = """
import sys
from tests.desk_fake import FakeDesk
from console.app import WarRoom
desk = FakeDesk(None)
desk.end = "plan.yaml:3: no such backend [edge]"
app = WarRoom(desk, title="checkout")
app.run(headless=True)
sys.exit(app.return_code)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (2, "plan.yaml:3: no such backend [edge]\n")


async def test_a_pull_while_the_screen_is_taken_down_does_nothing() -> None:
    async with war_room(states.healthy) as table:
        await table.app.query_one(HeaderLine).remove()
        await table.show(states.failing())
        assert table.app.state is not table.desk.state


async def test_the_bell_rings_once_for_a_new_failure() -> None:
    async with war_room(states.healthy) as table:
        rung: list[int] = []
        table.app.bell = lambda: rung.append(1)  # type: ignore[method-assign]
        await table.show(states.failing())
        await table.show(replace(states.failing(), baked_s=251.0))
        assert len(rung) == 1


def test_an_alarm_rings_again_only_after_it_was_over() -> None:
    healthy, failing = states.healthy(), states.failing()
    assert alarms(healthy, failing) == ("errors is fail", "the stage is FAIL")
    assert alarms(failing, failing) == ()
    assert alarms(failing, healthy) == ()


def test_what_stood_at_the_opening_does_not_ring() -> None:
    assert alarms(None, states.failing()) == ()


@pytest.mark.parametrize("made", [states.canary_silent, states.mismatched])
def test_a_stage_that_is_held_rings(made: Callable[[], State]) -> None:
    assert alarms(states.healthy(), made()) == ("the stage is HOLD",)


@pytest.mark.parametrize("made", [states.suspected, states.undecided, states.inconclusive, states.warming_up])
def test_what_is_not_proven_does_not_ring(made: Callable[[], State]) -> None:
    assert alarms(states.healthy(), made()) == ()


def test_a_metric_that_only_informs_does_not_ring() -> None:
    said = states.verdict("cpu", VerdictState.FAIL, "hot")
    assert alarms(states.healthy(), states.with_metric(states.healthy(), "cpu", verdict=said)) == ()


def test_a_request_newly_in_doubt_rings() -> None:
    lost = states.request("edge", Setting(5), Outcome.UNKNOWN)
    after = replace(states.healthy(), requests={lost.id: lost})
    assert alarms(states.healthy(), after) == ("request req-edge is in doubt",)


def test_every_verb_stays_on_the_key_line_down_to_sixty_cells() -> None:
    caps = [key.cap for key in KEYS if key.verb is not None and key.on_line]
    for width in (60, 80, 120):
        line = key_line(frozenset({"resume"}), width)
        shown = [piece.text[0] for piece in line if piece.text.strip()]
        assert length(line) <= width
        assert all(cap in shown for cap in caps)


def test_a_line_of_forty_cells_still_shows_help_and_quit() -> None:
    line = key_line(frozenset({"resume", "accept", "place"}), 40, frozenset({"take", "offer", "approve"}))
    assert length(line) <= 40
    assert text_of(line) == "p pr h ha u· r ro n no a· s· c cl ? q"


def test_an_impossible_key_is_told_apart_without_colour() -> None:
    text = text_of(key_line(frozenset({"promote"}), 120))
    assert "p·promote" in text
    assert "h halt" in text


def test_keys_and_ids_are_declared_once() -> None:
    names = [name for key in KEYS for name in key.keys.split(",")]
    assert len(names) == len(set(names))
    assert len({key.id for key in KEYS}) == len(KEYS)


class _Tty(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("term", "why"), [("dumb", "TERM=dumb"), ("", "TERM=not set"), ("xterm", None)])
def test_a_terminal_that_cannot_show_a_screen_is_refused(term: str, why: str | None) -> None:
    said = unusable({"TERM": term}, _Tty(), _Tty())
    assert (said is None) if why is None else (said is not None and why in said)


def test_the_screen_is_written_in_utf8_whatever_the_locale_says() -> None:
    written = BytesIO()
    stream = TextIOWrapper(written, encoding="latin-1", errors="backslashreplace")
    write_utf8(stream, None, StringIO())
    stream.write("● BAKING")
    stream.flush()
    assert written.getvalue().decode() == "● BAKING"


def test_a_redirected_stream_is_refused() -> None:
    said = unusable({"TERM": "xterm"}, _Tty(), StringIO())
    assert said is not None
    assert "not on a terminal" in said


def test_nothing_heavy_is_imported_before_the_first_frame() -> None:
    script = f"""
import asyncio, json, sys
from tests.desk_fake import FakeDesk
from console.app import WarRoom
class First(FakeDesk):
    def start(self):
        frame = "".join(p.text for pane in app.screen.query("Pane") for line in pane.lines for p in line)
        heavy = [name for name in {HEAVY!r} if name in sys.modules]
        print(json.dumps([bool(frame.strip()), heavy]), flush=True)
        super().start()
app = WarRoom(First(None), title="t")
async def main():
    async with app.run_test() as pilot:
        await pilot.pause()
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout) == [True, []]


async def test_the_cursor_of_the_metrics_moves_by_j_and_k() -> None:
    async with war_room(states.healthy) as table:
        await table.press("j", "j", "k")
        assert table.app.query_one(MetricsPane).selected == "slow"


async def test_a_silent_engine_is_seen_on_the_header() -> None:
    async with war_room(states.healthy) as table:
        table.app._came_at -= 30
        table.app.pull()
        await table.pilot.pause()
        assert "BEHIND" in table.words()


def test_the_fake_is_a_desk() -> None:
    desk: Desk = FakeDesk(None)
    assert desk.latest() is None


async def test_a_modal_over_the_room_swallows_its_keys() -> None:
    async with war_room(states.failing) as table:
        await table.press("enter", "n", "p")
        modals = [screen for screen in table.app.screen_stack if isinstance(screen, Modal)]
        assert len(modals) == 1


async def test_a_terminal_that_shrinks_keeps_the_keys_and_the_sources_on_the_screen() -> None:
    async with war_room(states.healthy, (80, 24)) as table:
        await table.pilot.resize_terminal(60, 16)
        await table.pilot.pause()
        for pane in (SourcesLine, KeyLine):
            region = table.app.query_one(pane).region
            assert region.height == 1
            assert region.bottom <= 16


async def test_a_card_that_is_being_taken_down_survives_a_new_state_and_a_resize() -> None:
    async with war_room(states.failing) as table:
        await table.press("r")
        card = table.app.screen
        assert isinstance(card, DecisionCard)
        await card.query_one("#word-row").remove()
        card.state = states.healthy()
        await table.pilot.resize_terminal(70, 20)
        await table.pilot.pause()
        assert table.app.screen is card


async def test_a_fault_of_the_screen_is_one_line_and_no_traceback() -> None:
    class Broken(FakeDesk):
        def refusals(self) -> list[str]:
            raise RuntimeError("\x1b]52;c;aGk=\x07 boom")

    app = WarRoom(Broken(states.healthy()), title="x")
    said = StringIO()
    app.error_console = Console(file=said, width=200)
    with pytest.raises(RuntimeError):
        async with app.run_test() as pilot:
            await pilot.pause(1.0)
    line = " ".join(said.getvalue().split())
    assert line.startswith("warroom: the screen failed: RuntimeError: ]52;c;aGk= boom at test_app.py:")
    assert line.endswith("start it again, it goes on from the journal")
