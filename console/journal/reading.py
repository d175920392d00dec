"""Queries of a journal, each along an index, in PostgreSQL's words; `in_sqlite` has SQLite's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol

from console.events.kinds import DecisionTaken, RequestMade, RequestSettled
from console.journal.belief import EVENT_COLUMNS, MOST_SEQ, believable_event, believable_sample, is_seq
from console.journal.chain import PAGE, Row
from console.journal.contract import DecisionRow, JournalEntry, Run, SampleTail, StoredCheckpoint, StoredRun
from console.journal.sanitize import sanitize_value

_SAMPLES_AFTER = "SELECT id, after_seq, body FROM warroom.samples WHERE rollout = %s AND id > %s"
_LOWEST = -(2**63)
SEQ_RANGE = f"seq > %s AND seq < {MOST_SEQ:d}"
"""The events after a number, without those that were written by hand beyond all numbers."""
_RUN_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_COLUMNS = ", ".join(field.name for field in fields(Row))
_SQLITE_WORDS = {"warroom.": "", "%s": "?", "position": "id", "login": "NULL"}
"""SQLite has no schemas and no logins, marks a value otherwise, and numbers the whole journal by the row id."""


class Cursor(Protocol):
    """The result of a statement, as both drivers have it."""

    @property
    def rowcount(self) -> int:
        """The number of rows that it changed."""

    def fetchone(self) -> Any:
        """The next row, or None."""

    def fetchall(self) -> list[Any]:
        """All rows that are left."""


class Connection(Protocol):
    """A connection that takes statements in PostgreSQL's words."""

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> Cursor:
        """Run a statement with a value for each `%s`. Raises the driver's errors."""


@lru_cache
def in_sqlite(statement: str) -> str:
    """A statement of this module or of `recording` in SQLite's words."""
    for word, instead in _SQLITE_WORDS.items():
        statement = statement.replace(word, instead)
    return statement


def tail(connection: Connection, rollout: str, after: int) -> list[JournalEntry]:
    """Events with a seq above `after`, in order."""
    question = f"SELECT {EVENT_COLUMNS} FROM warroom.events WHERE rollout = %s AND {SEQ_RANGE} ORDER BY seq"  # noqa: S608
    rows = connection.execute(question, [rollout, after]).fetchall()
    return [JournalEntry(row[0], believable_event(*row[1:])) for row in rows if is_seq(row[0])]


def tail_samples(connection: Connection, rollout: str, after: int, most: int | None = None) -> list[JournalEntry]:
    """Samples with a number above `after`, in recorded order; the first `most` of them unless None."""
    limit = "" if most is None else f" LIMIT {most:d}"
    question = f"{_SAMPLES_AFTER} ORDER BY id{limit}"
    return _samples(connection.execute(question, [rollout, after]).fetchall())


def newest_samples(connection: Connection, rollout: str, after: int, most: int) -> SampleTail:
    """The last `most` samples with a number above `after`, in recorded order."""
    question = f"{_SAMPLES_AFTER} ORDER BY id DESC LIMIT {most:d}"
    rows = connection.execute(question, [rollout, after]).fetchall()[::-1]
    if len(rows) < most:
        return SampleTail(_samples(rows), 0)
    counting = "SELECT count(*) FROM warroom.samples WHERE rollout = %s AND id > %s AND id < %s"
    [left_out] = connection.execute(counting, [rollout, after, rows[0][0]]).fetchone()
    return SampleTail(_samples(rows), int(left_out))


def _samples(rows: list[Any]) -> list[JournalEntry]:
    return [JournalEntry(seq, believable_sample(body), number) for number, seq, body in rows if is_seq(seq)]


def checkpoint(connection: Connection, rollout: str) -> StoredCheckpoint | None:
    """The rollout's checkpoint with the hash of the event that it follows, or None."""
    question = """
        SELECT c.seq, c.sample, c.digest, c.body, e.hash FROM warroom.checkpoints c
        JOIN warroom.events e ON e.rollout = c.rollout AND e.seq = c.seq WHERE c.rollout = %s
        """
    row = connection.execute(question, [rollout]).fetchone()
    return None if row is None else StoredCheckpoint(row[0], row[1], row[2], bytes(row[3]), row[4])


def history(connection: Connection, rollout: str) -> list[JournalEntry]:
    """Events and samples of a rollout in recorded order."""
    samples = _samples(connection.execute(f"{_SAMPLES_AFTER} ORDER BY id", [rollout, -1]).fetchall())
    found = [*tail(connection, rollout, -1), *samples]
    return sorted(found, key=lambda entry: (entry.seq, entry.sample or 0))


def is_closed(connection: Connection, rollout: str, after: int = 0) -> bool:
    """Whether an event after number `after` says that the rollout has ended."""
    question = "SELECT 1 FROM warroom.events WHERE rollout = %s AND kind = 'rollout_closed' AND seq > %s LIMIT 1"
    return connection.execute(question, [rollout, after]).fetchone() is not None


def plan_runs(connection: Connection, plan: str) -> list[StoredRun]:
    """The runs of a plan by their rows alone, in the order of their numbers."""
    # "0" comes after "/", by bytes: a range of the index, not a scan of every rollout
    question = """
        SELECT o.rollout, min(o.position),
               (SELECT min(c.position) FROM warroom.events c WHERE c.rollout = o.rollout AND c.kind = 'rollout_closed')
        FROM warroom.events o WHERE o.kind = 'rollout_opened' AND o.rollout > %s AND o.rollout < %s GROUP BY o.rollout
        """
    found = []
    for rollout, position, closing in connection.execute(question, [f"{plan}/", f"{plan}0"]).fetchall():
        name, _, number = str(rollout).rpartition("/")
        if name == plan and _RUN_NUMBER.fullmatch(number):
            found.append(StoredRun(rollout, int(number), position, closing))
    return sorted(found, key=lambda run: run.number)


def has_rows(connection: Connection, rollout: str) -> bool:
    """Whether the journal holds an event of that rollout."""
    question = "SELECT 1 FROM warroom.events WHERE rollout = %s LIMIT 1"
    return connection.execute(question, [rollout]).fetchone() is not None


def open_run(connection: Connection, plan: str) -> str | None:
    """The open rollout of a plan name by the rows alone, or None."""
    return next((run.rollout for run in plan_runs(connection, plan) if not run.is_closed), None)


def next_run(connection: Connection, plan: str) -> str:
    """The id of a plan's next rollout: the first without rows after the last run."""
    runs = plan_runs(connection, plan)
    number = (runs[-1].number if runs else 0) + 1
    while has_rows(connection, f"{plan}/{number}"):
        number += 1
    return f"{plan}/{number}"


def first_hash(connection: Connection) -> str:
    """The hash of the journal's first event; empty while it holds none."""
    row = connection.execute("SELECT hash FROM warroom.events ORDER BY position LIMIT 1", []).fetchone()
    return "" if row is None else str(row[0])


def runs(connection: Connection) -> list[Run]:
    """Every rollout, newest first; those whose opening no warroom wrote are left out."""
    question = """
        SELECT o.rollout, o.at, coalesce(o.who, ''),
               EXISTS (SELECT 1 FROM warroom.events c WHERE c.rollout = o.rollout AND c.kind = 'rollout_closed'),
               (SELECT count(*) FROM warroom.events d WHERE d.rollout = o.rollout AND d.kind = 'decision_taken')
        FROM warroom.events o WHERE o.kind = 'rollout_opened' ORDER BY o.position DESC
        """
    found: dict[str, Run] = {}
    for rollout, at, who, is_over, decided in connection.execute(question).fetchall():
        name, slash, number = str(rollout).rpartition("/")
        try:
            opened_at = datetime.fromisoformat(at)
        except (ValueError, TypeError):
            continue
        if name and slash and _RUN_NUMBER.fullmatch(number):  # of several openings the first counts, it comes last here
            run = Run(sanitize_value(rollout), opened_at, sanitize_value(str(who)), bool(is_over), decided)
            found.pop(rollout, None)
            found[rollout] = run
    return list(found.values())


def decisions(connection: Connection, rollout: str | None = None) -> list[DecisionRow]:
    """Decisions of one rollout or of all, oldest first."""
    rollouts = [rollout] if rollout is not None else [run.rollout for run in runs(connection)]
    found = [row for each in rollouts for row in _decisions_of(each, tail(connection, each, 0))]
    return sorted(found, key=lambda row: (row.at, row.seq))


def outcome_texts(entries: Sequence[JournalEntry]) -> dict[str, str]:
    """Decision -> the outcomes of its calls, as the view `decisions` has them, in one pass over the events."""
    ends = (entry.event for entry in reversed(entries) if isinstance(entry.event, RequestSettled))
    settled = {end.request: end.outcome for end in ends}  # the first settlement stands
    calls: dict[str, list[str]] = {}
    for entry in entries:
        if isinstance(made := entry.event, RequestMade):
            outcome = settled.get(made.id)
            calls.setdefault(made.decision, []).append(f"{made.target} {outcome or 'not settled'}")
    return {decision: ", ".join(texts) for decision, texts in calls.items()}


def _decisions_of(rollout: str, entries: list[JournalEntry]) -> list[DecisionRow]:
    outcomes = outcome_texts(entries)
    return [
        DecisionRow(
            rollout=rollout,
            seq=entry.seq,
            at=event.at.isoformat(timespec="milliseconds"),
            who=event.who.user if event.who is not None else "",
            verb=event.verb.value,
            stage=event.stage,
            subject=event.subject,
            reason=event.reason,
            override=event.override,
            outcome=outcomes.get(event.id, "recorded"),
            id=event.id,
        )
        for entry in entries
        if isinstance(event := entry.event, DecisionTaken)
    ]


def rows(connection: Connection, rollout: str | None, after: int | None) -> list[Row]:
    """A page of stored rows by position, or of one rollout by seq."""
    values: list[object] = [_LOWEST if after is None else after]
    chosen = "position > %s ORDER BY position"
    if rollout is not None:
        chosen, values = "rollout = %s AND seq > %s ORDER BY seq", [rollout, *values]
    question = f"SELECT {_COLUMNS} FROM warroom.events WHERE {chosen} LIMIT {PAGE:d}"  # noqa: S608 - constants
    return [Row(*row) for row in connection.execute(question, values).fetchall()]
