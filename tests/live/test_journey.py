"""One rollout through a pseudo-terminal, from the first promote to its close, on real servers; nothing is simulated.

Keys go into the real `warroom run`. What happened is looked for where it happened: on the screen, in HAProxy's weights,
in the requests that the two instances received, in Unleash, at the gates before them, and in the journal.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.site import Site, site
from tests.terminal import READING_S, Terminal

pytestmark = pytest.mark.live

QUIET_S = 5.0
"""How long a console that was started again is watched for anything it might send by itself."""
CARD = "closes this card; nothing is sent"


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Site]:
    async with site(tmp_path) as everything:
        yield everything


async def test_a_canary_is_promoted_fails_and_is_taken_back_through_a_crash(running: Site) -> None:
    async with running.war_room() as room:
        await promotes_to_five(running, room)
        await promotes_to_a_quarter_and_the_flag(running, room)
        await sees_the_canary_fail(running, room)
        await is_killed_in_the_middle_of_the_rollback(running, room)
    async with running.war_room() as room:
        await sends_nothing_until_told(running, room)
        await finishes_the_rollback(running, room)
        await confirms_the_manual_step_and_closes(running, room)
    tells_the_whole_story(running)


async def promotes_to_five(running: Site, room: Terminal) -> None:
    await room.until("p promotes to five", "READY", within_s=60)
    assert await running.shop.share() == 0
    await decide(room, "p", "y promotes to five", "y", reason="looks calm")
    await room.until("1/3 five", "pass", "p promotes to flag-ten", within_s=60)
    assert await running.weights() == ("5", "95")
    assert running.flag() == (False, "0")
    assert 3 <= await running.shop.share() <= 7


async def promotes_to_a_quarter_and_the_flag(running: Site, room: Terminal) -> None:
    await decide(room, "p", "y promotes to flag-ten", "y")
    await room.until("2/3 flag-ten", "pass", within_s=60)
    assert await running.weights() == ("25", "75")
    assert running.flag() == (True, "10")
    assert 22 <= await running.shop.share() <= 28


async def sees_the_canary_fail(running: Site, room: Terminal) -> None:
    running.shop.instances["canary"].error_rate = 0.3
    await room.until("✗ FAIL", "errors FAIL", "r rolls back", within_s=60)


async def is_killed_in_the_middle_of_the_rollback(running: Site, room: Terminal) -> None:
    running.edge_gate.hold = re.compile("set weight")
    before = len(running.writes)
    await decide(room, "r", "enter rolls back", "enter", reason="canary burns")
    async with asyncio.timeout(20):
        await running.edge_gate.holding.wait()
    await room.kill()
    assert running.writes[before:] == ["POST flag/off"]
    assert running.flag() == (False, "10")
    assert await running.weights() == ("25", "75")
    running.edge_gate.hold = None


async def sends_nothing_until_told(running: Site, room: Terminal) -> None:
    before = len(running.writes)
    await room.until("ROLLING BACK", "0 of 3 done", "traffic", "r continues", within_s=30)
    await asyncio.sleep(QUIET_S)
    assert len(running.writes) == before
    assert await running.weights() == ("25", "75")


async def finishes_the_rollback(running: Site, room: Terminal) -> None:
    before = len(running.writes)
    await decide(room, "r", "enter continues the rollback", "enter")
    await room.until("Rollback 2 of 3 done", "tell waits for you (post in #incidents): r confirms", within_s=60)
    assert running.writes[before:] == ["set weight checkout/canary 0", "set weight checkout/stable 100"]
    assert await running.weights() == ("0", "100")
    assert running.flag()[0] is False
    assert await running.shop.share() == 0


async def confirms_the_manual_step_and_closes(running: Site, room: Terminal) -> None:
    before = len(running.writes)
    await decide(room, "r", "enter confirms that it is done", "enter", typed="tell")
    await room.until("ROLLED BACK", "c closes the rollout")
    await decide(room, "c", "y closes the rollout", "y")
    await room.until("CLOSED")
    await room.press("q")
    assert await room.ended() == 0
    assert b"Traceback" not in room.raw
    assert len(running.writes) == before
    assert [mark.split()[0] for mark in running.marks] == ["POST", "DELETE"]


def tells_the_whole_story(running: Site) -> None:
    promoted, again, rollback, continued, confirmed, closed = running.decisions()
    told = [(row["verb"], row["stage"], row["reason"], row["outcome"]) for row in (promoted, again, rollback)]
    assert told == [
        ("promote", 0, "looks calm", "api accepted"),
        ("promote", 1, "", "api accepted, flag accepted"),
        ("rollback", 2, "canary burns", "flag accepted, api unknown"),
    ]
    assert (continued["verb"], continued["outcome"]) == ("rollback", "api accepted")
    assert (confirmed["verb"], confirmed["subject"], closed["verb"]) == ("confirm", "tell", "close")
    assert len({row["who"] for row in running.decisions()}) == 1
    assert [errors_seen(row)["verdict"] for row in (promoted, again, rollback)] == ["no_data", "pass", "fail"]
    assert errors_seen(rollback)["n"] > 50
    flag_read_off, weight_asked = flag_before_traffic(running.events())
    assert flag_read_off < weight_asked
    recorded = [row["kind"] for row in running.events() if not row["kind"].startswith("source_")]  # sources are read on
    assert recorded[-1] == "rollout_closed"


async def decide(room: Terminal, key: str, prompt: str, confirm: str, reason: str = "", typed: str = "") -> None:
    """Open a card, read it, give a reason, confirm: at a person's pace, because a card drops what came before it."""
    await room.press(key)
    await room.until(CARD)
    await asyncio.sleep(READING_S)
    if typed:
        await room.press(*typed)
        await room.until(f"type {typed}: {typed}")
    if reason:
        await room.press("n", *reason)
        await room.until(f"reason (optional): {reason}")
    if reason and confirm != "enter":
        await room.press("enter")  # leaves the field: a letter typed into it must not confirm
    await room.until(prompt)
    await room.press_until_gone(confirm, CARD)


def errors_seen(decision: dict[str, Any]) -> dict[str, Any]:
    """What the stored card said about the metric `errors`."""
    found: dict[str, Any] = json.loads(decision["evidence"])["metrics"][0]
    assert found["metric"] == "errors"
    return found


def flag_before_traffic(events: list[dict[str, Any]]) -> tuple[int, int]:
    """Places, after the rollback was begun, of the flag's reading as off and of the first weight asked for."""
    begun = next(at for at, event in enumerate(events) if event.get("verb") == "rollback")
    after = list(enumerate(events))[begun:]
    read_off = next(
        at
        for at, event in after
        if event["kind"] == "target_observed" and event["reading"]["target"] == "flag" and not event["reading"]["on"]
    )
    asked = next(at for at, event in after if event["kind"] == "request_made" and event["target"] == "api")
    return read_off, asked
