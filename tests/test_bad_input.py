"""Backends and plans at their worst, seen through a real terminal: the screen lives and says which source and why.

Every byte that the terminal received is kept, and looked through for what must never reach it.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.hostile import WAYS, Hostile, hostile, samples, two_strategies
from tests.terminal import READING_S, WARROOM, Terminal, terminal

PLAN = """\
warroom: 1
rollout: bad
timing: {{poll: 100ms, tick: 1s, read_deadline: 500ms, write_deadline: 500ms}}
backends:
  edge: {{adapter: embedded}}
  gone: {{adapter: prometheus, url: "http://127.0.0.1:{unheard}"}}
  prom: {{adapter: prometheus, url: "{prom}"}}
  flags: {{adapter: unleash, url: "{flags}", environment: production, token: {{env: BAD_INPUT_TOKEN}}}}
targets:
  api: {{backend: edge, name: checkout, canary: canary, baseline: stable, kind: deploy}}
  flag: {{backend: flags, name: new-checkout}}
metrics:
  lost: {{backend: gone, bad: bad, total: all, arms: {{label: version, canary: canary, baseline: stable}}}}
  errors: {{backend: prom, bad: bad, total: all, arms: {{label: version, canary: canary, baseline: stable}}}}
stages:
  - {{name: five, set: {{api: 5, flag: 10}}}}
"""
WRONG_PLAN = """\
warroom: 1
rollout: wrong
backends: {edge: {adapter: embedded}}
targets: {api: {backend: egde}}
stagse: []
"""
WIDE = (340, 40)
"""Room for every source and its reason beside each other."""


@dataclass
class Scene:
    """A war room on backends that misbehave as the test says."""

    room: Terminal
    prom: Hostile
    flags: Hostile
    journal: Path

    async def sources(self, *words: str) -> None:
        """Wait until one row of the screen, the sources' own, says all of `words`, each a pattern."""

        def said(text: str) -> bool:
            rows = [row for row in text.splitlines() if row.startswith("SOURCES")]
            return len(rows) == 1 and all(re.search(word, rows[0]) for word in words)

        await self.room.until(said)

    def decided(self) -> list[str]:
        """Kinds and verbs of what the journal holds of people."""
        with contextlib.closing(sqlite3.connect(self.journal)) as database:
            told = "SELECT coalesce(json_extract(body, '$.verb'), json_extract(body, '$.text')) FROM events "
            rows = database.execute(f"{told} WHERE kind IN ('decision_taken', 'noted') ORDER BY seq").fetchall()
        return [str(row[0]) for row in rows]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    with socket.socket() as unheard:  # bound but not listening: it refuses
        unheard.bind(("127.0.0.1", 0))
        async with hostile() as prom, hostile() as flags:
            plan, journal = tmp_path / "plan.yaml", tmp_path / "journal.db"
            plan.write_text(PLAN.format(unheard=unheard.getsockname()[1], prom=prom.url, flags=flags.url))
            command = [*WARROOM, "run", str(plan), "--journal", str(journal)]
            token = {"BAD_INPUT_TOKEN": "a-token-of-some-length"}
            async with terminal(command, size=WIDE, environment=token) as room:
                yield Scene(room, prom, flags, journal)


def check_bytes(room: Terminal) -> None:
    """Nothing that acts on the operator's clipboard, and no traceback."""
    raw = bytes(room.raw)
    assert b"\x1b]52" not in raw
    assert b"\x9d52" not in raw
    assert b"Traceback" not in raw


async def leave(room: Terminal) -> None:
    await room.press("q")
    assert await room.ended() == 0
    check_bytes(room)


async def test_each_way_to_misbehave_is_told_in_one_line_and_nothing_decided_is_lost(scene: Scene) -> None:
    await scene.sources(r"✗ gone FAILED \S+ connection refused at 127\.0\.0\.1")
    for way in WAYS.values():
        scene.prom.way = scene.flags.way = way.serve
        why = re.escape(way.why)
        await scene.sources(rf"✗ prom FAILED \S+ [^✗]*{why}", rf"✗ flags FAILED \S+ [^✗]*{why}")
    await scene.room.press("n")
    await scene.room.until("note")
    await asyncio.sleep(READING_S)
    await scene.room.press(*"all of them at once", "enter")
    await scene.room.until("all of them at once")
    await scene.room.press("h")
    await scene.room.until("enter halts")
    await scene.room.press_until_gone("enter", "enter halts")
    await scene.room.until("HALTED")
    await leave(scene.room)
    assert scene.decided() == ["all of them at once", "halt"]


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-1"])
async def test_samples_that_are_no_counts_are_no_data_and_never_a_pass(scene: Scene, value: str) -> None:
    scene.prom.way = samples(value)
    await scene.sources("✓ prom")
    text = await scene.room.until("errors")
    assert "✓ pass" not in text
    assert re.search(r"(∅ no data|\? unsure) .*errors", text)
    await leave(scene.room)


async def test_an_escape_in_the_name_of_a_strategy_is_shown_as_harmless_text(scene: Scene) -> None:
    scene.flags.way = two_strategies("new-checkout")
    await scene.sources("✓ flags")
    await scene.room.press("p")
    await scene.room.until("2 strategies", "gradual]52;c;ZXZpbA==Rollout")
    await scene.room.press("escape")
    await scene.room.until(lambda text: "2 strategies" not in text)
    await leave(scene.room)


async def test_a_wrong_plan_is_told_line_by_line(tmp_path: Path) -> None:
    plan = tmp_path / "wrong.yaml"
    plan.write_text(WRONG_PLAN)
    async with terminal(
        [*WARROOM, "run", str(plan), "--journal", str(tmp_path / "journal.db")], size=(250, 30)
    ) as room:
        assert await room.ended() == 2
    said = room.text()
    assert "wrong.yaml:5" in said
    assert "stages" in said
    assert "wrong.yaml:4" in said
    assert "edge" in said
    check_bytes(room)
