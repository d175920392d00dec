"""PostgreSQL journals filled and opened for edits, with the rights of their owner. Needs psycopg."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import psycopg

from console.events.kinds import Event
from console.journal import reading
from console.journal.chain import Row, walk_journal
from console.journal.postgres.connection import Connection, connect
from console.journal.postgres.journal import PostgresJournal, make_journal
from console.journal.postgres.url import Url
from tests.bench.log.journals import COLUMNS, EditableJournal, EditRefused, OpenForEdit


class _PostgresEvents:
    """The events of a PostgreSQL database."""

    position = "position"
    columns: tuple[str, ...] = ("position", *COLUMNS, "login")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def run(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        try:
            found = self._connection.execute(statement.replace("?", "%s"), values or None)
        except psycopg.IntegrityError as error:
            raise EditRefused(error.diag.message_primary or "") from None
        return found.fetchall() if found.description else []

    def rows(self, after: int | None) -> Sequence[Row]:
        return reading.rows(self._connection, None, after)


def edit_postgres(url: Url) -> OpenForEdit:
    """Open the journal in a PostgreSQL database for edits; the URL names its owner or a superuser."""

    @contextmanager
    def begin() -> Iterator[EditableJournal]:
        with closing(connect(url)) as connection:
            connection.execute("BEGIN")
            connection.execute("SET LOCAL search_path = warroom, pg_catalog")
            connection.execute("ALTER TABLE events DISABLE TRIGGER ALL")
            try:
                yield _PostgresEvents(connection)
            finally:
                connection.execute("ROLLBACK")

    return begin


def fill_journal(url: Url, events: Iterator[tuple[str, Event]]) -> str:
    """Create a journal of these events in an empty database; return its head."""
    make_journal(url, None)
    with closing(PostgresJournal(url)) as journal:
        for rollout, event in events:
            journal.append(rollout, event)
        return walk_journal(lambda after: journal.rows(None, after)).head
