"""The table of events as somebody has it who can write the database: triggers off, and all taken back at the end.

One small face for SQLite and PostgreSQL, so that the same edits are made on both; statements mark a value by `?`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from console.journal import reading
from console.journal.chain import Row

COLUMNS = ("rollout", "seq", "event_id", "at", "kind", "v", "who", "move", "body", "prev", "hash", "head")


class Refused(Exception):
    """The database itself does not let an edit be: a number that is taken, a value that has to be there."""


class Ledger(Protocol):
    """The events of one journal, in a transaction."""

    position: str
    """The column that orders the journal."""
    columns: tuple[str, ...]
    """What of an event can be edited."""

    def run(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run one statement; its rows. Raises Refused."""

    def rows(self, after: int | None) -> Sequence[Row]:
        """The next page of the journal, as `Journal.rows`."""


Begin = Callable[[], AbstractContextManager[Ledger]]
"""Begins a transaction on a journal, triggers off, which is rolled back at the end of the block."""


def last(ledger: Ledger) -> int:
    """Position of the journal's last event."""
    return int(ledger.run(f"SELECT max({ledger.position}) FROM events")[0][0])  # noqa: S608 - constants


def at(ledger: Ledger, position: int) -> Row:
    """The event at a position."""
    names = ", ".join(ledger.columns)
    found = ledger.run(f"SELECT {names} FROM events WHERE {ledger.position} = ?", [position])[0]  # noqa: S608 - constants
    values = dict(zip(ledger.columns, found, strict=True))
    return Row(**{"login": None, "position": values.pop(ledger.position), **values})


def insert(ledger: Ledger, row: Row) -> None:
    """Put a row where it says. Raises Refused."""
    values = {**asdict(row), ledger.position: row.position}
    names, marks = ", ".join(ledger.columns), ", ".join("?" for _ in ledger.columns)
    ledger.run(f"INSERT INTO events ({names}) VALUES ({marks})", [values[name] for name in ledger.columns])  # noqa: S608 - constants


class _InFile:
    """Of a SQLite file."""

    position = "id"
    columns: tuple[str, ...] = ("id", *COLUMNS)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def run(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(statement, values).fetchall()
        except sqlite3.IntegrityError as error:
            raise Refused(str(error)) from None

    def rows(self, after: int | None) -> Sequence[Row]:
        return reading.rows(self._connection, None, after)


def in_file(path: Path) -> Begin:
    """The journal in a SQLite file, to whoever can write the file."""

    @contextmanager
    def begun() -> Iterator[Ledger]:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                connection.execute(f"DROP TRIGGER {name}")
            try:
                yield _InFile(connection)
            finally:
                connection.execute("ROLLBACK")

    return begun
