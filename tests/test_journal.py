"""The journal in SQLite, on real files and several connections and processes: what it keeps, refuses and decides."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from multiprocessing.pool import Pool
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlite_utils import Database

from console.events.kinds import Noted, RolloutClosed, SourceRead, Unbelieved, Unrecognized
from console.journal.contract import Conflict, Journal, JournalUnavailable
from console.journal.migrations import schema
from console.journal.sqlite import SqliteJournal
from console.journal.unavailable import UnavailableJournal, open_or_unavailable
from tests.engine_rig import locked
from tests.journal_rig import AT, RUN, decided, forward, note, opening

PROCESSES = 8
DEADLINE_S = 180.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "private" / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[SqliteJournal]:
    opened = SqliteJournal(path)
    yield opened
    opened.close()


@pytest.fixture
def other(journal: SqliteJournal, path: Path) -> Iterator[SqliteJournal]:
    """A second console's connection to the same file."""
    opened = SqliteJournal(path)
    yield opened
    opened.close()


def raw(path: Path, statement: str, *values: object) -> list[tuple[object, ...]]:
    """What a plain SQLite tool sees or does."""
    connection = sqlite3.connect(path)
    try:
        rows = connection.execute(statement, values).fetchall()
        connection.commit()
        return rows
    finally:
        connection.close()


def migrations_pending(path: Path) -> list[object]:
    """The migrations that a journal's file still lacks."""
    database = Database(path)
    try:
        return list(schema.pending(database))
    finally:
        database.close()


def one_line(error: BaseException) -> str:
    text = str(error)
    assert text and "\n" not in text
    return text


@pytest.mark.parametrize(
    "statement", ["UPDATE events SET who = 'eve'", "DELETE FROM events", "UPDATE samples SET v = 2"]
)
def test_what_was_recorded_is_never_changed_or_removed(journal: SqliteJournal, path: Path, statement: str) -> None:
    journal.append(RUN, opening())
    journal.append_samples(RUN, [SourceRead(at=AT, source="prom")])
    with pytest.raises(sqlite3.IntegrityError, match="the journal is append-only"):
        raw(path, statement)


def test_replacing_an_event_is_removing_it(journal: SqliteJournal, path: Path) -> None:
    journal.append(RUN, note("true"))
    columns = "id, rollout, seq, event_id, at, kind, v, who, move, body"
    with pytest.raises(sqlite3.IntegrityError):
        raw(path, f"INSERT OR REPLACE INTO events ({columns}) SELECT {columns} FROM events")  # noqa: S608 - a constant
    assert len(journal.tail(RUN, 0)) == 1


def test_an_event_of_a_newer_version_is_kept(journal: SqliteJournal, path: Path) -> None:
    insert = "INSERT INTO events (rollout, seq, event_id, at, kind, v, body) VALUES (?, 1, 'x', ?, 'alarm_rung', 3, ?)"
    raw(path, "DROP TRIGGER events_chained")
    raw(path, insert, RUN, AT.isoformat(), '{"id": "x", "at": "2026-03-02T12:00:00Z", "siren": "loud"}')
    (entry,) = journal.tail(RUN, 0)
    assert isinstance(entry.event, Unrecognized) and entry.event.said_kind == "alarm_rung"
    assert journal.append(RUN, note("after it")) == 2


@pytest.mark.parametrize(("kind", "body"), [("noted", '{"kind": "noted"}'), ("noted", "{"), ("alarm_rung", "[]")])
def test_an_event_that_fits_no_shape_is_set_aside_with_the_reason(
    journal: SqliteJournal, path: Path, kind: str, body: str
) -> None:
    insert = "INSERT INTO events (rollout, seq, event_id, at, kind, v, body) VALUES (?, 1, 'x', 'x', ?, 1, ?)"
    raw(path, "DROP TRIGGER events_chained")
    raw(path, insert, RUN, kind, body)
    journal.append(RUN, note("after it"))
    bad, good = (entry.event for entry in journal.tail(RUN, 0))
    assert isinstance(bad, Unbelieved) and bad.reason.startswith("its body is not that of an event: ")
    assert isinstance(good, Noted) and good.text == "after it"


def test_decisions_and_their_evidence_are_read_by_any_sqlite_tool(journal: SqliteJournal, path: Path) -> None:
    decided(journal)
    question = "SELECT who, verb, outcome, json_extract(evidence, '$.stage_from') FROM decisions"
    assert raw(path, question) == [("ana", "promote", "edge accepted, flag not settled", "start")]


def test_the_file_is_private_in_a_private_folder(journal: SqliteJournal, path: Path) -> None:
    journal.append(RUN, opening())
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == ["journal.db", "journal.db-shm", "journal.db-wal"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_the_file_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        SqliteJournal(tmp_path / "open" / "journal.db").close()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "open" / "journal.db").stat().st_mode) == 0o600


def test_a_journal_opened_again_keeps_what_it_has_and_migrates_nothing(journal: SqliteJournal, path: Path) -> None:
    journal.append(RUN, opening())
    journal.close()
    before = raw(path, "SELECT name, sql FROM sqlite_master ORDER BY name")
    again = SqliteJournal(path)
    assert (len(again.tail(RUN, 0)), raw(path, "SELECT name, sql FROM sqlite_master ORDER BY name")) == (1, before)
    again.close()


@pytest.mark.usefixtures("journal")
def test_every_migration_is_marked_as_applied(path: Path) -> None:
    assert migrations_pending(path) == []


def test_a_file_that_is_no_database_is_broken(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"these are not the pages you are looking for" * 100)
    path.chmod(0o600)
    with pytest.raises(JournalUnavailable, match="file is not a database") as caught:
        SqliteJournal(path)
    one_line(caught.value)


def test_a_database_of_something_else_is_broken(path: Path) -> None:
    path.parent.mkdir()
    raw(path, "CREATE TABLE events (id)")
    with pytest.raises(JournalUnavailable) as caught:
        SqliteJournal(path)
    one_line(caught.value)


@pytest.mark.parametrize("place", ["file/journal.db", "journal.db/"])
def test_a_place_that_cannot_hold_a_file_is_broken(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    (tmp_path / "journal.db").mkdir()
    with pytest.raises(JournalUnavailable) as caught:
        SqliteJournal(tmp_path / place)
    one_line(caught.value)


WRITES: list[Callable[[Journal], object]] = [
    lambda journal: journal.append(RUN, note("x" * 100_000)),
    lambda journal: journal.append_samples(RUN, [SourceRead(at=AT, source="x" * 100_000)]),
]


@pytest.mark.parametrize("write", WRITES)
def test_a_full_disk_is_broken_and_loses_nothing_that_was_written(
    journal: SqliteJournal, write: Callable[[Journal], object]
) -> None:
    journal.append(RUN, opening())
    pages = journal._db.execute("PRAGMA page_count").fetchone()[0]
    journal._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(JournalUnavailable, match="full") as caught:
        write(journal)
    one_line(caught.value)
    journal._db.execute("PRAGMA max_page_count = 1000000")
    write(journal)
    assert len(journal.history(RUN)) == 2


@pytest.mark.parametrize("write", WRITES)
def test_a_journal_that_may_only_be_read_is_broken_for_writing(
    journal: SqliteJournal, write: Callable[[Journal], object]
) -> None:
    journal.append(RUN, opening())
    journal._db.execute("PRAGMA query_only = ON")
    with pytest.raises(JournalUnavailable, match="readonly"):
        write(journal)
    assert len(journal.tail(RUN, 0)) == 1


def test_a_closed_journal_is_broken(path: Path) -> None:
    journal = SqliteJournal(path)
    journal.close()
    with pytest.raises(JournalUnavailable):
        journal.append(RUN, note("late"))


def test_an_append_waits_for_another_writer_and_then_is_broken(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.journal.sqlite.BUSY_MS", 50)
    journal = SqliteJournal(path)
    with locked(path), pytest.raises(JournalUnavailable, match="locked"):
        journal.append(RUN, note("blocked"))
    assert journal.append(RUN, note("free")) == 1
    journal.close()


def test_an_absent_journal_reads_as_empty_and_refuses_every_append(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    absent = open_or_unavailable(lambda: SqliteJournal(tmp_path / "file" / "journal.db"))
    assert isinstance(absent, UnavailableJournal) and absent.reason.startswith("journal ")
    assert (absent.tail(RUN, 0), absent.history(RUN), absent.runs(), absent.decisions()) == ([], [], [], [])
    assert (absent.open_run("checkout"), absent.next_run("checkout")) == (None, "checkout/1")
    for write in WRITES:
        with pytest.raises(JournalUnavailable):
            write(absent)
    absent.close()


def test_an_absent_journal_becomes_the_real_one_once_it_can_be_opened(tmp_path: Path) -> None:
    blocked = tmp_path / "folder"
    blocked.write_text("", encoding="utf-8")
    absent = open_or_unavailable(lambda: SqliteJournal(blocked / "journal.db"))
    blocked.unlink()
    assert absent.append(RUN, opening()) == 1
    assert (len(absent.history(RUN)), absent.open_run("checkout"), len(absent.runs())) == (1, RUN, 1)
    absent.close()


def test_a_journal_that_can_be_opened_is_not_absent(path: Path) -> None:
    journal = open_or_unavailable(lambda: SqliteJournal(path))
    assert isinstance(journal, SqliteJournal)
    journal.close()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(max_size=50), max_size=8), cut=st.integers(0, 8))
def test_the_tail_after_any_event_is_the_rest(tmp_path: Path, texts: list[str], cut: int) -> None:
    journal = SqliteJournal(tmp_path / "p" / "journal.db")
    run = journal.next_run("property")
    journal.append(run, opening())
    for text in texts:
        journal.append(run, note(text))
    seen = journal.tail(run, cut)
    assert [entry.seq for entry in seen] == list(range(cut + 1, len(texts) + 2))
    journal.append(run, RolloutClosed(at=AT, how="complete"))
    journal.close()


# -- several processes -----------------------------------------------------------------------------------------------


def _open(path: Path) -> str:
    SqliteJournal(path).close()
    return "opened"


def _begin(path: Path) -> str:
    """What a console does: look for an open run and the next one, take a while to read the targets, open one."""
    journal = SqliteJournal(path)
    try:
        if journal.plan_runs("checkout"):
            return "raced"
        journal.append("checkout/1", opening())
    except Conflict:
        return "raced"
    finally:
        journal.close()
    return "opened"


def _move(path: Path) -> str:
    journal = SqliteJournal(path)
    try:
        journal.append(RUN, forward(1))
    except Conflict:
        return "raced"
    finally:
        journal.close()
    return "moved"


def _notes(path: Path) -> str:
    journal = SqliteJournal(path)
    for number in range(5):
        journal.append(RUN, note(f"{os.getpid()} {number}"))
    journal.close()
    return "noted"


_together: Barrier | None = None


def _meet(barrier: Barrier) -> None:
    global _together
    _together = barrier


def _all_at_once(work: Callable[[Path], str], path: Path) -> str:
    assert _together is not None
    _together.wait(DEADLINE_S)
    return work(path)


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    """Eight processes that begin every piece of work at the same moment."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])  # imported once, not eight times
    with context.Pool(PROCESSES, _meet, (context.Barrier(PROCESSES),)) as made:
        yield made


def at_once(pool: Pool, work: Callable[[Path], str], path: Path) -> list[str]:
    """The answers of eight processes that do `work` on one journal at the same moment."""
    return sorted(pool.starmap_async(_all_at_once, [(work, path)] * PROCESSES, chunksize=1).get(DEADLINE_S))


def test_eight_processes_make_one_new_journal_together(pool: Pool, path: Path) -> None:
    assert at_once(pool, _open, path) == ["opened"] * PROCESSES
    journal = SqliteJournal(path)
    assert migrations_pending(path) == []
    journal.close()


def test_of_eight_processes_one_opens_the_rollout(pool: Pool, path: Path) -> None:
    assert at_once(pool, _begin, path) == ["opened"] + ["raced"] * (PROCESSES - 1)


def test_of_eight_processes_one_makes_the_move(pool: Pool, path: Path) -> None:
    assert at_once(pool, _move, path) == ["moved"] + ["raced"] * (PROCESSES - 1)


def test_the_events_of_eight_processes_have_every_number_once(pool: Pool, path: Path) -> None:
    at_once(pool, _notes, path)
    journal = SqliteJournal(path)
    assert [entry.seq for entry in journal.tail(RUN, 0)] == list(range(1, 5 * PROCESSES + 1))
    journal.close()


def test_nothing_that_a_console_does_reads_the_events_of_other_rollouts(journal: SqliteJournal) -> None:
    """Every statement goes along an index: a journal of a million events opens like one of a thousand."""
    decided(journal)
    statements: list[str] = []
    journal._db.conn.set_trace_callback(statements.append)
    fence = journal.lease(RUN, "a", 60.0).fence
    journal.append(RUN, note("x"), fence=fence)
    journal.append(RUN, forward(2))
    journal.append_samples(RUN, [SourceRead(at=AT, source="s")], fence=fence)
    assert journal.open_run("checkout") == RUN
    journal.next_run("checkout")
    journal.tail(RUN, 3)
    journal.tail_samples(RUN, 0)
    journal.history(RUN)
    journal.decisions(RUN)
    journal.rows(RUN, None)
    journal.present(RUN, 60.0)
    journal._db.conn.set_trace_callback(None)
    asked = {text for text in statements if text.lstrip().startswith(("SELECT", "INSERT INTO events"))}
    plans = {text: [row[3] for row in journal._db.execute(f"EXPLAIN QUERY PLAN {text}").fetchall()] for text in asked}
    assert len(plans) > 10
    scans = {
        text: plan
        for text, plan in plans.items()
        if any("SCAN events" in line or "SCAN samples" in line for line in plan)
    }
    assert not scans
