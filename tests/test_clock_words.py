"""A clock that is off, in words: on the screen, in the status, and as a line of `watch`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.cli.show import as_json, status_lines
from console.cli.watch_lines import new_lines
from console.journal.presence import presence_from_row, presence_values
from console.state.clocks import clock_lines, span_text
from console.state.values import State
from tests import states
from tests.journal_rig import presence
from tests.states.people import crowded
from tests.states.pieces import with_local
from widgets.advice import advice_for
from widgets.header import header_lines
from widgets.line import text_of
from widgets.participants import participants_lines

OFF = "this host's clock is 10 min ahead of the backends: that time is used"


def off(state: State) -> State:
    return with_local(state, clock=OFF)


def other_off(state: State, clock_s: float = 600.0) -> State:
    """Ana's console says that its host's clock is off."""
    crew = state.local.crew or ()
    return with_local(
        state, crew=tuple(replace(each, clock_s=clock_s if each.who == states.ANA else 0.0) for each in crew)
    )


def test_this_consoles_clock_is_in_the_header_the_advice_the_page_and_the_status() -> None:
    state = off(states.healthy())
    assert "CLOCK OFF" in text_of(header_lines(state, 120, 1)[0])
    level, sentence = advice_for(state)
    assert level == "warn" and sentence.startswith("This host's clock is 10 min ahead of the backends")
    assert f"  CLOCK            {OFF}" in status_lines(state)
    assert as_json(state)["clocks"] == [OFF]
    assert f"  {OFF}" in [text_of(line) for line in participants_lines(state, 100)]


def test_a_failing_metric_comes_before_the_clock() -> None:
    assert advice_for(off(states.failing()))[1] == advice_for(states.failing())[1]


def test_the_clock_of_another_console_is_told_by_host_and_name() -> None:
    state = other_off(crowded(states.watching()))
    assert clock_lines(state) == ["the clock of bastion-1 (ana) is 10 min ahead"]
    assert clock_lines(other_off(state, -7200.0)) == ["the clock of bastion-1 (ana) is 2 h behind"]


def test_a_console_that_has_not_been_seen_for_long_has_no_clock() -> None:
    assert clock_lines(other_off(crowded(states.watching(), seen=300))) == []


def test_watch_prints_a_clock_once_and_when_it_is_right_again() -> None:
    state = states.watching()
    lines = [[text for _, text in new_lines(*pair)] for pair in ((state, off(state)), (off(state), off(state)))]
    assert lines == [[f"CLOCK: {OFF}"], []]
    assert [text for _, text in new_lines(off(state), state)] == ["CLOCK: every clock is right again"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3.2, "3 s"), (-600.0, "10 min"), (3600.0, "1 h"), (200_000.0, "2 days"), (2.3e9, "73 years")],
)
def test_a_length_of_time_has_one_unit(seconds: float, text: str) -> None:
    assert span_text(seconds) == text


@pytest.mark.parametrize("clock_s", [0.0, 600.0, -3600.0])
def test_presence_carries_the_clock(clock_s: float) -> None:
    stored = presence_values(replace(presence("a"), clock_s=clock_s))
    found = presence_from_row(*stored, ago_s=0.0)
    assert found is not None and found.clock_s == clock_s


@pytest.mark.parametrize("odd", ['"x"', "[]", "null", "1e999"])
def test_a_clock_that_is_no_number_is_no_clock(odd: str) -> None:
    session, actor, role, since = presence_values(presence("a"))
    found = presence_from_row(session, f'{actor[:-1]}, "clock_s": {odd}}}', role, since, 0.0)
    assert found is None or found.clock_s == 0.0
