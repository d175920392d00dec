"""What waits for a journal outlives its console: kept in a file, taken up by the next one, once."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
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
from console.engine import spooler
from console.engine.clock import SystemClock
from console.engine.config import EngineConfig
from console.engine.engine import Engine
from console.engine.identity import actor
from console.engine.spooler import SpoolWriter
from console.events.evidence import Actor, Verb
from console.events.kinds import Event, Noted, RolloutClosed, RolloutOpened
from console.journal.contract import JournalUnavailable
from console.journal.location import FileLocation
from console.journal.postgres.url import Url
from console.journal.spool import RESERVED_BYTES, Spool
from console.journal.sqlite import SqliteJournal
from console.plan.loader import load
from console.state.values import Mode, StepMark
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
    made = opened(tmp_path)
    yield made
    made.close()


def opening() -> RolloutOpened:
    return RolloutOpened(at=AT, who=actor(), plan_digest="d", plan_text="", readings=(), reached=0, warroom="0")


def opened(folder: Path, run: str = RUN) -> SqliteJournal:
    """The journal of `folder`, with a run that was opened in it."""
    made = SqliteJournal(folder / "journal.db")
    made.append(run, opening())
    return made


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
        made.mark_written(one.id)
    assert made._file is not None
    os.close(made._file)
    assert made.path is not None
    return made.path


def texts(journal: SqliteJournal) -> list[str]:
    return [entry.event.text for entry in journal.tail(RUN, 0) if isinstance(entry.event, Noted)]


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if ".waiting-" in path.name)


def descriptors() -> int:
    """How many files this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def removed(journal: Path) -> None:
    """The journal, and what SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm"):
        journal.with_name(journal.name + suffix).unlink(missing_ok=True)


# -- the file --------------------------------------------------------------------------------------------------------


def test_a_file_is_private_has_room_and_goes_when_nothing_waits(tmp_path: Path) -> None:
    made = spool(tmp_path)
    made.begin()
    assert made.path is not None
    about = made.path.stat()
    assert (stat.S_IMODE(about.st_mode), about.st_size) == (0o600, RESERVED_BYTES)
    first, second = note("first"), note("second")
    for one in (first, second, first):
        made.keep(RUN, one)
    assert (made.holds(first.id), made.has_waiting) == (True, True)
    made.mark_written(first.id)
    made.mark_written(second.id)
    assert (made.holds(first.id), made.has_waiting) == (False, False)
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
    journal = opened(tmp_path)
    connection = sqlite3.connect(tmp_path / "journal.db")
    connection.execute("CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
    connection.commit()
    with pytest.raises(JournalUnavailable, match="disk is full"):
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
        b"[" * 100_000 + b"\n",
    ],
)
def test_a_line_that_no_console_wrote_is_put_away_and_never_read_again(
    tmp_path: Path, journal: SqliteJournal, me: Actor, line: bytes
) -> None:
    path = abandoned(tmp_path, note("first"))
    path.write_bytes(line + path.read_bytes())
    taking = spool(tmp_path)
    assert taking.adopt(journal, AT, me) == 0
    assert files(tmp_path) == [f"{path.name}.left"]
    [text] = taking.pending_notices
    assert f"{path.name}.left, not here: a line of it cannot be read" in text
    assert spool(tmp_path).adopt(journal, AT, me) == 0
    assert texts(journal) == []


def test_nobody_speaks_for_somebody_else_nor_puts_away_what_they_did(
    tmp_path: Path, journal: SqliteJournal, me: Actor
) -> None:
    """Under sudo one file owner is several people."""
    other = replace(me, uid=me.uid + 1)
    path = abandoned(tmp_path, note("theirs", other))
    assert spool(tmp_path).adopt(journal, AT, me) == 0
    assert (texts(journal), files(tmp_path)) == ([], [path.name])
    assert spool(tmp_path).adopt(journal, AT, other) == 1
    assert texts(journal) == ["theirs"]


def test_a_journal_that_does_not_know_the_run_gets_no_run_without_an_opening(tmp_path: Path, me: Actor) -> None:
    """The journal was removed and made anew: events without an opening would keep everybody from opening it."""
    path = abandoned(tmp_path, note("halted"))
    journal = SqliteJournal(tmp_path / "journal.db")
    taking = spool(tmp_path)
    assert taking.adopt(journal, AT, me) == 0
    assert journal.tail(RUN, 0) == []
    [text] = taking.pending_notices
    assert f"{path.name}.left, not here: {RUN} is not in this journal" in text
    journal.close()


def test_where_the_rest_is_is_told_in_the_run_that_is_open(tmp_path: Path, journal: SqliteJournal, me: Actor) -> None:
    """A console that could not read its journal took its run for the first."""
    journal.append(RUN, RolloutClosed(at=AT, how="complete"))
    journal.append("one/2", opening())
    made = spool(tmp_path)
    made.keep(RUN, opening())
    made.close()
    spool(tmp_path).adopt(journal, AT, me)
    assert texts(journal) == []
    assert [entry.event.kind for entry in journal.tail("one/2", 0)] == ["rollout_opened", "noted"]


def test_somebodys_own_file_that_begins_alike_is_left_alone(tmp_path: Path, journal: SqliteJournal, me: Actor) -> None:
    own = tmp_path / "journal.db.waiting-for-ana"
    own.write_text("ask ana", encoding="utf-8")
    spool(tmp_path).adopt(journal, AT, me)
    assert own.read_text(encoding="utf-8") == "ask ana"


def test_a_journal_may_be_called_anything(tmp_path: Path, journal: SqliteJournal, me: Actor) -> None:
    beside = [tmp_path / "shop[1]*.db"]
    made = Spool(beside)
    made.keep(RUN, note("first"))
    made.close()
    assert Spool(beside).adopt(journal, AT, me) == 1


def test_a_link_in_a_shared_folder_is_not_followed(tmp_path: Path, journal: SqliteJournal, me: Actor) -> None:
    private = tmp_path / "private"
    private.write_bytes(b"secret\n")
    (tmp_path / "journal.db.waiting-1-0000000a").symlink_to(private)
    (tmp_path / "journal.db.waiting-2-0000000b").hardlink_to(private)
    assert spool(tmp_path).adopt(journal, AT, me) == 0
    assert private.read_bytes() == b"secret\n"
    assert files(tmp_path) == ["journal.db.waiting-1-0000000a", "journal.db.waiting-2-0000000b"]


def test_a_rollout_that_somebody_else_opened_meanwhile_is_told_where_the_rest_is(
    tmp_path: Path, journal: SqliteJournal, me: Actor
) -> None:
    made = spool(tmp_path)
    made.keep(RUN, opening())
    made.keep(RUN, note("rolled back by hand"))
    made.close()
    spool(tmp_path).adopt(journal, AT, me)
    [left] = files(tmp_path)
    [text] = texts(journal)
    assert text.startswith(
        f"events of a console of {me.user} on {me.host}, made while the journal could not be written, are in "
    )
    assert f"{left}, not here: {RUN} was opened by another console" in text
    assert "rolled back by hand" in (tmp_path / left).read_text(encoding="utf-8")


# -- no room, no disk ------------------------------------------------------------------------------------------------


def test_there_is_room_on_a_disk_that_is_full(tmp_path: Path) -> None:
    """No file may grow past what it has: what a full disk does to a file that has its room already."""
    program = f"""
import resource, signal
from datetime import UTC, datetime
from pathlib import Path
from console.events.kinds import Noted
from console.journal.location import FileLocation
from console.journal.spool import RESERVED_BYTES, Spool
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
made = Spool([Path({str(tmp_path / "journal.db")!r})])
made.begin()
resource.setrlimit(resource.RLIMIT_FSIZE, (RESERVED_BYTES, RESERVED_BYTES))
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
    journal = opened(tmp_path)
    assert spool(tmp_path).adopt(journal, AT, actor()) == int(ran.stdout)
    journal.close()


def test_where_nothing_can_be_written_there_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    made = Spool([tmp_path / "file" / "journal.db"])
    with pytest.raises(OSError):
        made.keep(RUN, note("first"))
    assert made.path is None
    made.close()


def test_where_nothing_can_be_locked_there_is_no_file(
    tmp_path: Path, journal: SqliteJournal, me: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network file system without locks: who lives cannot be told from who is gone."""
    abandoned(tmp_path, note("first"))
    before, open_before = files(tmp_path), descriptors()

    def unlockable(_file: int, _how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", unlockable)
    made = spool(tmp_path)
    for _ in range(2):
        with pytest.raises(OSError, match="No locks"):
            made.keep(RUN, note("second"))
    assert made.adopt(journal, AT, me) == 0
    assert (files(tmp_path), descriptors()) == (before, open_before)


def test_a_database_is_one_place_however_it_is_written_and_two_are_two(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICE"):
        monkeypatch.delenv(name, raising=False)

    def at(url: str) -> str:
        return Url(url).canonical_name(os.environ)

    same = [
        "postgresql://ana:pw@db/w",
        "postgres://ana@DB:5432/w",
        "postgresql://ana@/w?host=db",
        "postgresql://ana@db?dbname=w",
    ]
    assert len({at(url) for url in same}) == 1
    assert "pw" not in at(same[0])
    two = [
        "postgresql:///w?host=/run/a",
        "postgresql://%2Frun%2FA/w",
        "postgresql://db/w?port=5433",
        "postgresql://db/w",
        "postgresql://db/v",
        "postgresql://[::1]:5433/w",
        "postgresql://[::1]/w",
        "postgresql:///?service=prod",
    ]
    assert len({at(url) for url in two}) == len(two)
    bare = at("postgresql:///w")
    monkeypatch.setenv("PGHOST", "staging")
    assert at("postgresql:///w") == at("postgresql://staging/w") != bare


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
        made = FileLocation(folder / "journal.db").spool
        made.keep(RUN, note("first"))
        made.close()
    assert (len(files(private)), len(files(shared)), len(files(tmp_path / "home" / "warroom"))) == (1, 0, 1)


async def test_a_disk_that_hangs_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = threading.Event()
    monkeypatch.setattr(spooler, "SPOOL_WAIT_S", 0.02)

    class Hung(Spool):
        def keep(self, rollout: str, event: object) -> None:
            free.wait(30)

    aside = SpoolWriter(Hung([tmp_path / "journal.db"]))
    async with asyncio.timeout(20):
        for number in range(20):
            await aside.keep(RUN, note(f"note {number}"))
    assert not aside.holds([note("any")])
    free.set()
    await aside.close()


def test_a_process_does_not_wait_for_a_disk_that_hangs(tmp_path: Path) -> None:
    program = f"""
import asyncio, threading
from datetime import UTC, datetime
from pathlib import Path
from console.engine.spooler import SpoolWriter
from console.events.kinds import Noted
from console.journal.spool import Spool
class Hung(Spool):
    def keep(self, rollout, event):
        threading.Event().wait()
async def main():
    aside = SpoolWriter(Hung([Path({str(tmp_path / "journal.db")!r})]))
    await aside.keep("one/1", Noted(at=datetime.now(UTC), text="halted"))
    await aside.close()
asyncio.run(main())
print("over")
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert (ran.stdout, ran.stderr) == ("over\n", "")


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
            state = await console.until(lambda state: state.mode is Mode.ROLLED_BACK and state.local.journal.kept)
            assert state.local.journal.waiting == f"{state.local.journal.held} kept in a file"
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


async def test_who_only_looks_makes_no_file_and_takes_up_what_was_left(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        await console.promoted(1)
        with full(room.journal):
            await console.act(Verb.HALT)
            await console.die()
        looking = await room.console(observing=True)
        assert (looking.state.mode, files(tmp_path)) == (Mode.HALTED, [])


async def test_what_is_written_in_the_end_leaves_no_file(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        await console.promoted(1)
        with locked(room.journal):
            await console.act(Verb.ROLLBACK)
            await console.until(lambda state: state.mode is Mode.ROLLED_BACK)
        await console.until(lambda state: state.local.journal.held == 0)
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
    assert (
        f"{tmp_path / name} keeps these events until the next warroom on this host writes them to the journal"
        in rolled.stderr
    )
    lines = (tmp_path / name).read_bytes().partition(b"\0")[0].splitlines()
    kinds = [kind for line in lines if (kind := json.loads(line)["kind"]) != "target_observed"]  # if a read came first
    assert kinds == ["decision_taken", "request_made", "request_settled", "step_done"]
    assert sh.kinds().count("decision_taken") == 1
    assert sh.run("note", "--reason", "morning") == 0
    assert [kind for kind in sh.kinds() if kind in (*kinds, "noted")][-5:] == [*kinds, "noted"]
    assert files(tmp_path) == []
    assert main(["log", "verify", "--journal", str(sh.journal)]) == 0


async def test_a_journal_made_anew_is_opened_and_says_where_the_rest_is(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        await console.promoted(1)
        with full(room.journal):
            await console.act(Verb.HALT)
            await console.die()
        removed(room.journal)
        next_one = await room.console(answered=False)
        assert next_one.state.rollout == RUN
        assert next_one.state.mode is not Mode.HALTED
        [text] = [event.text for event in room.events() if isinstance(event, Noted)]
        assert f".left, not here: {RUN} is not in this journal" in text


async def test_a_rollback_that_is_written_down_late_does_not_hide_what_was_promoted_since(tmp_path: Path) -> None:
    """Its user came back hours later; somebody else, who could not know of it, went on meanwhile."""
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        await console.promoted(1)
        with full(room.journal):
            await console.act(Verb.ROLLBACK)
            await console.until(lambda state: state.mode is Mode.ROLLED_BACK and state.local.journal.kept)
            await console.die()
        [name] = files(tmp_path)
        away = (tmp_path / name).rename(tmp_path / "away")
        other = await room.console()
        await other.act(Verb.ACCEPT, subject="api")
        await other.promoted(2)
        away.rename(tmp_path / name)
        state = await other.until(lambda state: state.checklist[0].mark is StepMark.RELAPSED)
        assert state.mode is Mode.ROLLING_BACK
        answer = await other.act(Verb.ROLLBACK)
        assert answer.result == "accepted", answer.line
        await other.until(lambda state: state.mode is Mode.ROLLED_BACK)
        assert room.world.percent["api"] == 0


class Stuck(SqliteJournal):
    """Is read as ever, and takes no events until it is let."""

    free = threading.Event()

    def append(self, rollout: str, event: Event, *, fence: int | None = None, seen: int = 0) -> int:
        self.free.wait(30)
        return super().append(rollout, event, fence=fence, seen=seen)


async def test_who_is_in_a_hurry_joins_the_open_run_though_what_waits_cannot_be_written(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        await console.promoted(1)
        with full(room.journal):
            await console.act(Verb.HALT)
            await console.die()
        stuck = Stuck(room.journal)
        where = FileLocation(room.journal)
        config = EngineConfig(load(room.file), stuck, SystemClock(), tmp_path, "0", spool=where.spool)
        opening = asyncio.create_task(Engine.open(config, lambda _state: None, hurry_s=0.05))
        await asyncio.sleep(0.3)
        stuck.free.set()
        engine = await opening
        assert (engine.is_new_run, engine.store.state.mode) == (False, Mode.HALTED)
        engine.start()
        await engine.close()
        stuck.close()
