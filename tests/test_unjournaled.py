"""A journal that is full, locked or gone: nothing goes forward unwritten, nothing that goes safer waits for it."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from console.engine.answer import Result
from console.engine.store import PATIENCE_S
from console.events.evidence import Verb
from console.journal.sqlite import SqliteJournal
from console.journal.unavailable import open_or_unavailable
from console.state.values import Mode, StepMark
from tests.engine_rig import ONE, TWO, Latch, Room, locked, war_room
from tests.scripted_adapter import at_once

SOON_S = 5.0
"""Far above what a busy machine takes for what may not wait, far below how long a lock is waited for here."""


def full(room: Room) -> None:
    """From now on nothing can be written: what a disk does when it is full."""
    with closing(sqlite3.connect(room.journal)) as database:
        for table in ("events", "samples"):
            database.execute(
                f"CREATE TRIGGER full_{table} BEFORE INSERT ON {table} "
                "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
            )
        database.commit()


def freed(room: Room) -> None:
    """There is room again."""
    with closing(sqlite3.connect(room.journal)) as database:
        for table in ("events", "samples"):
            database.execute(f"DROP TRIGGER full_{table}")
        database.commit()


async def test_with_a_full_disk_a_promote_is_refused_and_sends_nothing(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        full(room)
        answer = await console.act(Verb.PROMOTE)
        state = await console.until(lambda state: state.local.journal.broken)
        blocked = await console.act(Verb.PROMOTE)
        assert answer.result is Result.REFUSED
        assert "disk is full" in answer.line
        assert "promote refused: UNJOURNALED: journal" in blocked.line
        assert (room.world.writes, state.move) == ([], 0)


async def test_with_a_full_disk_a_halt_and_a_rollback_go_ahead_and_are_written_later_in_order(tmp_path: Path) -> None:
    async with war_room(tmp_path, TWO) as room:
        console = await room.console()
        await console.promoted(1)
        full(room)
        before = room.kinds()
        began = time.monotonic()
        halt = await console.act(Verb.HALT)
        rollback = await console.act(Verb.ROLLBACK)
        took_s = time.monotonic() - began
        state = await console.until(lambda state: state.mode is Mode.ROLLED_BACK)
        assert (halt.result, rollback.result) == (Result.ACCEPTED, Result.ACCEPTED)
        assert took_s < SOON_S
        assert room.world.writes[2:] == ["page off", "api 0 %"]
        assert state.local.journal.broken is not None
        assert state.local.journal.held >= 8
        assert room.kinds() == before
        assert [entry.seq for entry in state.decisions[1:]] == [None, None]

        freed(room)
        state = await console.until(lambda state: state.local.journal.broken is None)
        assert state.local.journal.held == 0
        assert all(entry.seq for entry in state.decisions)
        assert room.story()[5:] == [
            "halt",
            "rollback",
            "  page -> off",
            "  page accepted",
            "  api -> 0 %",
            "  api accepted",
        ]


async def test_what_was_held_tells_the_next_console_the_same_story(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        await console.promoted(1)
        full(room)
        await console.act(Verb.ROLLBACK)
        await console.until(lambda state: state.mode is Mode.ROLLED_BACK)
        freed(room)
        await console.until(lambda state: state.local.journal.held == 0)
        next_one = await room.console()
        assert next_one.state.mode is Mode.ROLLED_BACK
        assert next_one.state.checklist == console.state.checklist


async def test_a_journal_that_breaks_between_two_targets_stops_the_promote(tmp_path: Path) -> None:
    async with war_room(tmp_path, TWO) as room:
        console = await room.console()

        async def fill(_target: str) -> None:
            full(room)

        room.world.after_write = fill
        answer = await console.act(Verb.PROMOTE)
        state = await console.until(lambda state: state.mode is Mode.PARTIAL)
        room.world.after_write = at_once
        assert answer.result is Result.REFUSED
        assert answer.line.startswith("promote stopped before page: journal")
        assert room.world.writes == ["api 10 %"]
        assert state.local.journal.broken is not None
        freed(room)
        await console.until(lambda state: state.local.journal.held == 0)


async def test_a_locked_journal_holds_up_neither_a_rollback_nor_the_screen(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        room.monkeypatch.setattr("console.journal.sqlite.BUSY_MS", 4 * 1000 * SOON_S)
        console = await room.console()
        await console.promoted(1)
        with locked(room.journal):
            began = time.monotonic()
            answer = await console.act(Verb.ROLLBACK)
            await console.until(lambda _state: room.world.writes[-1] == "api 0 %")
            sent_s = time.monotonic() - began
            read_at = console.state.targets["api"].read_at
            await console.until(lambda state: state.targets["api"].read_at != read_at)
            seen_s = time.monotonic() - began
        state = await console.until(lambda state: state.mode is Mode.ROLLED_BACK and state.decisions[-1].seq)
        assert answer.result is Result.ACCEPTED
        assert sent_s < SOON_S
        assert seen_s < SOON_S
        assert state.decisions[-1].verb is Verb.ROLLBACK
        assert room.story()[-3:] == ["rollback", "  api -> 0 %", "  api accepted"]


async def test_samples_do_not_queue_up_behind_a_slow_journal(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        with locked(room.journal):
            polled = len(room.world.reads)
            await console.until(lambda _state: len(room.world.reads) > polled + 8)
            waiting = console.engine.store.thread.waiting
        assert waiting <= 2


async def test_a_console_opens_unjournaled_on_a_disk_that_is_full_from_the_beginning(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        SqliteJournal(room.journal).close()
        full(room)
        console = await room.console()
        state = await console.until(lambda state: state.local.journal.broken)
        refused = await console.act(Verb.PROMOTE)
        assert (state.rollout, refused.result) == ("one/1", Result.REFUSED)
        freed(room)
        await console.until(lambda state: state.local.journal.held == 0)
        assert room.kinds()[0] == "rollout_opened"
        await console.promoted(1)


async def test_a_journal_that_is_no_database_leaves_halt_and_rollback(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        room.journal.write_bytes(b"not a database, but a letter to mother" * 100)
        room.journal.chmod(0o600)
        console = await room.console(journal=open_or_unavailable(lambda: SqliteJournal(room.journal)))
        room.world.move("api", 30)
        await console.until(lambda state: state.targets["api"].drift)
        answer = await console.act(Verb.ROLLBACK)
        await console.until(lambda _state: room.world.writes == ["api 0 %"])
        assert answer.result is Result.ACCEPTED
        assert "not a database" in (console.state.local.journal.broken or "")


NOT_A_BYTE = """
import asyncio, resource, signal, sys
from pathlib import Path
from console.cli.paths import open_or_stand_in
from console.journal.location import FileLocation
from console.events.evidence import Verb
from console.journal.location import FileLocation
from console.state.values import StepMark
from tests.engine_rig import ONE, war_room

def writable(size):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

async def main(folder, again):
    async with war_room(Path(folder), ONE) as room:
        console = await room.console()
        await console.promoted(1)
        if again:
            await console.close()
        writable(0)
        if again:
            console = await room.console(journal=open_or_stand_in(FileLocation(room.journal)))
        answer = await console.act(Verb.ROLLBACK)
        await console.until(lambda state: state.checklist[0].mark is StepMark.DONE)
        broken = console.state.local.journal.broken
        writable(resource.RLIM_INFINITY)
        await console.until(lambda state: state.local.journal.held == 0)
        print(console.state.rollout, answer.result, room.world.writes, bool(broken), room.story()[-3:])

asyncio.run(main(sys.argv[1], bool(sys.argv[2])))
"""
"""A full file system is not to be had everywhere; a process that may not write a byte to any file is."""


@pytest.mark.parametrize("again", ["", "opened again"])
def test_a_rollback_works_with_no_byte_left_to_write(tmp_path: Path, again: str) -> None:
    command = [sys.executable, "-c", NOT_A_BYTE, str(tmp_path), again]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == (
        "one/1 accepted ['api 5 %', 'api 0 %'] True ['rollback', '  api -> 0 %', '  api accepted']"
    ), done.stderr


async def test_a_halt_stops_what_has_not_left_before_it_is_written_down(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        room.world.before_write = latch = Latch("api")
        promote = asyncio.create_task(console.act(Verb.PROMOTE))
        await latch.reached.wait()
        with locked(room.journal):
            halt = asyncio.create_task(console.act(Verb.HALT))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            latch.open()
            await asyncio.wait({promote}, timeout=PATIENCE_S / 2)
            assert console.state.halted is None
            assert room.world.writes == []
        await halt
        answer = await promote
        assert answer.line == "promote: api -> 5 % refused: not sent: halted"


async def test_a_promote_cut_off_while_it_is_journalled_sends_nothing_and_says_so(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        room.world.before_write = Latch()
        with locked(room.journal):
            promote = asyncio.create_task(console.act(Verb.PROMOTE))
            await asyncio.sleep(0)
            rollback = await console.act(Verb.ROLLBACK)
        await promote
        state = await console.until(lambda state: all(entry.seq for entry in state.decisions) and not state.in_flight)
        assert rollback.result is Result.ACCEPTED
        assert room.world.writes == []
        assert room.story()[:2] in (["promote", "rollback"], ["rollback"])
        assert state.promoting is None
        assert state.checklist[0].mark in (StepMark.PENDING, StepMark.HOLDING, StepMark.DONE)
