"""The people on the screen: header words, badges, who polls, the page of the people, and what the advice says."""

from __future__ import annotations

import pytest

from console.state.participants import Poller
from console.state.values import State
from tests import states
from tests.states import STATES
from tests.states.people import CARL, crowded
from tests.states.pieces import with_local
from widgets.advice import advice_for
from widgets.header import header_lines
from widgets.keys import idle_keys, key_line
from widgets.line import length, text_of
from widgets.participants import has_several_people, participants_lines, pen_pieces
from widgets.sources import sources_lines


def header(state: State, width: int = 120) -> str:
    (line,) = header_lines(state, width, 1)
    return text_of(line)


def page(state: State, width: int = 100) -> list[str]:
    return [text_of(line).rstrip() for line in participants_lines(state, width)]


def test_who_is_alone_sees_nothing_of_it() -> None:
    alone = states.healthy()
    assert not has_several_people(alone) and pen_pieces(alone) == []
    assert "pen" not in header(alone)
    assert {"take", "offer", "approve"} <= idle_keys(alone)


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (crowded(states.watching()), "pen ana, 3 here"),
        (crowded(states.watching(), seen=300), "pen ana unseen 5m, 3 here"),
        (crowded(states.watching(), me=states.ANA), "pen yours, 3 here"),
        (crowded(states.watching(), captain=None), "pen free, 3 here"),
    ],
)
def test_the_header_says_whose_the_pen_is_and_how_many_are_here(state: State, told: str) -> None:
    assert told in header(state)


@pytest.mark.parametrize("name", ["pen_elsewhere", "observing", "frozen", "pen_left", "approval_asked"])
@pytest.mark.parametrize("width", [80, 120])
def test_the_pen_is_in_the_header_at_every_width(name: str, width: int) -> None:
    text = header(STATES[name](), width)
    assert "pen " in text
    assert len(text) <= width


def test_an_observer_and_a_freeze_have_a_badge() -> None:
    assert "OBSERVING" in header(STATES["observing"](), 80)
    assert "FREEZE" in header(STATES["frozen"](), 80)


def test_the_sources_say_who_polls_where_that_is_somebody_else() -> None:
    state = crowded(states.watching())
    assert "polled by ana" in text_of(sources_lines(state, 120, 1)[0])
    assert "polled by" not in text_of(sources_lines(with_local(state, poller=Poller(here=True)), 120, 1)[0])


def test_a_narrow_sources_line_keeps_its_sources_rather_than_who_polls() -> None:
    state = crowded(states.watching())
    (line,) = sources_lines(state, 60, 1)
    assert "prom" in text_of(line) and "polled" not in text_of(line)


def test_the_page_lists_who_is_here_in_which_role_and_since_when_unseen() -> None:
    lines = page(crowded(states.watching()))
    assert lines[:4] == [
        "WHO IS HERE",
        "  ana@bastion-1 pid 4242, captain, here now, polls",
        "  ben@bastion-1 pid 4343, operator, here now, this console",
        "  carl@bastion-2 pid 777, observer, last seen 95s ago",
    ]
    assert "  the pen is with ana (seen 12 s ago)" in lines


def test_the_page_tells_offer_note_approval_freeze_and_ladder() -> None:
    assert "  offered to ben: lunch" in page(STATES["pen_offered"]())
    assert any(line.startswith("  ana left the pen 12m ago: errors on /v2/cart") for line in page(STATES["pen_left"]()))
    assert page(STATES["approval_given"]())[-2:] == ["  migrate needs 1, has 1", "  ben 03:11:40Z: graphs look right"]
    assert "  FREEZE until Mon 2026-03-09 00:00 Europe/Berlin: quarter end" in page(STATES["frozen"]())
    assert page(STATES["called_up"]())[-3:] == [
        "  after 5:00: payments on call, CALLED",
        "  after 15:00: carl, +49 30 1234",
        "  no action on errors FAIL for 6:00",
    ]


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("width", [20, 60, 80])
def test_the_page_fits_any_width(name: str, width: int) -> None:
    assert all(length(line) <= width for line in participants_lines(STATES[name](), width))


def test_without_a_state_the_page_says_so() -> None:
    assert "nothing read yet" in text_of(participants_lines(None, 80)[0])


@pytest.mark.parametrize(
    ("name", "level", "told"),
    [
        ("approval_asked", "warn", "migrate WAITS FOR APPROVAL (0 of 1): v shows the change and approves it"),
        ("pen_offered", "warn", "ana OFFERS YOU THE PEN (lunch): t takes it"),
        ("called_up", "alarm", "CALL payments on call: no action on errors FAIL for 6:00"),
        ("pen_left", "warn", "ana left the pen 12m ago: errors on /v2/cart are a known bot"),
        ("pen_elsewhere", "calm", "the pen is with ana (seen 12 s ago): take it (t) or ask; p is closed"),
    ],
)
def test_the_advice_line_says_what_waits_for_a_person(name: str, level: str, told: str) -> None:
    said, text = advice_for(STATES[name]())
    assert said == level and text.startswith(told)


def test_what_is_so_for_everybody_comes_before_who_has_the_pen() -> None:
    _, text = advice_for(crowded(states.healthy()))
    assert text.startswith("baked ")


def test_a_captain_is_not_asked_to_approve_his_own_move() -> None:
    state = with_local(STATES["approval_asked"](), operator=states.ANA)
    assert "WAITS FOR APPROVAL" not in advice_for(state)[1]
    assert "approve" in idle_keys(state)


def test_an_observer_is_not_asked_to_approve_what_he_has_approved() -> None:
    given = STATES["approval_given"]()
    assert "WAITS FOR APPROVAL" not in advice_for(with_local(given, operator=CARL))[1]


def test_the_keys_between_people_come_onto_the_line_with_the_people() -> None:
    text = text_of(key_line(frozenset(), 140, idle_keys(STATES["approval_asked"]())))
    assert all(word in text for word in ("t take", "o offer", "v approve"))
