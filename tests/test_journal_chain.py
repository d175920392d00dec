"""The hash chain: its bytes, what it finds, what only a pinned head finds, and old journals that are chained late."""

from __future__ import annotations

import hashlib
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from console.journal.chain import GENESIS, Row, WalkResult, walk_journal, walk_rollout, with_hashes
from console.journal.contract import JournalUnavailable
from console.journal.sqlite import SqliteJournal
from tests.bench.log.journals import edit_sqlite
from tests.bench.log.tampering import EDITS, Edit, forge, tamper
from tests.journal_rig import RUN, forward, note, opening
from tests.journal_rig import closing as ended

EDITED = 1000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "private" / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[SqliteJournal]:
    """Three rollouts, their events interleaved."""
    made = SqliteJournal(path)
    for rollout in ("checkout/1", "search/1", "login/1"):
        made.append(rollout, opening())
    for number in range(5):
        for rollout in ("checkout/1", "search/1", "login/1"):
            made.append(rollout, note(f"{rollout} {number}"))
    made.append("checkout/1", forward(1))
    made.append("checkout/1", ended())
    yield made
    made.close()


def verified(journal: SqliteJournal, pinned: str | None = None) -> WalkResult:
    return walk_journal(lambda after: journal.rows(None, after), pinned)


def verified_rollout(journal: SqliteJournal, rollout: str, pinned: str | None = None) -> WalkResult:
    return walk_rollout(lambda after: journal.rows(rollout, after), pinned)


def test_the_hash_is_of_the_bytes_that_are_documented() -> None:
    row = Row(7, "naïve/1", 3, "e1", "noted", 1, "2026-03-02T12:00:00.000+00:00", "ana", None, None, "{}", "ab", "", "")
    content = b"".join(
        [
            b"warroom event 1\n",
            b"8:na\xc3\xafve/1,",
            b"1:3,",
            b"2:e1,",
            b"5:noted,",
            b"1:1,",
            b"29:2026-03-02T12:00:00.000+00:00,",
            b"3:ana,",
            b"-,",
            b"-,",
            b"2:{},",
            b"2:ab,",
        ]
    )
    made = with_hashes(row, GENESIS)
    assert made.hash == hashlib.sha256(content).hexdigest()
    assert (
        made.head == hashlib.sha256(b"warroom head 1\n1:7,64:%s,64:%s," % (b"0" * 64, made.hash.encode())).hexdigest()
    )
    assert made.hash == "d800a7df9c8e05fdd9ed827d7c4993a679b869399afddfabb026d6691d8a8071"


def test_no_two_rows_share_their_bytes_by_moving_text_from_one_column_to_the_next() -> None:
    one = Row(1, "ab", 1, "c", "k", 1, "t", None, None, None, "b", GENESIS, "", "")
    other = Row(1, "a", 1, "bc", "k", 1, "t", None, None, None, "b", GENESIS, "", "")
    nothing, empty = one, Row(1, "ab", 1, "c", "k", 1, "t", "", None, None, "b", GENESIS, "", "")
    assert len({with_hashes(row, GENESIS).hash for row in (one, other, nothing, empty)}) == 3


def test_a_journal_that_nobody_touched_is_whole(journal: SqliteJournal) -> None:
    found = verified(journal)
    assert (found.events, found.rollouts, found.flaw) == (20, 3, None)
    last = journal.rows(None, 19)[0]
    assert (found.head, found.last) == (last.head, last)
    mine = verified_rollout(journal, RUN)
    assert (mine.events, mine.head, mine.flaw) == (8, journal.rows(RUN, 7)[0].hash, None)


def test_an_empty_journal_is_whole(path: Path) -> None:
    journal = SqliteJournal(path)
    assert verified(journal) == WalkResult()
    journal.close()


def test_more_events_than_are_read_at_once_are_walked(path: Path) -> None:
    journal = SqliteJournal(path)
    journal._db.conn.execute("PRAGMA synchronous = OFF")
    for _ in range(2100):
        journal.append(RUN, note("n"))
    assert verified(journal).events == verified_rollout(journal, RUN).events == 2100
    journal.close()


def test_a_pinned_head_is_found_again_after_more_was_recorded(journal: SqliteJournal) -> None:
    pinned, of_run = verified(journal).head, verified_rollout(journal, "search/1").head
    journal.append("search/1", note("later"))
    found, mine = verified(journal, pinned), verified_rollout(journal, "search/1", of_run)
    assert found.pinned is not None and found.pinned.position == 20
    assert mine.pinned is not None and mine.pinned.seq == 6


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
def test_every_kind_of_edit_is_found(journal: SqliteJournal, path: Path, edit: Edit) -> None:
    pinned = verified(journal).head
    journal.close()
    for seed in range(10):
        with tamper(edit_sqlite(path), random.Random(seed), edit) as found:
            assert found.is_detected(pinned), found.description


def test_a_thousand_random_edits_are_all_found(journal: SqliteJournal, path: Path) -> None:
    pinned = verified(journal).head
    journal.close()
    missed, only_by_the_pin = [], set()
    for seed in range(EDITED):
        with tamper(edit_sqlite(path), random.Random(seed)) as found:
            if not found.is_detected(pinned):
                missed.append(found.description)
            if not found.is_detected(None):
                only_by_the_pin.add(found.kind)
    assert missed == []
    assert {"forge", "delete_tail"} <= only_by_the_pin <= {"forge", "delete_tail", "delete", "delete_and_close_up"}


def test_a_tail_that_was_removed_is_missed_only_by_who_pinned_the_head(journal: SqliteJournal, path: Path) -> None:
    pinned, of_run = verified(journal).head, verified_rollout(journal, RUN).head
    journal.close()
    with closing(sqlite3.connect(path)) as attacker:
        attacker.execute("DROP TRIGGER events_no_delete")
        attacker.execute("DELETE FROM events WHERE id > 18")
        attacker.commit()
    journal = SqliteJournal(path)
    assert (verified(journal).flaw, verified(journal, pinned).pinned) == (None, None)
    assert (verified_rollout(journal, RUN).flaw, verified_rollout(journal, RUN, of_run).pinned) == (None, None)
    journal.close()


def test_a_chain_that_was_computed_anew_is_seen_only_by_who_pinned_the_head(journal: SqliteJournal, path: Path) -> None:
    pinned = verified(journal).head
    journal.close()
    with tamper(edit_sqlite(path), random.Random(1), forge) as forged:
        assert (forged.is_detected(None), forged.is_detected(pinned)) == (False, True)


@pytest.mark.parametrize(
    ("column", "value", "what"),
    [
        ("body", "{}", "its content was changed"),
        ("who", "eve", "its content was changed"),
        ("hash", GENESIS, "its content was changed"),
        ("head", GENESIS, "its head is not the one that follows"),
        ("id", 99, "event 5 is missing before it"),
    ],
)
def test_the_first_broken_event_is_named(
    journal: SqliteJournal, path: Path, column: str, value: object, what: str
) -> None:
    row = journal.rows(None, 4)[0]
    with closing(sqlite3.connect(path)) as attacker:
        attacker.execute("DROP TRIGGER events_no_update")
        attacker.execute(f"UPDATE events SET {column} = ? WHERE id = 5", [value])  # noqa: S608 - a test's own columns
        attacker.commit()
    flaw = verified(journal).flaw
    assert flaw is not None and what in flaw.what
    if column != "id":
        assert (flaw.position, flaw.rollout, flaw.seq) == (5, row.rollout, row.seq)


def old(path: Path) -> None:
    """The journal as a version before the chain would have left it."""
    SqliteJournal(path).close()
    with closing(sqlite3.connect(path)) as before:
        before.executescript(
            """
            DROP TRIGGER events_chained;
            ALTER TABLE events DROP COLUMN prev;
            ALTER TABLE events DROP COLUMN hash;
            ALTER TABLE events DROP COLUMN head;
            DELETE FROM _sqlite_migrations WHERE name = 'm006_chain';
            """
        )
        insert = "INSERT INTO events (rollout, seq, event_id, at, kind, v, who, move, body) VALUES (?,?,?,?,?,1,?,?,?)"
        for number in range(1, 2501):
            rollout, event = f"r/{number % 3}", note(f"n {number}")
            values = [rollout, (number - 1) // 3 + 1, event.id, event.at.isoformat(), event.kind, None, None]
            before.execute(insert, [*values, event.model_dump_json()])
        before.commit()


def test_a_journal_from_before_the_chain_is_chained_when_it_is_opened(path: Path) -> None:
    old(path)
    journal = SqliteJournal(path)
    assert (verified(journal).events, verified(journal).rollouts, verified(journal).flaw) == (2500, 3, None)
    journal.append("r/1", note("new"))
    assert verified(journal).flaw is None
    assert verified_rollout(journal, "r/1").flaw is None
    assert journal.alterations() == []
    with closing(sqlite3.connect(path)) as database, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        database.execute("UPDATE events SET who = 'eve'")
    journal.close()


def test_a_program_from_before_the_chain_cannot_write_beside_it(path: Path) -> None:
    SqliteJournal(path).close()
    insert = (
        "INSERT INTO events (rollout, seq, event_id, at, kind, v, body) VALUES ('r/1', 1, 'x', 'x', 'noted', 1, '{}')"
    )
    with closing(sqlite3.connect(path)) as before, pytest.raises(sqlite3.IntegrityError, match="too old to write it"):
        before.execute(insert)


def test_an_old_journal_that_may_only_be_read_has_no_chain_and_says_so(path: Path) -> None:
    old(path)
    journal = SqliteJournal(path, read_only=True)
    assert len(journal.tail("r/1", 0)) > 0
    with pytest.raises(JournalUnavailable, match="made it without a chain"):
        journal.rows(None, None)
    journal.close()
