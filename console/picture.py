"""A picture of the demo's screen at a chosen moment, as SVG: the real application and engine, without a terminal."""

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
"""Real seconds within which the moment must come."""

VISIBLE_S = 25.0
"""Seconds that a regression has lasted in its picture."""


class NoMoment(Exception):
    """The moment did not come; the message is one plain line."""


async def take_picture(engine: EngineThread, size: tuple[int, int], moment: str, title: str) -> str:
    """The screen as SVG text at `moment` (console.cli.commands.MOMENTS). Raises NoMoment."""
    app = WarRoom(engine, title=title)
    async with app.run_test(size=size, notifications=False) as pilot:
        sitting = Sitting(app, engine, pilot)
        await sitting.until(lambda state: state.as_of is not None and can_promote(state))
        await sitting.promote()
        await sitting.until(lambda state: state.reached == 1)
        if moment == "healthy":
            await sitting.until(lambda state: verdicts(state) == {VerdictState.PASS} and state.baked_s > 20)
        else:
            await sitting.go_to(moment)
        await pilot.pause(0.3)
        picture = app.export_screenshot(title=title)
        engine.stop(leave=True)
    return re.sub(r"terminal-\d+", "terminal-warroom", picture)


class Sitting:
    """A scripted operator of the demo."""

    def __init__(self, app: WarRoom, engine: EngineThread, pilot: Pilot[int]) -> None:
        self._app = app
        self._engine = engine
        self._pilot = pilot

    async def until(self, condition: Callable[[State], bool]) -> None:
        """Wait until the screen's own state fulfills `condition`. Raises NoMoment, also where the engine has ended."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if (why := self._engine.end_reason()) is not None:
                raise NoMoment(why)
            if self._app.state is not None and condition(self._app.state):
                return
            await asyncio.sleep(0.05)
        raise NoMoment(
            f"the moment did not come within {PATIENCE_S:g} s: use a higher --speed; for stale, use --scenario "
            "metrics_outage"
        )

    async def promote(self) -> None:
        """Open the card of a promote and confirm it."""
        await self._card("p")
        await self._pilot.press("y")

    async def _card(self, key: str) -> None:
        """Open a card and wait until it is painted: a card drops keys typed before."""
        await self._pilot.press(key)
        await self.until(lambda _: len(self._app.screen_stack) > 1)
        await self._pilot.pause(0.5)

    async def go_to(self, moment: str) -> None:
        """Go from the first stage to a moment of trouble."""
        if moment == "stale":
            await self.until(lambda state: VerdictState.STALE in verdicts(state, critical=False))
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
    """Whether the stage fails, and a critical metric for long enough to be visible in its trace."""
    together, now = state.stage_verdict, state.as_of
    if together is None or together.word is not StageWord.FAIL or now is None:
        return False
    found = [state.metrics[metric.name].verdict for metric in state.plan.critical]
    starts = [
        one.since for one in found if one is not None and one.state is VerdictState.FAIL and one.since is not None
    ]
    return any((now - since).total_seconds() >= VISIBLE_S for since in starts)


def verdicts(state: State, *, critical: bool = True) -> set[VerdictState | None]:
    """The verdicts of the critical metrics, or of all; None for a metric without one."""
    entries = [entry for entry in state.metrics.values() if not critical or entry.metric in state.plan.critical]
    return {entry.verdict.state if entry.verdict is not None else None for entry in entries}


def can_promote(state: State) -> bool:
    """Whether every gate of a promote is open."""
    return all(gate.ok for gate in gates_for(state, Verb.PROMOTE))
