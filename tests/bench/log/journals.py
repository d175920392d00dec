"""Journals open for edits: the events table with its triggers off, in a transaction that is rolled back.

One interface for SQLite and PostgreSQL, so that the same edits run on both; statements mark a value by `?`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from console.journal.chain import Row
from console.journal.sqlite import read_rows

COLUMNS = ("rollout", "seq", "event_id", "at", "kind", "v", "who", "move", "body", "prev", "hash", "head")


class EditRefused(Exception):
    """A constraint of the database refuses the edit: a number already in use, a missing value."""


class EditableJournal(Protocol):
    """The events of one journal in a transaction."""

    position: str
    """Name of the column that orders the journal."""
    columns: tuple[str, ...]
    """Columns of an event that can be edited."""

    def run(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run one statement; return its rows. Raises EditRefused."""

    def rows(self, after: int | None) -> Sequence[Row]:
        """The next page of events, as `Journal.rows` returns it."""


OpenForEdit = Callable[[], AbstractContextManager[EditableJournal]]
"""Begins a transaction with the triggers off, which is rolled back at the end of the block."""


def last_position(journal: EditableJournal) -> int:
    """Position of the last event."""
    return int(journal.run(f"SELECT max({journal.position}) FROM events")[0][0])  # noqa: S608 - constants


def row_at(journal: EditableJournal, position: int) -> Row:
    """The event at this position."""
    names = ", ".join(journal.columns)
    found = journal.run(f"SELECT {names} FROM events WHERE {journal.position} = ?", [position])[0]  # noqa: S608 - constants
    values = dict(zip(journal.columns, found, strict=True))
    return Row(**{"login": None, "position": values.pop(journal.position), **values})


def insert_row(journal: EditableJournal, row: Row) -> None:
    """Insert a row at its own position. Raises EditRefused."""
    values = {**asdict(row), journal.position: row.position}
    names, marks = ", ".join(journal.columns), ", ".join("?" for _ in journal.columns)
    journal.run(f"INSERT INTO events ({names}) VALUES ({marks})", [values[name] for name in journal.columns])  # noqa: S608 - constants


class _SqliteEvents:
    """The events of a SQLite file."""

    position = "id"
    columns: tuple[str, ...] = ("id", *COLUMNS)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def run(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(statement, values).fetchall()
        except sqlite3.IntegrityError as error:
            raise EditRefused(str(error)) from None

    def rows(self, after: int | None) -> Sequence[Row]:
        return read_rows(self._connection, None, after)


def edit_sqlite(path: Path) -> OpenForEdit:
    """Open the journal in a SQLite file for edits."""

    @contextmanager
    def begin() -> Iterator[EditableJournal]:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                connection.execute(f"DROP TRIGGER {name}")
            try:
                yield _SqliteEvents(connection)
            finally:
                connection.execute("ROLLBACK")

    return begin
