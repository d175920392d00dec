"""A fake engine that is stepped by hand. It starts nothing, sends nothing, and keeps what it was asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from textual.events import Key
from textual.pilot import Pilot

from console.app import WarRoom
from console.state.intent import Intent
from console.state.values import State
from widgets.line import text_of
from widgets.pane import Pane

Shown = TypeVar("Shown", bound=Pane)


class FakeEngine:
    """What the engine would say, set by the test; what it was asked, for the test to read."""

    def __init__(self, state: State | None) -> None:
        self.state = state
        self.intents: list[Intent] = []
        self.answers: list[str] = []
        self.lost: list[str] = []
        self.end: str | None = None
        self.flying: str | None = None
        self.full = False
        self.started = 0
        self.stopped: list[bool] = []

    def start(self) -> None:
        self.started += 1

    def latest(self) -> State | None:
        return self.state

    def ask(self, intent: Intent) -> bool:
        if not self.full:
            self.intents.append(intent)
        return not self.full

    def refusals(self) -> list[str]:
        said, self.answers = self.answers, []
        return said

    def losses(self) -> list[str]:
        said, self.lost = self.lost, []
        return said

    def end_reason(self) -> str | None:
        return self.end

    def in_flight(self) -> str | None:
        return self.flying

    def stop(self, leave: bool) -> None:
        self.stopped.append(leave)


class Table:
    """A war room with a fake engine behind it and a pilot before it."""

    def __init__(self, app: WarRoom, engine: FakeEngine, pilot: Pilot[int]) -> None:
        self.app = app
        self.engine = engine
        self.pilot = pilot

    async def show(self, state: State) -> None:
        """The engine has a newer State, and the screen has taken it."""
        self.engine.state = state
        self.app.pull()
        await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def write(self, text: str) -> None:
        """Type `text` key by key."""
        await self.press(*["space" if char == " " else char for char in text])

    async def burst(self, text: str) -> None:
        """Everything a slow line delivers at once: no key waits for what the one before it did."""
        names = {"\t": "tab", "\b": "backspace", "\r": "enter", "\x15": "ctrl+u", "\x01": "ctrl+a", "\x05": "ctrl+e"}
        await self.pilot.pause(0.05)
        for char in text:
            self.app.post_message(Key(names.get(char, char), None if char in names else char))
        await self.pilot.pause()
        await self.pilot.pause()

    def words(self) -> str:
        """Everything that stands on the panes of the topmost screen."""
        panes = [pane for pane in self.app.screen.query(Pane) if isinstance(pane, Pane)]
        return "\n".join(text_of(line).rstrip() for pane in panes for line in pane.lines)

    def pane(self, kind: type[Shown]) -> str:
        """What stands on one pane of the war room itself."""
        found = self.app.screen_stack[0].query_one(kind)
        return "\n".join(text_of(line).rstrip() for line in found.lines)

    def toasts(self) -> list[str]:
        """What the toasts of the topmost screen say, oldest first."""
        return [str(toast.render()) for toast in self.app.screen.query("Toast")]


@asynccontextmanager
async def war_room(
    state: State | Callable[[], State] | None, size: tuple[int, int] = (80, 24), *, observe: bool = False
) -> AsyncIterator[Table]:
    """A war room that shows `state`, over a fake engine."""
    made = state() if callable(state) else state
    engine = FakeEngine(made)
    app = WarRoom(engine, title="checkout", observe=observe)
    async with app.run_test(size=size, notifications=True) as pilot:
        app.pull()
        await pilot.pause()
        yield Table(app, engine, pilot)
