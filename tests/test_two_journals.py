"""Two journals on one backend: the second sees the first one's mark, and no mark stops anything."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from adapters.contract import Rejected
from adapters.embedded.backend import EmbeddedBackend
from console.cli.watch_lines import new_lines
from console.engine.answer import Result
from console.events.evidence import Verb
from console.events.kinds import Noted
from console.journal.sqlite import SqliteJournal
from console.state.card import card_for
from console.state.rollout_marks import mark_lines
from console.state.values import Mode
from tests.cli_rig import PLAN, Shell
from tests.engine_rig import Console, Room, war_room
from widgets.advice import advice_for


async def other(room: Room) -> Console:
    """A console on a journal of its own."""
    return await room.console(journal=SqliteJournal(room.folder / "other.db"))


def marks(room: Room) -> list[str]:
    """The lines of the world's file of marks."""
    return [line for path in room.folder.glob("*.marks") for line in path.read_text().splitlines()]


async def marked(room: Room, count: int = 1) -> None:
    """Wait until so many marks were set or removed."""
    async with asyncio.timeout(30):
        while len(marks(room)) < count:  # noqa: ASYNC110 - another engine's file
            await asyncio.sleep(0.01)


async def test_the_second_journal_sees_the_mark_and_promotes_only_by_override(tmp_path: Path) -> None:
    async with war_room(tmp_path, PLAN) as room:
        two, one = await other(room), await room.console()
        await one.promoted(1)
        await marked(room)
        await two.until(lambda state: mark_lines(state))
        (line,) = mark_lines(two.state)
        assert line.startswith("another journal's rollout marks api: one/1 on ")
        assert line in card_for(two.state, Verb.ROLLBACK).warnings
        gates = [gate for gate in card_for(two.state, Verb.PROMOTE).gates if gate.name == "mark"]
        assert [(gate.ok, gate.hard, gate.why) for gate in gates] == [(False, False, line)]
        assert mark_lines(one.state) == []


async def test_a_second_journal_opened_later_is_asked_what_was_before(tmp_path: Path) -> None:
    async with war_room(tmp_path, PLAN) as room:
        one = await room.console()
        await one.promoted(1)
        await marked(room)
        two = await other(room)
        assert two.state.targets["api"].asks_before
        assert len(mark_lines(two.state)) == 1
        await two.act(Verb.PLACE, before=("api=0",))
        level, words = advice_for(two.state)
        assert (level, words[:46]) == ("warn", "Another journal's rollout marks api: one/1 on ")
        refused = await two.act(Verb.PROMOTE)
        assert refused.result is Result.REFUSED
        assert "another journal's rollout marks api" in refused.line
        answer = await two.act(Verb.PROMOTE, override=True, reason="agreed with the other captain")
        assert answer.result is Result.ACCEPTED


async def test_a_watch_prints_a_new_mark_once(tmp_path: Path) -> None:
    async with war_room(tmp_path, PLAN) as room:
        two, one = await other(room), await room.console()
        before = two.state
        await one.promoted(1)
        await marked(room)
        after = await two.until(lambda state: mark_lines(state))
        assert [line for _, line in new_lines(before, after) if line.startswith("CAUTION: another journal's")]
        assert not [line for _, line in new_lines(after, after) if line.startswith("CAUTION: another journal's")]


async def test_a_rollback_is_free_whatever_marks_a_target(tmp_path: Path) -> None:
    async with war_room(tmp_path, PLAN) as room:
        one = await room.console()
        await one.promoted(1)
        await marked(room)
        two = await other(room)
        await two.act(Verb.PLACE, before=("api=0",))
        await two.act(Verb.ROLLBACK)
        state = await two.until(lambda state: state.mode is Mode.ROLLED_BACK)
        assert "another journal's rollout marks api: one/1 on" in advice_for(state)[1]


async def test_a_console_leaves_its_mark_with_the_first_forward_call_and_removes_it_at_the_closing(
    tmp_path: Path,
) -> None:
    async with war_room(tmp_path, PLAN) as room:
        one = await room.console()
        assert marks(room) == []
        await one.promoted(1)
        await marked(room)
        await one.promoted(2)
        await one.act(Verb.CLOSE, reason="done here", override=True)
        await marked(room, 2)
        assert ['"set": true' in line for line in marks(room)] == [True, False]


async def test_a_mark_that_cannot_be_written_stops_nothing_and_is_noted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(self: EmbeddedBackend, *_: object) -> None:
        raise Rejected(self.source, "mark", "no annotations here")

    monkeypatch.setattr(EmbeddedBackend, "mark", refuse)
    async with war_room(tmp_path, PLAN) as room:
        one = await room.console()
        await one.promoted(1)
        await one.promoted(2)
        await one.close()
        notes = [event.text for event in room.events() if isinstance(event, Noted)]
        assert notes == ["api could not be marked for consoles of other journals: no annotations here"]


async def test_a_mark_that_hangs_delays_no_rollback_and_is_dropped_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(EmbeddedBackend, "mark", hang)
    async with war_room(tmp_path, PLAN) as room:
        one = await room.console()
        await one.promoted(1)
        await one.act(Verb.ROLLBACK)
        await one.until(lambda state: state.mode is Mode.ROLLED_BACK)
        await one.close()
        assert [event for event in room.events() if isinstance(event, Noted)] == []


def test_a_headless_close_removes_the_mark_that_another_process_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = Shell(tmp_path, capsys)
    one.edit(PLAN)
    assert [one.run("promote"), one.run("rollback"), one.run("close")] == [0, 0, 0]
    (file,) = tmp_path.glob("*.marks")
    assert ['"set": true' in line for line in file.read_text().splitlines()] == [True, False]


def test_a_headless_rollback_says_what_it_leaves_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = Shell(tmp_path, capsys), Shell(tmp_path, capsys)
    one.edit(PLAN)
    assert one.run("promote") == 0
    assert two.run("note", "--journal", str(tmp_path / "other.db"), "--reason", "we begin") == 3
    assert two.run("place", "--journal", str(tmp_path / "other.db"), "--before", "api=0") == 0
    assert two.run("rollback", "--journal", str(tmp_path / "other.db")) == 0
    assert "rolled back; left there: another journal's rollout marks api: one/1 on " in two.out + two.err
