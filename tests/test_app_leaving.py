"""Leaving, over a fake engine: at once, or asked first, and an engine that left before."""

from __future__ import annotations

import subprocess
import sys

from console.screens.leave import LeaveScreen
from tests import states
from tests.engine_port_fake import war_room
from tests.states.pieces import with_local


async def test_q_leaves_at_once_when_nothing_is_in_flight() -> None:
    async with war_room(states.healthy) as table:
        await table.press("q")
        assert table.engine.stopped == [False]
        assert table.app.return_code == 0


async def test_q_asks_while_a_call_is_in_flight_and_can_leave_it_unknown() -> None:
    async with war_room(states.promoting) as table:
        table.engine.flying = "promote edge -> 5 %"
        await table.press("q")
        assert "promote edge -> 5 %" in table.words()
        assert table.engine.stopped == []
        await table.press("l")
        assert table.engine.stopped == [True]


async def test_q_can_wait_for_what_is_in_flight() -> None:
    async with war_room(states.promoting) as table:
        table.engine.flying = "promote edge -> 5 %"
        await table.press("q", "w")
        assert table.engine.stopped == []
        table.engine.flying = None
        screen = table.app.screen
        assert isinstance(screen, LeaveScreen)
        screen.look()
        await table.pilot.pause()
        assert table.engine.stopped == [False]


async def test_leaving_a_running_rollback_says_that_it_finishes_first() -> None:
    async with war_room(with_local(states.rolling_back(), running=True)) as table:
        table.engine.flying = "rollback"
        await table.press("q")
        assert "finishes its automatic" in table.words()


def test_an_engine_that_ended_ends_the_screen_with_code_2_and_its_reason() -> None:
    script = """
import sys
from tests.engine_port_fake import FakeEngine
from console.app import WarRoom
engine = FakeEngine(None)
engine.end = "plan.yaml:3: no such backend [edge]"
app = WarRoom(engine, title="checkout")
app.run(headless=True)
sys.exit(app.return_code)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (2, "plan.yaml:3: no such backend [edge]\n")


async def test_ctrl_c_and_ctrl_z_do_nothing_and_say_so() -> None:
    async with war_room(states.promoting) as table:
        await table.press("ctrl+c")
        assert "ctrl+c does nothing here: q quits" in table.words()
        await table.press("ctrl+z")
        assert "a suspended console would not poll" in table.words()
        assert table.engine.stopped == []
        assert table.engine.intents == []
