"""Queries of a journal, each along an index, in PostgreSQL's words; `in_sqlite` has SQLite's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol

from console.events.kinds import Event, decode
from console.journal.chain import PAGE, Row
from console.journal.contract import DecisionRow, JournalEntry, Run, SampleTail, StoredCheckpoint
from console.journal.sanitize import sanitize_body, sanitize_value

_SAMPLES_AFTER = "SELECT id, after_seq, body FROM warroom.samples WHERE rollout = %s AND id > %s"
_LOWEST = -(2**63)
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
    question = "SELECT seq, kind, body, login FROM warroom.events WHERE rollout = %s AND seq > %s ORDER BY seq"
    rows = connection.execute(question, [rollout, after]).fetchall()
    return [JournalEntry(seq, _event(kind, body, login)) for seq, kind, body, login in rows]


def _event(kind: str, body: str, login: str | None) -> Event:
    """A stored event; its author's login is the one that the server stamped, if it did."""
    event = decode(kind, sanitize_body(body))
    if login is None or event.who is None or event.who.login == login:
        return event
    return event.model_copy(update={"who": replace(event.who, login=login)})


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
    return [JournalEntry(seq, decode("source_read", sanitize_body(body)), number) for number, seq, body in rows]


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
    question = """
        SELECT seq, 0 AS sample, seq AS number, kind, body, login FROM warroom.events WHERE rollout = %s
        UNION ALL
        SELECT after_seq, 1, id, 'source_read', body, NULL FROM warroom.samples WHERE rollout = %s
        ORDER BY 1, 2, 3
        """
    return [
        JournalEntry(seq, _event(kind, body, login), number if sample else None)
        for seq, sample, number, kind, body, login in connection.execute(question, [rollout, rollout]).fetchall()
    ]


def is_closed(connection: Connection, rollout: str) -> bool:
    """Whether the rollout has ended."""
    question = "SELECT 1 FROM warroom.events WHERE rollout = %s AND kind = 'rollout_closed' LIMIT 1"
    return connection.execute(question, [rollout]).fetchone() is not None


def _last_run(connection: Connection, plan: str) -> int:
    """The number of a plan's last run; 0 before the first."""
    # "0" comes after "/", by bytes: a range of the index, not a scan of every rollout
    question = "SELECT rollout FROM warroom.events WHERE kind = 'rollout_opened' AND rollout > %s AND rollout < %s"
    rows = connection.execute(question, [f"{plan}/", f"{plan}0"]).fetchall()
    return max((int(rollout.rsplit("/", 1)[1]) for (rollout,) in rows), default=0)


def open_run(connection: Connection, plan: str) -> str | None:
    """The open rollout of a plan name, or None."""
    number = _last_run(connection, plan)
    rollout = f"{plan}/{number}"
    return None if number == 0 or is_closed(connection, rollout) else rollout


def next_run(connection: Connection, plan: str) -> str:
    """The id of a plan's next rollout."""
    return f"{plan}/{_last_run(connection, plan) + 1}"


def runs(connection: Connection) -> list[Run]:
    """Every rollout, newest first."""
    question = """
        SELECT o.rollout, o.at, coalesce(o.who, ''),
               EXISTS (SELECT 1 FROM warroom.events c WHERE c.rollout = o.rollout AND c.kind = 'rollout_closed'),
               (SELECT count(*) FROM warroom.events d WHERE d.rollout = o.rollout AND d.kind = 'decision_taken')
        FROM warroom.events o WHERE o.kind = 'rollout_opened' ORDER BY o.position DESC
        """
    return [
        Run(sanitize_value(rollout), datetime.fromisoformat(at), sanitize_value(who), bool(is_over), decisions)
        for rollout, at, who, is_over, decisions in connection.execute(question).fetchall()
    ]


def decisions(connection: Connection, rollout: str | None = None) -> list[DecisionRow]:
    """Decisions of one rollout or of all, oldest first."""
    columns = "rollout, seq, at, coalesce(who, ''), verb, stage, subject, coalesce(reason, ''), override, outcome, id"
    chosen, values = ("", []) if rollout is None else ("WHERE rollout = %s", [rollout])
    question = f"SELECT {columns} FROM warroom.decisions {chosen} ORDER BY at, seq"  # noqa: S608 - constants
    return [DecisionRow(*map(sanitize_value, row)) for row in connection.execute(question, values).fetchall()]


def rows(connection: Connection, rollout: str | None, after: int | None) -> list[Row]:
    """A page of stored rows by position, or of one rollout by seq."""
    values: list[object] = [_LOWEST if after is None else after]
    chosen = "position > %s ORDER BY position"
    if rollout is not None:
        chosen, values = "rollout = %s AND seq > %s ORDER BY seq", [rollout, *values]
    question = f"SELECT {_COLUMNS} FROM warroom.events WHERE {chosen} LIMIT {PAGE:d}"  # noqa: S608 - constants
    return [Row(*row) for row in connection.execute(question, values).fetchall()]
