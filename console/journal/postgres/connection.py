"""One connection to a PostgreSQL journal: opened on demand, reopened when lost.

Each call has a deadline, whatever state the server is in. At the deadline the socket is shut down, which the driver
reports as a lost connection.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator

import psycopg

from console.journal.contract import JournalUnavailable
from console.journal.database import CALL_S
from console.journal.postgres import schema
from console.journal.postgres.url import CONNECT_S, Url

Connection = psycopg.Connection[tuple[object, ...]]

SETTINGS = """
SET lock_timeout = '2s';
SET statement_timeout = '60s';
SET idle_in_transaction_session_timeout = '4s';
SET synchronous_commit = on;
SET search_path = pg_catalog, pg_temp;
SET timezone = 'UTC';
"""
"""Settings of every session. A console stopped in the middle of a transaction must not block other writers."""


class ConnectionLost(Exception):
    """The connection is lost: the outcome of the call in flight is unknown."""


class ManagedConnection:
    """The connection of one journal, used by one thread at a time.

    Args:
        url: the database.
        ready: whether the schema must exist; False while it is being created.
    """

    def __init__(self, url: Url, *, ready: bool = True) -> None:
        self.url = url
        self._ready = ready
        self._connection: Connection | None = None
        self.login = ""
        """session_user of the last connection."""
        self.lost_at: float | None = None
        """Monotonic time at which the last connection was lost; None once it is replaced."""

    @contextlib.contextmanager
    def call(self, within_s: float = CALL_S) -> Iterator[Connection]:
        """The connection, for one exchange of at most `within_s` seconds.

        Transactions are the caller's.

        Raises:
            ConnectionLost: the connection was lost during the exchange.
            JournalUnavailable: the server cannot be reached, or has no journal of this version.
            psycopg.Error: any other error of the server.
        """
        connection = self._live_connection()
        try:
            with _deadline(connection, self.url, within_s):
                yield connection
        except ConnectionLost:
            self.lost_at = time.monotonic()
            raise

    def close(self) -> None:
        """Close the connection; the next call opens a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _live_connection(self) -> Connection:
        if self._connection is not None and not self._connection.closed:
            return self._connection
        self.close()
        connection = connect(self.url)
        with _beginning(connection, self.url):
            row = connection.execute("SELECT session_user::text").fetchone()
            self.login = str(row[0]) if row is not None else ""
            if self._ready:
                _check(connection)
        self._connection, self.lost_at = connection, None
        return connection


def connect(url: Url) -> Connection:
    """A new connection with our settings, in autocommit mode. Raises JournalUnavailable."""
    try:
        connection = psycopg.connect(
            url.text,
            autocommit=True,
            connect_timeout=CONNECT_S,
            application_name="warroom",
            keepalives_idle=3,
            keepalives_interval=2,
            keepalives_count=2,
            tcp_user_timeout=int(CALL_S * 1000),
            client_encoding="UTF8",
            prepare_threshold=None,
        )
    except psycopg.ProgrammingError:  # the driver's error about an unparsable URL may quote the password
        raise JournalUnavailable(
            f"journal {url}: this is not a PostgreSQL URL: postgresql://USER@HOST/DATABASE"
        ) from None
    except (psycopg.Error, OSError, ValueError) as error:
        raise JournalUnavailable(f"journal {url}: {url.redact(error)}") from None
    with _beginning(connection, url):
        connection.execute(SETTINGS)
    return connection


@contextlib.contextmanager
def _beginning(connection: Connection, url: Url) -> Iterator[None]:
    """Close a new connection if the block fails or takes longer than a call. Raises JournalUnavailable."""
    with contextlib.ExitStack() as on_failure:
        on_failure.callback(connection.close)
        try:
            with _deadline(connection, url, CALL_S):
                yield
        except (psycopg.Error, ConnectionLost) as error:
            raise JournalUnavailable(f"journal {url}: {url.redact(error)}") from None
        on_failure.pop_all()


@contextlib.contextmanager
def _deadline(connection: Connection, url: Url, seconds: float) -> Iterator[None]:
    """Shut down the socket if the block takes longer than `seconds`. Raises ConnectionLost."""
    late = threading.Event()

    def expire() -> None:
        late.set()
        shut_socket(connection)

    timer = threading.Timer(seconds, expire)
    timer.daemon = True
    timer.start()
    try:
        yield
    except psycopg.Error as error:
        if not connection.closed:
            raise
        raise ConnectionLost(f"no answer within {seconds:g} s" if late.is_set() else url.redact(error)) from None
    finally:
        timer.cancel()


def shut_socket(connection: Connection) -> None:
    """Shut down the connection's socket, so that its calls end with an error."""
    with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)


def _check(connection: Connection) -> None:
    """Raise JournalUnavailable unless the database has a journal of this version."""
    command = "run `warroom journal init postgresql://..` as the database's owner"
    try:
        number = schema.applied_count(connection)
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        raise JournalUnavailable(f"there is no journal in this database yet: {command}") from None
    except psycopg.errors.InsufficientPrivilege as error:
        reason = error.diag.message_primary
        raise JournalUnavailable(
            f"this role may not read the journal ({reason}): docs/journal.md lists the rights it needs"
        ) from None
    if number < len(schema.MIGRATIONS):
        raise JournalUnavailable(f"the journal is of an older warroom: {command} to update it")
