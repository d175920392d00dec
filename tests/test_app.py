"""The application over a fake engine: panes, live data, answers, the keys that open no card."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console
from textual.command import CommandPalette

from console.app import WarRoom
from console.engine_port import EnginePort
from console.events.evidence import Verb
from console.judge.verdict import VerdictState
from console.screens.ask import ChoiceScreen
from console.screens.card import DecisionCard
from console.screens.drilldown import Drilldown
from console.screens.modal import Modal
from console.state.values import State
from tests import states
from tests.engine_port_fake import FakeEngine, war_room
from tests.states.pieces import with_local
from widgets.advice import AdviceLine
from widgets.header import HeaderLine
from widgets.keys import KeyLine
from widgets.metrics import MetricsPane
from widgets.sources import SourcesLine


async def test_the_first_state_reaches_every_pane() -> None:
    async with war_room(states.healthy) as table:
        words = table.words()
        for part in ("BAKING", "errors", "migrate", "flag-off", "prom", "promote"):
            assert part in words


async def test_an_unopened_rollout_shows_a_screen_and_does_not_crash() -> None:
    async with war_room(None) as table:
        await table.press("p")
        assert "still opening" in table.toasts()[0]
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
        assert table.engine.started == 1


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
        assert said in table.pane(AdviceLine)
        assert "CANNOT" not in table.words()


async def test_a_key_that_is_not_possible_says_why_and_stays_on_the_line() -> None:
    async with war_room(states.healthy) as table:
        await table.press("u")
        assert table.toasts() == ["not halted"]
        assert "not halted" in table.pane(AdviceLine)
        assert "u·resume" in table.pane(KeyLine)


async def test_a_refusal_stands_on_the_advice_line_until_the_next_key() -> None:
    async with war_room(states.healthy) as table:
        table.engine.answers = ["promote refused: stage moved to 3 by [bob]"]
        table.app.pull()
        await table.pilot.pause()
        assert table.toasts() == ["promote refused: stage moved to 3 by [bob]"]
        assert "promote refused: stage moved to 3 by [bob]" in table.pane(AdviceLine)
        await table.press("down")
        assert "refused" not in table.pane(AdviceLine)


async def test_a_full_inbox_is_said() -> None:
    async with war_room(states.failing) as table:
        table.engine.full = True
        await table.press("h", "enter")
        assert "NOT handed over" in table.toasts()[0]


async def test_an_observer_may_halt_but_not_promote() -> None:
    async with war_room(states.watching, observe=True) as table:
        await table.press("p")
        assert "only observes" in table.toasts()[0]
        await table.press("h", "enter")
        assert [intent.verb for intent in table.engine.intents] == [Verb.HALT]


async def test_drift_is_accepted_by_target() -> None:
    async with war_room(states.drifted) as table:
        await table.press("a", "y")
        (intent,) = table.engine.intents
        assert (intent.verb, intent.subject) == (Verb.ACCEPT, "edge")


async def test_two_changes_are_accepted_one_by_one() -> None:
    async with war_room(with_local(states.drifted(), edited="- bake: 5m\n+ bake: 1m")) as table:
        await table.press("a")
        assert isinstance(table.app.screen, ChoiceScreen)
        await table.press("down", "enter")
        assert "+ added     bake: 1m" in table.words()
        await table.press("y")
        assert [intent.subject for intent in table.engine.intents] == ["plan"]


async def test_what_a_target_was_before_is_said_by_choice_and_card() -> None:
    state = states.watching()
    edge = replace(state.targets["edge"], asks_before=True, opening=states.reading("edge", 5))
    async with war_room(replace(state, targets={**state.targets, "edge": edge})) as table:
        assert "BEFORE UNKNOWN: edge read 5 % at the opening" in table.words()
        await table.press("s")
        assert "What was edge before?" in table.words()
        await table.press("enter")
        assert "edge was at 0 %: a rollback takes it back there" in table.words()
        await table.press("y")
        (intent,) = table.engine.intents
        assert (intent.verb, intent.subject, intent.before) == (Verb.PLACE, None, ("edge=0",))


async def test_an_ambiguous_opening_is_placed_by_choice_and_card() -> None:
    async with war_room(states.unplaced) as table:
        await table.press("s")
        assert "Which stage does the rollout stand at?" in table.words()
        await table.press("down", "enter", "y")
        (intent,) = table.engine.intents
        assert (intent.verb, intent.subject) == (Verb.PLACE, "2")


async def test_a_note_is_handed_over_as_typed() -> None:
    async with war_room(states.healthy) as table:
        await table.press("n")
        await table.write("pq y")
        await table.press("enter")
        (intent,) = table.engine.intents
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
        assert "KEYS" in table.words()
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


async def test_a_pull_while_the_screen_is_taken_down_does_nothing() -> None:
    async with war_room(states.healthy) as table:
        await table.app.query_one(HeaderLine).remove()
        await table.show(states.failing())
        assert table.app.state is not table.engine.state


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


def test_the_fake_is_an_engine_port() -> None:
    engine: EnginePort = FakeEngine(None)
    assert engine.latest() is None


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


async def test_a_fault_of_the_screen_is_one_line_and_no_traceback() -> None:
    class JournalUnavailable(FakeEngine):
        def refusals(self) -> list[str]:
            raise RuntimeError("\x1b]52;c;aGk=\x07 boom")

    app = WarRoom(JournalUnavailable(states.healthy()), title="x")
    said = StringIO()
    app.error_console = Console(file=said, width=200)
    with pytest.raises(RuntimeError):
        async with app.run_test() as pilot:
            await pilot.pause(1.0)
    line = " ".join(said.getvalue().split())
    assert line.startswith("warroom: the screen failed: RuntimeError: ]52;c;aGk= boom at test_app.py:")
    assert line.endswith("start it again: it continues from the journal")
