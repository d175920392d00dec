"""Several people at the keyboard: taking, offering and leaving the pen, approving, who is here, losing a race."""

from __future__ import annotations

from dataclasses import replace

from console.alarms import new_alarms
from console.events.evidence import Verb
from tests import states
from tests.engine_port_fake import war_room
from tests.states import STATES
from tests.states.people import called, crowded, handed, offered
from tests.states.pieces import with_local
from widgets.advice import AdviceLine
from widgets.keys import KeyLine


async def test_a_free_pen_is_taken_by_two_keystrokes() -> None:
    async with war_room(crowded(states.watching(), captain=None)) as table:
        await table.press("t")
        await table.press("y")
        (wish,) = table.engine.intents
        assert (wish.verb, wish.reason) == (Verb.TAKE, "")


async def test_taking_the_pen_from_somebody_who_is_there_wants_a_reason() -> None:
    async with war_room(STATES["pen_elsewhere"]) as table:
        await table.press("t")
        assert "the pen is with ana (seen 12 s ago), who does not offer it" in " ".join(table.words().split())
        await table.press("enter")
        assert table.engine.intents == []
        await table.write("ana left")
        await table.press("enter")
        (wish,) = table.engine.intents
        assert (wish.verb, wish.reason, wish.override) == (Verb.TAKE, "ana left", False)


async def test_what_is_offered_is_taken_without_a_reason_and_its_note_is_on_the_card() -> None:
    async with war_room(STATES["pen_offered"]) as table:
        await table.press("t")
        assert "with the offer: lunch" in table.words()
        await table.press("y")
        assert [wish.verb for wish in table.engine.intents] == [Verb.TAKE]


async def test_the_note_of_who_left_is_on_the_card_of_who_comes() -> None:
    async with war_room(STATES["pen_left"]) as table:
        await table.press("t")
        assert "ana left: errors on /v2/cart are a known bot; do not go past half before six" in " ".join(
            table.words().split()
        )


async def test_the_pen_is_offered_to_one_of_those_who_are_there() -> None:
    async with war_room(crowded(states.watching(), me=states.ANA)) as table:
        await table.press("o")
        assert "ben: the pen stays yours until it is taken" in table.words()
        await table.press("enter")
        await table.press("y")
        (wish,) = table.engine.intents
        assert (wish.verb, wish.subject) == (Verb.OFFER, "ben")


async def test_the_pen_is_laid_down_with_a_note_and_not_without() -> None:
    async with war_room(crowded(states.watching(), me=states.ANA)) as table:
        await table.press("o")
        await table.press("down", "down", "enter")
        await table.press("enter")
        assert table.engine.intents == []
        await table.write("good night")
        await table.press("enter")
        (wish,) = table.engine.intents
        assert (wish.verb, wish.reason, wish.subject) == (Verb.HANDOFF, "good night", None)


async def test_a_second_person_approves_what_the_card_shows() -> None:
    async with war_room(STATES["approval_asked"]) as table:
        await table.press("v")
        assert "APPROVE" in table.words() and "five → migrate" in table.words()
        await table.press("y")
        (wish,) = table.engine.intents
        assert (wish.verb, wish.move, wish.card is not None) == (Verb.APPROVE, 2, True)


async def test_an_open_approval_is_outdated_by_a_move() -> None:
    state = STATES["approval_asked"]()
    async with war_room(state) as table:
        await table.press("v")
        await table.show(replace(state, move=state.move + 1))
        assert "CANNOT BE CONFIRMED" in table.words()
        await table.press("y")
        assert table.engine.intents == []


async def test_p_says_where_the_pen_is_and_confirms_nothing() -> None:
    async with war_room(STATES["pen_elsewhere"]) as table:
        await table.press("p")
        assert "the pen is with ana (seen 12 s ago): take it (t) or ask" in " ".join(table.words().split())
        await table.press("y")
        assert table.engine.intents == []


async def test_a_card_that_is_open_when_somebody_takes_the_pen_cannot_be_confirmed() -> None:
    state = crowded(states.watching(), me=states.ANA)
    async with war_room(state) as table:
        await table.press("p")
        await table.show(crowded(states.watching(), me=states.ANA, captain=states.BEN))
        assert "CANNOT BE CONFIRMED" in table.words()
        await table.press("y", "enter")
        assert table.engine.intents == []


async def test_halt_needs_no_pen() -> None:
    async with war_room(STATES["pen_elsewhere"]) as table:
        await table.press("h")
        await table.press("enter")
        assert [wish.verb for wish in table.engine.intents] == [Verb.HALT]


async def test_w_shows_who_is_here_and_keeps_it_true() -> None:
    state = STATES["pen_elsewhere"]()
    async with war_room(state) as table:
        await table.press("w")
        assert "carl@bastion-2 pid 777, observer, last seen 95s ago" in table.words()
        await table.show(with_local(state, crew=(state.local.crew or ())[:2]))
        assert "carl" not in table.words()
        await table.press("w")
        assert "WHO IS HERE" not in table.words()


async def test_whoever_lost_a_race_is_shown_who_was_first_and_what_is_there_now() -> None:
    line = (
        "promote refused: moved by ana@bastion-1 pid 7 at 03:11:56Z: promote to five is under way; "
        "you saw 1 stages reached, now 2 of 5 reached: stood at one, stands at five; edge 1 % -> 5 %; look again"
    )
    async with war_room(STATES["pen_elsewhere"]) as table:
        table.engine.lost = [line]
        table.app.pull()
        await table.pilot.pause()
        words = " ".join(table.words().split())
        assert "ANOTHER CONSOLE WAS FIRST: nothing was sent from here" in words
        assert "moved by ana@bastion-1 pid 7" in words and "edge 1 % -> 5 %" in words
        await table.press("escape")
        assert "ANOTHER CONSOLE" not in table.words()


async def test_a_lost_race_does_not_cover_what_the_operator_is_in_the_middle_of() -> None:
    async with war_room(STATES["pen_elsewhere"]) as table:
        await table.press("h")
        table.engine.lost = ["promote refused: moved by ana"]
        table.app.pull()
        await table.pilot.pause()
        assert "HALT" in table.words()
        assert table.toasts() == ["promote refused: moved by ana"]
        assert "moved by ana" in table.pane(AdviceLine)


async def test_an_observer_has_no_key_that_goes_forward() -> None:
    async with war_room(STATES["observing"], size=(140, 40), observe=True) as table:
        for key in ("p", "t", "o", "v", "c"):
            await table.press(key)
        assert len(table.app.screen_stack) == 1
        text = table.pane(KeyLine)
        assert "p·promote" in text and "t·take" in text and "h halt" in text


async def test_the_people_fit_the_smallest_screen() -> None:
    for name in ("pen_elsewhere", "observing", "approval_asked", "frozen", "pen_offered", "pen_left", "called_up"):
        async with war_room(STATES[name], size=(80, 24)) as table:
            text = table.pane(KeyLine)
            assert text.startswith("p") and text.endswith("q")


def test_being_called_offered_the_pen_or_losing_it_rings() -> None:
    quiet = crowded(states.failing())
    assert new_alarms(quiet, called(quiet)) == (
        "called payments on call for errors FAIL since 2026-03-08 03:06:00+00:00",
    )
    held = crowded(states.healthy())
    assert new_alarms(held, offered(held))[0] == "the pen is offered, change 2"
    assert new_alarms(crowded(states.healthy(), captain=None), held) == ("the pen is with ana, change 1",)
    assert new_alarms(held, handed(held)) == ()
