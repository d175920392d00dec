"""The fields of a card over a fake engine: what is typed, at once or pasted, and what it has to say."""

from __future__ import annotations

import pytest
from textual.events import Paste

from console.events.evidence import Verb
from console.screens.modal import Field
from tests import states
from tests.engine_port_fake import war_room


async def test_the_override_form_wants_the_stage_and_a_reason() -> None:
    async with war_room(states.failing) as table:
        await table.press("p")
        await table.write("migrate")
        await table.press("enter")
        assert table.engine.intents == []
        await table.write("known noise")
        await table.press("enter")
        (intent,) = table.engine.intents
        assert (intent.override, intent.reason) == (True, "known noise")


async def test_r_and_h_are_letters_in_a_field() -> None:
    async with war_room(states.at_stage_one) as table:
        await table.press("p", "n", "r", "h", "enter", "y")
        assert [(intent.verb, intent.reason) for intent in table.engine.intents] == [(Verb.PROMOTE, "rh")]


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
        assert [(intent.verb, intent.reason) for intent in table.engine.intents] == [(Verb.ROLLBACK, "smoke alarm")]
        assert len(table.app.screen_stack) == 1


async def test_what_is_pasted_goes_into_the_field_in_its_turn() -> None:
    async with war_room(states.past_one_way) as table:
        await table.press("r")
        table.app.post_message(Paste("roll\nsecond line"))
        await table.burst("back")
        assert table.app.screen.query_one("#word", Field).value == "rollback"


async def test_a_field_that_takes_the_y_says_how_to_get_out_of_it() -> None:
    async with war_room(states.at_stage_one) as table:
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
        assert table.engine.intents == []
