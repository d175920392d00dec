"""What waits for a journal outlives its console: kept in a file, taken up by the next one, once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from console.cli import main
from console.engine import keeper
from console.engine.identity import actor
from console.engine.keeper import Keeper
from console.events.evidence import Actor, Verb
from console.events.kinds import Noted, RolloutOpened
from console.journal.contract import Broken
from console.journal.place import FilePlace
from console.journal.spool import ROOM, Spool
from console.journal.sqlite import SqliteJournal
from console.state.values import Mode
from tests.cli_rig import Shell, shell
from tests.engine_rig import ONE, locked, war_room
from tests.terminal import WARROOM

AT = datetime(2026, 11, 29, 3, tzinfo=UTC)
RUN = "one/1"


@pytest.fixture
def me() -> Actor:
    return actor()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    made = SqliteJournal(tmp_path / "journal.db")
    yield made
    made.close()


def note(text: str, who: Actor | None = None) -> Noted:
    return Noted(at=AT, who=who, text=text)


def spool(folder: Path) -> Spool:
    return Spool([folder / "journal.db"])


def abandoned(folder: Path, *notes: Noted, written: int = 0) -> Path:
    """A spool whose console was killed, with these notes in it, the first so many of which the journal has."""
    made = spool(folder)
    for one in notes:
        made.keep(RUN, one)
    for one in notes[:written]:
        made.written(one.id)
    assert made._file is not None
    os.close(made._file)
    assert made.path is not None
    return made.path


def texts(journal: SqliteJournal) -> list[str]:
    return [entry.event.text for entry in journal.tail(RUN, 0) if isinstance(entry.event, Noted)]


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if ".waiting-" in path.name)


# -- the file --------------------------------------------------------------------------------------------------------


def test_a_file_is_private_has_room_and_goes_when_nothing_waits(tmp_path: Path) -> None:
    made = spool(tmp_path)
    made.begin()
    assert made.path is not None
    about = made.path.stat()
    assert (stat.S_IMODE(about.st_mode), about.st_size) == (0o600, ROOM)
    first, second = note("first"), note("second")
    for one in (first, second, first):
        made.keep(RUN, one)
    assert (made.holds(first.id), made.waits) == (True, True)
    made.written(first.id)
    made.written(second.id)
    assert (made.holds(first.id), made.waits) == (False, False)
    made.close()
    assert files(tmp_path) == []


def test_what_still_waits_at_the_end_stays_and_is_taken_up_in_order_once(
    tmp_path: Path, journal: SqliteJournal, me: Actor
) -> None:
    made = spool(tmp_path)
    for text in ("first", "second", "third"):
        made.keep(RUN, note(text))
    made.close()
    assert len(files(tmp_path)) == 1
    assert [spool(tmp_path).adopt(journal, AT, me) for _ in range(2)] == [3, 0]
    assert (texts(journal), files(tmp_path)) == (["first", "second", "third"], [])


def test_what_the_journal_has_by_now_is_not_taken_up(tmp_path: Path, journal: SqliteJournal, me: Actor) -> None:
    abandoned(tmp_path, note("first"), note("second"), written=1)
    assert spool(tmp_path).adopt(journal, AT, me) == 1
    assert texts(journal) == ["second"]


def test_what_was_committed_by_a_console_killed_before_it_could_say_so_is_there_once(
    tmp_path: Path, journal: SqliteJournal, me: Actor
) -> None:
    first = note("first")
    abandoned(tmp_path, first)
    journal.append(RUN, first)
    spool(tmp_path).adopt(journal, AT, me)
    assert texts(journal) == ["first"]


def test_the_file_of_a_console_that_lives_is_left_alone(tmp_path: Path, journal: SqliteJournal, me: Actor) -> None:
    alive = spool(tmp_path)
    alive.keep(RUN, note("mine"))
    assert spool(tmp_path).adopt(journal, AT, me) == 0
    assert texts(journal) == []
    alive.close()


def test_a_last_line_that_was_cut_off_counts_for_nothing(tmp_path: Path, journal: SqliteJournal, me: Actor) -> None:
    path = abandoned(tmp_path, note("first"), note("second"))
    whole = path.read_bytes().partition(b"\0")[0]
    path.write_bytes(whole[:-20])
    assert spool(tmp_path).adopt(journal, AT, me) == 1
    assert texts(journal) == ["first"]


def test_a_journal_that_cannot_be_written_leaves_the_file_for_the_next_try(tmp_path: Path, me: Actor) -> None:
    abandoned(tmp_path, note("first"))
    journal = SqliteJournal(tmp_path / "journal.db")
    connection = sqlite3.connect(tmp_path / "journal.db")
    connection.execute("CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
    connection.commit()
    with pytest.raises(Broken, match="disk is full"):
        spool(tmp_path).adopt(journal, AT, me)
    connection.execute("DROP TRIGGER full")
    connection.commit()
    connection.close()
    assert spool(tmp_path).adopt(journal, AT, me) == 1
    assert texts(journal) == ["first"]
    journal.close()


# -- what is not ours ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        b"not JSON\n",
        b"[]\n",
        b'{"rollout": "one/1"}\n',
        b'{"rollout": "one/1", "kind": "noted", "event": "{}"}\n',
        b'{"rollout": "one/1", "kind": "noted", "event": 5}\n',
    ],
)
def test_a_line_that_no_console_wrote_is_put_away_and_never_read_again(
    tmp_path: Path, journal: SqliteJournal, me: Actor, line: bytes
) -> None:
    path = abandoned(tmp_path, note("first"))
    path.write_bytes(line + path.read_bytes())
    assert spool(tmp_path).adopt(journal, AT, me) == 0
    assert files(tmp_path) == [f"{path.name}.left"]
    assert spool(tmp_path).adopt(journal, AT, me) == 0
    assert texts(journal) == []


def test_nobody_speaks_for_somebody_else(tmp_path: Path, journal: SqliteJournal, me: Actor) -> None:
    abandoned(tmp_path, note("forged", replace(me, uid=me.uid + 1)))
    assert spool(tmp_path).adopt(journal, AT, me) == 0
    assert texts(journal) == []


def test_a_link_in_a_shared_folder_is_not_followed(tmp_path: Path, journal: SqliteJournal, me: Actor) -> None:
    private = tmp_path / "private"
    private.write_bytes(b"secret\n")
    (tmp_path / "journal.db.waiting-1-a").symlink_to(private)
    (tmp_path / "journal.db.waiting-2-b").hardlink_to(private)
    assert spool(tmp_path).adopt(journal, AT, me) == 0
    assert private.read_bytes() == b"secret\n"
    assert files(tmp_path) == ["journal.db.waiting-1-a", "journal.db.waiting-2-b"]


def test_a_rollout_that_somebody_else_opened_meanwhile_is_told_where_the_rest_is(
    tmp_path: Path, journal: SqliteJournal, me: Actor
) -> None:
    def opening() -> RolloutOpened:
        return RolloutOpened(at=AT, who=me, plan_digest="d", plan_text="", readings=(), reached=0, warroom="0")

    made = spool(tmp_path)
    made.keep(RUN, opening())
    made.keep(RUN, note("rolled back by hand"))
    made.close()
    journal.append(RUN, opening())
    spool(tmp_path).adopt(journal, AT, me)
    [left] = files(tmp_path)
    [told] = texts(journal)
    assert told.startswith(
        f"what a console of {me.user} on {me.host} did while the journal could not be written is in "
    )
    assert f"{left}, not here: {RUN} was opened by somebody else" in told
    assert "rolled back by hand" in (tmp_path / left).read_text(encoding="utf-8")


# -- no room, no disk ------------------------------------------------------------------------------------------------


def test_there_is_room_on_a_disk_that_is_full(tmp_path: Path) -> None:
    """No file may grow past what it has: what a full disk does to a file that has its room already."""
    program = f"""
import resource, signal
from datetime import UTC, datetime
from pathlib import Path
from console.events.kinds import Noted
from console.journal.place import FilePlace
from console.journal.spool import ROOM, Spool
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
made = Spool([Path({str(tmp_path / "journal.db")!r})])
made.begin()
resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))
kept = 0
try:
    while True:
        made.keep("one/1", Noted(at=datetime.now(UTC), text="x" * 4000))
        kept += 1
except OSError:
    print(kept)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(ran.stdout) > 25
    journal = SqliteJournal(tmp_path / "journal.db")
    assert spool(tmp_path).adopt(journal, AT, actor()) == int(ran.stdout)
    journal.close()


def test_where_nothing_can_be_written_there_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    made = Spool([tmp_path / "file" / "journal.db"])
    with pytest.raises(OSError):
        made.keep(RUN, note("first"))
    assert made.path is None
    made.close()


def test_the_second_place_is_used_where_the_first_cannot_be_written(
    tmp_path: Path, journal: SqliteJournal, me: Actor
) -> None:
    (tmp_path / "file").touch()
    places = [tmp_path / "file" / "journal.db", tmp_path / "state" / "journal-1"]
    made = Spool(places)
    made.keep(RUN, note("first"))
    made.close()
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert Spool(places).adopt(journal, AT, me) == 1


def test_it_is_beside_a_journal_of_ones_own_and_at_home_where_others_could_remove_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    private, shared = tmp_path / "private", tmp_path / "shared"
    for folder, mode in ((private, 0o700), (shared, 0o2770)):
        folder.mkdir()
        folder.chmod(mode)
        made = FilePlace(folder / "journal.db").spool
        made.keep(RUN, note("first"))
        made.close()
    assert (len(files(private)), len(files(shared)), len(files(tmp_path / "home" / "warroom"))) == (1, 0, 1)


async def test_a_disk_that_hangs_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = threading.Event()
    monkeypatch.setattr(keeper, "ASIDE_S", 0.02)

    class Hung(Spool):
        def keep(self, rollout: str, event: object) -> None:
            free.wait(30)

    aside = Keeper(Hung([tmp_path / "journal.db"]))
    async with asyncio.timeout(5):
        for number in range(20):
            await aside.keep(RUN, note(f"note {number}"))
    assert not aside.holds([note("any")])
    free.set()
    await aside.close()


# -- consoles --------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def full(journal: Path) -> Iterator[None]:
    with contextlib.closing(sqlite3.connect(journal)) as database:
        database.execute("CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
        database.commit()
        yield
        database.execute("DROP TRIGGER full")
        database.commit()


async def test_a_rollback_that_nobody_could_write_down_survives_its_console(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        await console.promoted(1)
        with full(room.journal):
            await console.act(Verb.ROLLBACK)
            state = await console.until(lambda state: state.mode is Mode.ROLLED_BACK and state.journal.kept)
            assert state.journal.waiting == f"{state.journal.held} kept in a file"
            await console.die()
        next_one = await room.console(answered=False)
        assert next_one.state.mode is Mode.ROLLED_BACK
        assert next_one.state.checklist == console.state.checklist
        assert room.story()[-3:] == ["rollback", "  api -> 0 %", "  api accepted"]
        assert len(files(tmp_path)) == 1  # the next one's own


async def test_a_halt_of_a_killed_console_holds_before_anybody_goes_forward(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        await console.promoted(1)
        with full(room.journal):
            await console.act(Verb.HALT)
            await console.die()
        next_one = await room.console()
        answer = await next_one.act(Verb.PROMOTE)
        assert (answer.result, next_one.state.mode) == ("refused", Mode.HALTED)


async def test_a_console_that_is_open_takes_up_what_another_one_left(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console, other = await room.console(), await room.console()
        await console.promoted(1)
        with full(room.journal):
            await console.act(Verb.HALT)
            await console.die()
        await other.until(lambda state: state.mode is Mode.HALTED)


async def test_what_is_written_in_the_end_leaves_no_file(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        await console.promoted(1)
        with locked(room.journal):
            await console.act(Verb.ROLLBACK)
            await console.until(lambda state: state.mode is Mode.ROLLED_BACK)
        await console.until(lambda state: state.journal.held == 0)
        await console.close()
        assert files(tmp_path) == []


def test_a_headless_rollback_without_its_journal_is_written_down_by_the_next_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sh: Shell = shell(tmp_path, capsys)
    assert sh.run("promote") == 0
    with full(sh.journal):
        rolled = subprocess.run([*WARROOM, *sh.arguments("rollback")], capture_output=True, text=True, check=False)
    assert "rolled back, but UNJOURNALED" in rolled.stderr
    [name] = files(tmp_path)
    assert f"{tmp_path / name} keeps what was decided until the next warroom here writes it down" in rolled.stderr
    lines = (tmp_path / name).read_bytes().partition(b"\0")[0].splitlines()
    kinds = [json.loads(line)["kind"] for line in lines]
    assert kinds == ["decision_taken", "request_made", "request_settled", "step_done"]
    assert sh.kinds().count("decision_taken") == 1
    assert sh.run("note", "--reason", "morning") == 0
    assert [kind for kind in sh.kinds() if kind in (*kinds, "noted")][-5:] == [*kinds, "noted"]
    assert files(tmp_path) == []
    assert main(["log", "verify", "--journal", str(sh.journal)]) == 0
