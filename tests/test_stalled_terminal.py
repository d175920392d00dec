"""A terminal that nobody reads blocks the screen and nothing else: polls go on and a rollback under way finishes."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from tests.terminal import PATIENCE_S, WARROOM, Terminal, terminal

STALL_S = 7.0
POLLS = 30
LONGEST_SHARE = 0.2
"""Of the stall, between two polls: far above the poll interval, for a busy machine; far below what would be seen."""
PLAN = """\
warroom: 1
rollout: stalled
timing: {poll: 200ms, tick: 1s, write_deadline: 1500ms}
backends:
  world: {adapter: embedded, latency: 700ms, opening: {api: 25, cart: 25, flag: 10}}
targets:
  api: {backend: world, kind: deploy, canary: canary, baseline: stable}
  cart: {backend: world, kind: deploy, canary: canary, baseline: stable}
  flag: {backend: world, kind: flag}
metrics:
  errors: {backend: world}
stages:
  - {name: quarter, set: {api: 25, cart: 25, flag: 10}}
  - {name: full, set: {api: 100, cart: 100, flag: 100}}
rollback:
  - {id: flag-off, set: {flag: off}}
  - {id: cart-back, set: {cart: 0}, needs: [flag-off]}
  - {id: api-back, set: {api: 0}, needs: [cart-back]}
"""


async def test_a_rollback_finishes_and_polls_go_on_while_nobody_reads_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, journal = tmp_path / "plan.yaml", tmp_path / "journal.db"
    plan.write_text(PLAN)
    async with terminal([*WARROOM, "run", str(plan), "--journal", str(journal)]) as room:
        await begin_rollback(room)
        began = datetime.now(UTC)
        with room.unread():
            await fill(room)
            stuck = datetime.now(UTC)
            await asyncio.sleep(STALL_S)
            async with asyncio.timeout(PATIENCE_S):
                while len(polls(journal, stuck)) < POLLS or len(steps_done(journal)) < 3:  # noqa: ASYNC110 - another process writes it
                    await asyncio.sleep(0.1)
            assert room.full()
        ended = datetime.now(UTC)
        await room.until("ROLLED BACK", "3 of 3 done", "reads flag off", "reads cart 0 %", "reads api 0 %", shows_now)
        await room.press("q")
        assert await room.ended() == 0
    done = steps_done(journal)
    assert len(done) == 3
    assert all(began < at < ended for at in done)
    polled = [at for at in polls(journal, began) if at < ended]
    stall_s = (ended - began).total_seconds()
    longest_s = max((after - before).total_seconds() for before, after in pairwise([began, *polled, ended]))
    with capsys.disabled():
        print(f"\nlongest gap between two polls while the terminal was stuck for {stall_s:.1f} s: {longest_s:.2f} s")  # noqa: T201
    assert longest_s < LONGEST_SHARE * stall_s


async def begin_rollback(room: Terminal) -> None:
    await room.until("1/2 quarter")
    await room.press("r")
    await room.until("enter rolls back")
    await room.press_until_gone("enter", "enter rolls back")
    await room.until("ROLLING BACK")


async def fill(room: Terminal) -> None:
    """Have everything painted again and again until not one more byte fits."""
    async with asyncio.timeout(PATIENCE_S):
        for columns in itertools.cycle((98, 97, 96, 99, 100)):
            room.resize((columns, 30))
            await asyncio.sleep(0.2)
            if room.full():
                break
    room.resize((100, 30))


def shows_now(text: str) -> bool:
    """Whether the header's clock is at most two seconds old."""
    found = re.search(r"(\d\d):(\d\d):(\d\d)Z", text)
    if found is None:
        return False
    now = datetime.now(UTC)
    hour, minute, second = (int(part) for part in found.groups())
    return abs(now - now.replace(hour=hour, minute=minute, second=second)) < timedelta(seconds=3)


def steps_done(journal: Path) -> Sequence[datetime]:
    """When each step of the rollback was done."""
    return times(journal, "SELECT at FROM events WHERE kind = 'step_done' ORDER BY seq")


def polls(journal: Path, since: datetime) -> Sequence[datetime]:
    """When samples were taken after `since`."""
    return [at for at in times(journal, "SELECT at FROM samples ORDER BY id") if at > since]


def times(journal: Path, query: str) -> Sequence[datetime]:
    with contextlib.closing(sqlite3.connect(journal)) as database:
        return [datetime.fromisoformat(row[0]) for row in database.execute(query)]
