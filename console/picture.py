"""A picture of the demo's screen at a chosen moment, as SVG: the real application over the real engine, no terminal.

For the README, for looking at the screen, and for tests of what it shows.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable

from textual.pilot import Pilot

from console.app import WarRoom
from console.engine.thread import EngineThread
from console.events.evidence import Verb
from console.judge.verdict import StageWord, VerdictState
from console.state.gates import gates_for
from console.state.values import Mode, State, StepMark

PATIENCE_S = 90.0
"""How long a moment may take to come about, in real seconds."""

SEEN_S = 25.0
"""How long a regression has lasted in the picture of it."""

Until = Callable[[State], bool]


class NoMoment(Exception):
    """The moment did not come about. One plain line."""


async def take_picture(engine: EngineThread, size: tuple[int, int], moment: str, title: str) -> str:
    """The screen as SVG text once `moment` (console.cli.commands.MOMENTS) has come about.

    Raises:
        NoMoment: it did not come about in time.
    """
    app = WarRoom(engine, title=title)
    async with app.run_test(size=size, notifications=False) as pilot:
        sitting = Sitting(app, engine, pilot)
        await sitting.until(lambda state: state.as_of is not None and can_promote(state))
        await sitting.promote()
        await sitting.until(lambda state: state.reached == 1)
        if moment == "healthy":
            await sitting.until(lambda state: all_critical_pass(state) and state.baked_s > 20)
        else:
            await sitting.go_to(moment)
        await pilot.pause(0.3)
        picture = app.export_screenshot(title=title)
        engine.stop(leave=True)
    return re.sub(r"terminal-\d+", "terminal-warroom", picture)


class Sitting:
    """Somebody at the keyboard of the demo."""

    def __init__(self, app: WarRoom, engine: EngineThread, pilot: Pilot[int]) -> None:
        self._app = app
        self._engine = engine
        self._pilot = pilot

    async def until(self, seen: Until) -> None:
        """Wait until the screen's own state fulfils `seen`."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if (why := self._engine.end_reason()) is not None:
                raise NoMoment(why)
            if self._app.state is not None and seen(self._app.state):
                return
            await asyncio.sleep(0.05)
        raise NoMoment(
            f"the moment did not come about within {PATIENCE_S:g} s: stale takes --scenario metrics_outage, and a "
            "higher --speed brings any of them sooner"
        )

    async def promote(self) -> None:
        await self._card("p")
        await self._pilot.press("y")

    async def _card(self, key: str) -> None:
        """Open a card, and look at it before anything is typed: what comes before it was drawn, it does not take."""
        await self._pilot.press(key)
        await self.until(lambda _: len(self._app.screen_stack) > 1)
        await self._pilot.pause(0.5)

    async def go_to(self, moment: str) -> None:
        """From the first stage on to a moment of trouble."""
        if moment == "stale":
            await self.until(lambda state: has_verdict(state, VerdictState.STALE))
            return
        await self.until(can_promote)
        await self.promote()
        await self.until(lambda state: state.reached == 2)
        await self.until(is_failing)
        if moment == "failing":
            return
        await self._card("r")
        if moment == "card":
            return
        await self._pilot.press("enter")
        await self.until(lambda state: any(entry.mark is StepMark.HOLDING for entry in state.checklist))
        await self.until(lambda state: state.mode is not Mode.PROMOTING)


def is_failing(state: State) -> bool:
    """Whether the stage fails, and a critical metric has done so for long enough to be seen in its trace."""
    together, now = state.stage_verdict, state.as_of
    if together is None or together.word is not StageWord.FAIL or now is None:
        return False
    said = [state.metrics[metric.name].verdict for metric in state.plan.critical]
    begun = [one.since for one in said if one is not None and one.state is VerdictState.FAIL and one.since is not None]
    return any((now - since).total_seconds() >= SEEN_S for since in begun)


def has_verdict(state: State, wanted: VerdictState) -> bool:
    return any(entry.verdict is not None and entry.verdict.state is wanted for entry in state.metrics.values())


def all_critical_pass(state: State) -> bool:
    return all(
        entry.verdict is not None and entry.verdict.state is VerdictState.PASS
        for entry in state.metrics.values()
        if entry.metric in state.plan.critical
    )


def can_promote(state: State) -> bool:
    return all(gate.ok for gate in gates_for(state, Verb.PROMOTE))
