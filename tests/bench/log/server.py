"""The events of a PostgreSQL journal as its owner has them: filled, and edited with the triggers off. Needs psycopg."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import psycopg

from console.events.kinds import Event
from console.journal.chain import Row
from console.journal.postgres import reading
from console.journal.postgres.connection import Connection, connect
from console.journal.postgres.journal import PostgresJournal, make
from console.journal.postgres.url import Url
from tests.bench.log.ledgers import COLUMNS, Begin, Ledger, Refused


class _OnServer:
    """Of a PostgreSQL database."""

    position = "position"
    columns: tuple[str, ...] = ("position", *COLUMNS, "login")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def run(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        try:
            found = self._connection.execute(statement.replace("?", "%s"), values or None)
        except psycopg.IntegrityError as error:
            raise Refused(error.diag.message_primary or "") from None
        return found.fetchall() if found.description else []

    def rows(self, after: int | None) -> Sequence[Row]:
        return reading.rows(self._connection, None, after)


def on_server(url: Url) -> Begin:
    """The journal in a PostgreSQL database, to its owner or a superuser."""

    @contextmanager
    def begun() -> Iterator[Ledger]:
        with closing(connect(url)) as connection:
            connection.execute("BEGIN")
            connection.execute("SET LOCAL search_path = warroom, pg_catalog")
            connection.execute("ALTER TABLE events DISABLE TRIGGER ALL")
            try:
                yield _OnServer(connection)
            finally:
                connection.execute("ROLLBACK")

    return begun


def filled(url: Url, events: Iterator[tuple[str, Event]]) -> str:
    """Make a journal of these events in an empty database; its head."""
    make(url, None)
    with closing(PostgresJournal(url)) as journal:
        for rollout, event in events:
            journal.append(rollout, event)
    with closing(connect(url)) as connection:
        return reading.head(connection)[1] or ""
