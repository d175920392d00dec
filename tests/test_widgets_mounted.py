"""Panes on a running screen: what they repaint, what keys do, without colour too."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
from rich.style import Style
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.message import Message

from console.state.values import State
from tests.states import STATES, ago, failing, healthy
from widgets.advice import AdviceLine
from widgets.checklist import Checklist
from widgets.exposure import ExposureLine
from widgets.header import HeaderLine
from widgets.line import text_of
from widgets.log import DecisionLog
from widgets.metrics import MetricsPane
from widgets.pane import Pane
from widgets.sources import SourcesLine
from widgets.timeline import Timeline


class Recorder(MetricsPane):
    """A metrics pane that remembers which regions it asked to have painted; none means all of it."""

    asked: list[tuple[Region, ...]]

    def refresh(
        self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False
    ) -> Recorder:
        if not hasattr(self, "asked"):
            self.asked = []
        self.asked.append(regions)
        super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)
        return self


class Bench(App[None]):
    """All panes below each other."""

    CSS = """
    HeaderLine, AdviceLine, ExposureLine, SourcesLine { height: 1; }
    MetricsPane { height: 7; }
    Timeline, Checklist { height: 6; }
    DecisionLog { height: 1fr; }
    """

    def compose(self) -> ComposeResult:
        yield HeaderLine()
        yield AdviceLine()
        yield Recorder()
        yield ExposureLine()
        yield Timeline()
        yield Checklist()
        yield SourcesLine()
        yield DecisionLog()

    def show(self, state: State | None) -> None:
        for pane in self.query(Pane):
            pane.state = state


def shown(pane: Pane) -> list[str]:
    """The pane's rows as its strips say them."""
    return [pane.render_line(y).text for y in range(pane.size.height)]


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (60, 16)])
async def test_every_pane_shows_every_sample(size: tuple[int, int]) -> None:
    app = Bench()
    async with app.run_test(size=size):
        for make in STATES.values():
            app.show(make())
            for pane in app.query(Pane):
                assert {len(row) for row in shown(pane)} <= {pane.size.width}


async def test_without_colour_the_words_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = Bench()
    async with app.run_test(size=(80, 30)) as pilot:
        app.show(failing())
        await pilot.pause()
        assert "FAIL" in app.export_screenshot()


async def test_every_segment_has_a_style() -> None:
    app = Bench()
    async with app.run_test(size=(80, 30)) as pilot:
        app.show(failing())
        await pilot.pause()
        for pane in app.query(Pane):
            for y in range(pane.size.height):
                assert all(isinstance(segment.style, Style) for segment in pane.render_line(y))


async def test_the_same_picture_is_not_painted_again() -> None:
    app = Bench()
    async with app.run_test(size=(80, 30)) as pilot:
        app.show(healthy())
        await pilot.pause()
        pane = app.query_one(Recorder)
        pane.asked = []
        app.show(replace(healthy(), last_seq=21))
        assert pane.asked == []


async def test_a_changed_age_repaints_only_the_left_of_its_rows() -> None:
    app = Bench()
    async with app.run_test(size=(80, 30)) as pilot:
        app.show(healthy())
        await pilot.pause()
        pane = app.query_one(Recorder)
        pane.asked = []
        state = healthy()
        entry = state.metrics["errors"]
        assert entry.verdict is not None
        older = replace(entry, verdict=replace(entry.verdict, age_s=5.0))
        app.show(replace(state, metrics={**state.metrics, "errors": older}))
        (regions,) = pane.asked
        assert [(region.y, region.right <= 20) for region in regions] == [(2, True)]


async def test_a_changed_metric_is_on_the_screen() -> None:
    app = Bench()
    async with app.run_test(size=(80, 30)) as pilot:
        app.show(healthy())
        await pilot.pause()
        app.show(failing())
        await pilot.pause()
        assert "✗ FAIL" in shown(app.query_one(Recorder))[1]


async def test_a_resized_pane_draws_anew() -> None:
    app = Bench()
    async with app.run_test(size=(80, 30)) as pilot:
        app.show(healthy())
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        assert len(text_of(app.query_one(HeaderLine).lines[0])) == 120


async def test_a_late_screen_says_so_when_its_clock_runs_on() -> None:
    app = Bench()
    async with app.run_test(size=(80, 30)) as pilot:
        app.show(healthy())
        header = app.query_one(HeaderLine)
        header.now = ago(-30)
        await pilot.pause()
        assert "SCREEN 30s BEHIND" in shown(header)[0]


async def test_the_cursor_moves_and_enter_asks_for_the_metric_under_it() -> None:
    seen: list[Message] = []
    app = Bench()
    async with app.run_test(size=(80, 30), message_hook=seen.append) as pilot:
        app.show(healthy())
        app.query_one(Recorder).focus()
        await pilot.press("down", "enter")
        asked = [message.metric for message in seen if isinstance(message, MetricsPane.Asked)]
        assert set(asked) == {"slow"}


async def test_the_cursor_stops_at_either_end() -> None:
    app = Bench()
    async with app.run_test(size=(80, 30)) as pilot:
        app.show(healthy())
        pane = app.query_one(Recorder)
        pane.focus()
        await pilot.press("up", "up")
        assert pane.selected == "errors"
        await pilot.press("down", "down", "down", "down")
        assert pane.selected == "cpu"


async def test_enter_without_metrics_asks_nothing() -> None:
    seen: list[Message] = []
    app = Bench()
    async with app.run_test(size=(80, 30), message_hook=seen.append) as pilot:
        app.query_one(Recorder).focus()
        await pilot.press("enter")
        assert not [message for message in seen if isinstance(message, MetricsPane.Asked)]


def test_importing_the_panes_brings_in_nothing_slow() -> None:
    names = ["advice", "checklist", "header", "log", "metrics", "exposure", "sources", "timeline"]
    code = f"import sys; {'; '.join(f'import widgets.{name}' for name in names)}; print(' '.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"pydantic", "httpx", "sqlite_utils", "ruamel.yaml", "console.engine"} & set(loaded) == set()
