"""A decision card over a fake engine: what arms it, what confirms it, what changes under it, what outdates it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.events import Key as KeyEvent

from console.events.evidence import Verb
from console.screens.card import DecisionCard
from tests import states
from tests.engine_port_fake import war_room
from widgets.line import text_of
from widgets.sheet import Sheet


@pytest.mark.parametrize(("key", "verb"), [("h", Verb.HALT), ("r", Verb.ROLLBACK)])
async def test_going_safer_takes_two_keystrokes(key: str, verb: Verb) -> None:
    async with war_room(states.failing) as table:
        await table.press(key, "enter")
        (intent,) = table.engine.intents
        assert (intent.verb, intent.reason, intent.override) == (verb, "", False)


@pytest.mark.parametrize("key", ["p", "enter", "space"])
async def test_only_y_confirms_an_open_promote(key: str) -> None:
    async with war_room(states.at_stage_one) as table:
        await table.press("p", key)
        assert table.engine.intents == []
        assert isinstance(table.app.screen, DecisionCard)


async def test_y_promotes_with_what_was_seen() -> None:
    async with war_room(states.at_stage_one) as table:
        await table.press("p", "y")
        (intent,) = table.engine.intents
        assert (intent.verb, intent.stage, intent.move) == (Verb.PROMOTE, 1, 1)
        assert intent.card is not None
        assert intent.card.stage_to == "five"


@pytest.mark.parametrize("keys", [("p", "y"), ("h", "enter"), ("r", "enter"), ("p", "p"), ("q", "l")])
async def test_keys_typed_before_the_paint_never_confirm(keys: tuple[str, str]) -> None:
    async with war_room(states.at_stage_one) as table:
        table.engine.flying = "promote edge -> 5 %"
        for key in keys:
            table.app.post_message(KeyEvent(key, key if len(key) == 1 else None))
        await table.pilot.pause()
        await table.pilot.pause()
        assert table.engine.intents == []
        assert table.engine.stopped == []
        assert len(table.app.screen_stack) == 2


async def test_a_key_stamped_before_the_paint_is_dropped_even_when_it_comes_late() -> None:
    async with war_room(states.failing) as table:
        early = KeyEvent("enter", None)
        await table.press("h")
        table.app.post_message(early)
        await table.pilot.pause()
        assert table.engine.intents == []
        await table.press("enter")
        assert [intent.verb for intent in table.engine.intents] == [Verb.HALT]


async def test_a_card_is_armed_only_after_it_was_drawn() -> None:
    async with war_room(states.failing) as table:
        seen: list[bool] = []

        class Watched(DecisionCard):
            def begin(self) -> None:
                seen.append(any("HALT" in text_of(line) for line in self.query_one("#sheet", Sheet).lines))

        table.app.push_screen(Watched(states.failing(), Verb.HALT))
        await table.pilot.pause()
        assert seen == [True]


@pytest.mark.parametrize("opener", ["p", "enter", "question_mark", "q"])
@pytest.mark.parametrize(("key", "verb"), [("h", Verb.HALT), ("r", Verb.ROLLBACK)])
async def test_going_safer_takes_two_keystrokes_whatever_is_open(opener: str, key: str, verb: Verb) -> None:
    async with war_room(states.at_stage_one) as table:
        table.engine.flying = "promote edge -> 5 %"
        await table.press(opener, key)
        assert isinstance(table.app.screen, DecisionCard)
        assert len(table.app.screen_stack) == 2
        await table.press("enter")
        assert [intent.verb for intent in table.engine.intents] == [verb]


async def test_a_halt_card_gives_way_to_a_rollback_card() -> None:
    async with war_room(states.failing) as table:
        await table.press("h", "r", "enter")
        assert [intent.verb for intent in table.engine.intents] == [Verb.ROLLBACK]


async def test_no_key_counts_on_a_card_that_was_left_for_a_safer_one() -> None:
    async with war_room(states.at_stage_one) as table:
        await table.press("p")
        await table.burst("ry")
        assert table.engine.intents == []
        assert isinstance(table.app.screen, DecisionCard)
        assert table.app.screen.verb is Verb.ROLLBACK


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
    async with war_room(states.at_stage_one) as table:
        await table.press("p", key)
        assert said in table.words()
        assert table.engine.intents == []


async def test_the_key_of_the_open_card_leaves_it_open() -> None:
    async with war_room(states.failing) as table:
        await table.press("r")
        card = table.app.screen
        await table.press("r")
        assert table.app.screen is card
        assert "r does nothing here: enter rolls back, esc closes" in table.words()


async def test_the_card_moves_while_it_is_open_and_says_what_changed() -> None:
    async with war_room(states.at_stage_one) as table:
        await table.press("p")
        worse = replace(states.failing(), reached=1, move=1, stages=states.stage_states(1), baked_s=300.0)
        await table.show(worse)
        words = table.words()
        assert "errors: pass → fail" in words
        assert "CANNOT BE CONFIRMED" in words
        await table.press("y")
        assert table.engine.intents == []


async def test_a_card_whose_stage_was_moved_by_somebody_else_is_outdated() -> None:
    state = states.at_stage_one()
    async with war_room(state) as table:
        await table.press("p")
        by_ben = states.decision(Verb.PROMOTE, -1, "confirmed", who=states.BEN)
        await table.show(replace(states.watching(), decisions=(*state.decisions, by_ben)))
        assert "OUTDATED: the rollout was moved to stage 2 (five) by ben" in " ".join(table.words().split())
        await table.press("y")
        assert table.engine.intents == []


async def test_a_halt_never_loses_to_a_moved_stage() -> None:
    async with war_room(states.at_stage_one) as table:
        await table.press("h")
        await table.show(states.failing())
        await table.press("enter")
        assert [intent.verb for intent in table.engine.intents] == [Verb.HALT]


async def test_a_hard_closed_promote_says_why_and_cannot_be_confirmed() -> None:
    async with war_room(states.halted) as table:
        await table.press("p")
        assert "CANNOT BE CONFIRMED halted: resume first (u)" in " ".join(table.words().split())
        assert table.toasts() == []
        await table.press("y", "enter")
        assert table.engine.intents == []


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
