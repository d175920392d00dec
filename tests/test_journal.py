"""The journal in SQLite, on real files and several connections and processes: what it keeps, refuses and decides."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from multiprocessing.pool import Pool
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.contract import Outcome, Setting
from console.events.evidence import Actor, Verb
from console.events.kinds import (
    DecisionTaken,
    Event,
    Noted,
    RequestMade,
    RequestSettled,
    RolloutClosed,
    RolloutOpened,
    SourceRead,
    Unrecognised,
)
from console.journal.absent import AbsentJournal, open_or_absent
from console.journal.contract import Broken, Entry, Journal, Raced
from console.journal.migrations import schema
from console.journal.sqlite import SqliteJournal
from tests.rollout_rig import empty_card

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ANA = Actor(1001, "ana", "bastion-1", 42)
RUN = "checkout/1"
PROCESSES = 8
DEADLINE_S = 60.0


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


def opening() -> RolloutOpened:
    return RolloutOpened(at=AT, who=ANA, plan_digest="ab", plan_text="", readings=(), reached=0)


def note(text: str) -> Noted:
    return Noted(at=AT, who=ANA, text=text)


def forward(move: int) -> DecisionTaken:
    return DecisionTaken(at=AT, who=ANA, verb=Verb.PROMOTE, stage=0, move=move, card=empty_card(Verb.PROMOTE))


def raw(path: Path, statement: str, *values: object) -> list[tuple[object, ...]]:
    """What a plain SQLite tool sees or does."""
    connection = sqlite3.connect(path)
    try:
        rows = connection.execute(statement, values).fetchall()
        connection.commit()
        return rows
    finally:
        connection.close()


def one_line(error: BaseException) -> str:
    text = str(error)
    assert text and "\n" not in text
    return text


def test_events_come_back_in_order_with_their_numbers(journal: SqliteJournal) -> None:
    events: list[Event] = [opening(), note("a"), note("b")]
    assert [journal.append(RUN, event) for event in events] == [1, 2, 3]
    assert journal.tail(RUN, 0) == [Entry(number, event) for number, event in enumerate(events, start=1)]
    assert journal.tail(RUN, 2) == [Entry(3, events[2])]


def test_every_rollout_is_numbered_for_itself(journal: SqliteJournal) -> None:
    assert (journal.append("a/1", opening()), journal.append("b/1", opening())) == (1, 1)
    assert [entry.event.kind for entry in journal.tail("a/1", 0)] == ["rollout_opened"]


def test_an_event_that_is_there_already_is_not_recorded_again(journal: SqliteJournal, other: SqliteJournal) -> None:
    event = note("once")
    journal.append(RUN, opening())
    assert (journal.append(RUN, event), other.append(RUN, event), journal.append(RUN, event)) == (2, 2, 2)
    assert len(journal.tail(RUN, 0)) == 2


def test_a_forward_move_that_is_retried_does_not_race_itself(journal: SqliteJournal) -> None:
    move = forward(1)
    assert journal.append(RUN, move) == journal.append(RUN, move)


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


def test_a_forward_move_is_made_once(journal: SqliteJournal, other: SqliteJournal) -> None:
    journal.append(RUN, forward(1))
    with pytest.raises(Raced, match="move 1 of checkout/1 was made by somebody else"):
        other.append(RUN, forward(1))
    assert other.append(RUN, forward(2)) == 2


def test_halts_and_notes_race_with_nobody(journal: SqliteJournal, other: SqliteJournal) -> None:
    halts = [DecisionTaken(at=AT, verb=Verb.HALT, stage=0, card=empty_card(Verb.HALT)) for _ in range(2)]
    assert (journal.append(RUN, halts[0]), other.append(RUN, halts[1])) == (1, 2)


def test_a_rollout_is_opened_once(journal: SqliteJournal, other: SqliteJournal) -> None:
    journal.append(RUN, opening())
    with pytest.raises(Raced, match="checkout/1 was opened by somebody else"):
        other.append(RUN, opening())


def test_no_second_run_of_a_plan_is_opened_while_one_is_open(journal: SqliteJournal, other: SqliteJournal) -> None:
    journal.append("checkout/1", opening())
    with pytest.raises(Raced):
        other.append(other.next_run("checkout"), opening())
    assert other.append("check/1", opening()) == 1


def test_a_closed_plan_may_be_run_again(journal: SqliteJournal) -> None:
    journal.append(RUN, opening())
    assert journal.open_run("checkout") == RUN
    journal.append(RUN, RolloutClosed(at=AT, how="complete"))
    assert (journal.open_run("checkout"), journal.next_run("checkout")) == (None, "checkout/2")
    journal.append("checkout/2", opening())
    assert journal.open_run("checkout") == "checkout/2"


def test_a_closed_rollout_is_not_moved_forward(journal: SqliteJournal, other: SqliteJournal) -> None:
    journal.append(RUN, opening())
    journal.append(RUN, RolloutClosed(at=AT, how="decision"))
    with pytest.raises(Raced, match="was closed by somebody else"):
        other.append(RUN, forward(1))


def test_a_plan_never_run_has_no_open_run_and_begins_at_one(journal: SqliteJournal) -> None:
    assert (journal.open_run("checkout"), journal.next_run("checkout")) == (None, "checkout/1")


def test_a_plan_name_that_is_the_beginning_of_another_is_not_confused_with_it(journal: SqliteJournal) -> None:
    journal.append("checkout-eu/1", opening())
    assert (journal.open_run("checkout"), journal.next_run("checkout")) == (None, "checkout/1")


def test_the_tenth_run_comes_after_the_ninth(journal: SqliteJournal) -> None:
    for number in range(1, 11):
        journal.append(f"checkout/{number}", opening())
        journal.append(f"checkout/{number}", RolloutClosed(at=AT, how="complete"))
    assert journal.next_run("checkout") == "checkout/11"


def test_samples_and_events_merge_into_the_order_in_which_they_were_recorded(journal: SqliteJournal) -> None:
    samples = [SourceRead(at=AT + timedelta(seconds=number), source=f"s{number}") for number in range(4)]
    journal.append(RUN, opening())
    journal.append_samples(RUN, samples[:2])
    journal.append(RUN, note("between"))
    journal.append_samples(RUN, samples[2:3])
    journal.append("other/1", note("elsewhere"))
    journal.append_samples(RUN, samples[3:])
    kinds = [getattr(entry.event, "source", entry.event.kind) for entry in journal.history(RUN)]
    assert kinds == ["rollout_opened", "s0", "s1", "noted", "s2", "s3"]
    assert [entry.seq for entry in journal.history(RUN)] == [1, 1, 1, 2, 2, 2]


def test_an_event_of_a_newer_version_is_kept(journal: SqliteJournal, path: Path) -> None:
    insert = "INSERT INTO events (rollout, seq, event_id, at, kind, v, body) VALUES (?, 1, 'x', ?, 'alarm_rung', 3, ?)"
    raw(path, insert, RUN, AT.isoformat(), '{"id": "x", "at": "2026-03-02T12:00:00Z", "siren": "loud"}')
    (entry,) = journal.tail(RUN, 0)
    assert isinstance(entry.event, Unrecognised) and entry.event.said_kind == "alarm_rung"
    assert journal.append(RUN, note("after it")) == 2


@pytest.mark.parametrize(("kind", "body"), [("noted", '{"kind": "noted"}'), ("noted", "{"), ("alarm_rung", "[]")])
def test_an_event_that_fits_no_shape_breaks_the_reading_in_one_line(
    journal: SqliteJournal, path: Path, kind: str, body: str
) -> None:
    insert = "INSERT INTO events (rollout, seq, event_id, at, kind, v, body) VALUES (?, 1, 'x', 'x', ?, 1, ?)"
    raw(path, insert, RUN, kind, body)
    with pytest.raises(Broken, match="an event cannot be read") as caught:
        journal.tail(RUN, 0)
    assert one_line(caught.value).startswith(f"journal {path}: ")


def test_runs_are_told_newest_first(journal: SqliteJournal) -> None:
    journal.append("a/1", opening())
    journal.append("a/1", forward(1))
    journal.append("b/1", opening())
    journal.append("a/1", RolloutClosed(at=AT, how="complete"))
    found = [(run.rollout, run.opened_by, run.closed, run.decisions) for run in journal.runs()]
    assert found == [("b/1", "ana", False, 0), ("a/1", "ana", True, 1)]
    assert journal.runs()[0].opened_at == AT


def decided(journal: Journal) -> DecisionTaken:
    """A promote of two targets: one accepted, one not settled."""
    decision = forward(1)
    journal.append(RUN, opening())
    journal.append(RUN, decision)
    for target in ("edge", "flag"):
        made = RequestMade(
            at=AT,
            decision=decision.id,
            backend="b",
            target=target,
            setting=Setting(5),
            send_by=AT + timedelta(seconds=5),
            deadline_s=5.0,
        )
        journal.append(RUN, made)
        if target == "edge":
            journal.append(RUN, RequestSettled(at=AT, request=made.id, outcome=Outcome.ACCEPTED))
    return decision


def test_decisions_say_who_did_what_and_what_became_of_it(journal: SqliteJournal) -> None:
    decision = decided(journal)
    (row,) = journal.decisions(RUN)
    assert (row.seq, row.who, row.verb, row.outcome, row.id) == (
        2,
        "ana",
        "promote",
        "edge accepted, flag not settled",
        decision.id,
    )
    assert journal.decisions("other/1") == []


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


def test_every_migration_is_marked_as_applied(journal: SqliteJournal) -> None:
    assert schema.pending(journal._db) == []


def test_a_file_that_is_no_database_is_broken(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"these are not the pages you are looking for" * 100)
    with pytest.raises(Broken, match="file is not a database") as caught:
        SqliteJournal(path)
    one_line(caught.value)


def test_a_database_of_something_else_is_broken(path: Path) -> None:
    path.parent.mkdir()
    raw(path, "CREATE TABLE events (id)")
    with pytest.raises(Broken) as caught:
        SqliteJournal(path)
    one_line(caught.value)


@pytest.mark.parametrize("place", ["file/journal.db", "journal.db/"])
def test_a_place_that_cannot_hold_a_file_is_broken(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    (tmp_path / "journal.db").mkdir()
    with pytest.raises(Broken) as caught:
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
    with pytest.raises(Broken, match="full") as caught:
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
    with pytest.raises(Broken, match="readonly"):
        write(journal)
    assert len(journal.tail(RUN, 0)) == 1


def test_a_closed_journal_is_broken(path: Path) -> None:
    journal = SqliteJournal(path)
    journal.close()
    with pytest.raises(Broken):
        journal.append(RUN, note("late"))


def test_an_append_waits_for_another_writer_and_then_is_broken(journal: SqliteJournal, other: SqliteJournal) -> None:
    other._db.execute("PRAGMA busy_timeout = 50")
    journal._db.execute("BEGIN IMMEDIATE")
    with pytest.raises(Broken, match="locked"):
        other.append(RUN, note("blocked"))
    journal._db.execute("ROLLBACK")
    assert other.append(RUN, note("free")) == 1


def test_an_absent_journal_reads_as_empty_and_refuses_every_append(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    absent = open_or_absent(lambda: SqliteJournal(tmp_path / "file" / "journal.db"))
    assert isinstance(absent, AbsentJournal) and absent.reason.startswith("journal ")
    assert (absent.tail(RUN, 0), absent.history(RUN), absent.runs(), absent.decisions()) == ([], [], [], [])
    assert (absent.open_run("checkout"), absent.next_run("checkout")) == (None, "checkout/1")
    for write in WRITES:
        with pytest.raises(Broken):
            write(absent)
    absent.close()


def test_an_absent_journal_becomes_the_real_one_once_it_can_be_opened(tmp_path: Path) -> None:
    blocked = tmp_path / "folder"
    blocked.write_text("", encoding="utf-8")
    absent = open_or_absent(lambda: SqliteJournal(blocked / "journal.db"))
    blocked.unlink()
    assert absent.append(RUN, opening()) == 1
    assert (len(absent.history(RUN)), absent.open_run("checkout"), len(absent.runs())) == (1, RUN, 1)
    absent.close()


def test_a_journal_that_can_be_opened_is_not_absent(path: Path) -> None:
    journal = open_or_absent(lambda: SqliteJournal(path))
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
    """What a console does: look for an open run, take a while to read the targets, open one."""
    journal = SqliteJournal(path)
    try:
        journal.append(journal.next_run("checkout"), opening())
    except Raced:
        return "raced"
    finally:
        journal.close()
    return "opened"


def _move(path: Path) -> str:
    journal = SqliteJournal(path)
    try:
        journal.append(RUN, forward(1))
    except Raced:
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
    with context.Pool(PROCESSES, _meet, (context.Barrier(PROCESSES),)) as made:
        yield made


def at_once(pool: Pool, work: Callable[[Path], str], path: Path) -> list[str]:
    """The answers of eight processes that do `work` on one journal at the same moment."""
    return sorted(pool.starmap_async(_all_at_once, [(work, path)] * PROCESSES, chunksize=1).get(DEADLINE_S))


def test_eight_processes_make_one_new_journal_together(pool: Pool, path: Path) -> None:
    assert at_once(pool, _open, path) == ["opened"] * PROCESSES
    journal = SqliteJournal(path)
    assert schema.pending(journal._db) == []
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
