"""One connection to a PostgreSQL journal: made when needed, made anew when lost, never waited for without end.

A server that does not answer is noticed by the deadline of the call, whatever state it is in: then the socket is shut,
which the driver sees as a lost connection.
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
from console.journal.postgres import schema
from console.journal.postgres.url import CONNECT_S, Url

Connection = psycopg.Connection[tuple[object, ...]]

CALL_S = 5.0
"""How long the server may take for one short call; longer than its own lock timeout, which says why."""
LONG_S = 60.0
"""How long it may take to answer with much: a rollout's whole history."""
SETTINGS = """
SET lock_timeout = '2s';
SET statement_timeout = '60s';
SET idle_in_transaction_session_timeout = '4s';
SET synchronous_commit = on;
SET search_path = pg_catalog, pg_temp;
SET timezone = 'UTC';
"""
"""Of every session. A console that is stopped in the middle of a transaction must not keep others from writing."""


class Lost(Exception):
    """The connection is gone: what was under way is done or not."""


class Line:
    """The connection of one journal, used by one thread at a time.

    Args:
        url: where to.
        read_only: let the server refuse every write.
        ready: whether the schema must be there; False while it is being made.
    """

    def __init__(self, url: Url, *, read_only: bool = False, ready: bool = True) -> None:
        self.url = url
        self._read_only = read_only
        self._ready = ready
        self._connection: Connection | None = None
        self.login = ""
        """session_user of the last connection."""
        self.lost_at: float | None = None
        """Monotonic time at which a connection was lost that has not been replaced since."""

    @contextlib.contextmanager
    def call(self, within_s: float = CALL_S) -> Iterator[Connection]:
        """The connection, for one exchange that is over `within_s`; transactions are the caller's.

        Raises:
            Lost: the connection went away meanwhile.
            JournalUnavailable: the server cannot be reached, or has no journal of this version.
            psycopg.Error: anything else that the server says.
        """
        connection = self._connected()
        late = threading.Event()
        try:
            with deadline(connection, within_s, late):
                yield connection
        except psycopg.Error as error:
            if connection.closed:
                self.lost_at = time.monotonic()
                raise Lost(_unanswered(within_s) if late.is_set() else self.url.redact(error)) from None
            raise

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> Connection:
        if self._connection is not None and not self._connection.closed:
            return self._connection
        self.close()
        connection = connect(self.url)
        with contextlib.ExitStack() as on_failure:
            on_failure.callback(connection.close)
            self._begin_session(connection)
            on_failure.pop_all()
        self._connection, self.lost_at = connection, None
        return connection

    def _begin_session(self, connection: Connection) -> None:
        """Ask who we are, within the deadline of a call. Raises JournalUnavailable."""
        late = threading.Event()
        try:
            with deadline(connection, CALL_S, late):
                if self._read_only:
                    connection.execute("SET default_transaction_read_only = on")
                row = connection.execute("SELECT session_user::text").fetchone()
                self.login = str(row[0]) if row is not None else ""
                if self._ready:
                    _check(connection)
        except psycopg.Error as error:
            reason = _unanswered(CALL_S) if late.is_set() else self.url.redact(error)
            raise JournalUnavailable(f"journal {self.url}: {reason}") from None


def connect(url: Url) -> Connection:
    """A fresh connection with our settings, in autocommit. Raises JournalUnavailable."""
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
    except psycopg.ProgrammingError:  # what the driver says of a URL that it cannot parse may quote it
        raise JournalUnavailable(f"journal {url}: this is no PostgreSQL URL: postgresql://USER@HOST/DATABASE") from None
    except (psycopg.Error, OSError, ValueError) as error:
        raise JournalUnavailable(f"journal {url}: {url.redact(error)}") from None
    late = threading.Event()
    try:
        with deadline(connection, CALL_S, late):
            connection.execute(SETTINGS)
    except psycopg.Error as error:
        connection.close()
        raise JournalUnavailable(
            f"journal {url}: {_unanswered(CALL_S) if late.is_set() else url.redact(error)}"
        ) from None
    return connection


@contextlib.contextmanager
def deadline(connection: Connection, seconds: float, late: threading.Event) -> Iterator[None]:
    """Shut the connection's socket if the block takes longer: its calls then end with an error, and `late` is set."""

    def over() -> None:
        late.set()
        _shut(connection)

    timer = threading.Timer(seconds, over)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _unanswered(seconds: float) -> str:
    return f"no answer within {seconds:g} s"


def _shut(connection: Connection) -> None:
    with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)


def _check(connection: Connection) -> None:
    """Raise JournalUnavailable unless there is a journal of this version's shape."""
    advice = "`warroom journal init postgresql://..`, as the database's owner, makes it"
    try:
        number = schema.applied(connection)
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        raise JournalUnavailable(f"there is no journal in this database yet: {advice}") from None
    except psycopg.errors.InsufficientPrivilege as error:
        what = error.diag.message_primary
        raise JournalUnavailable(
            f"this role may not read the journal ({what}): docs/journal.md lists the rights it needs"
        ) from None
    if number < len(schema.MIGRATIONS):
        raise JournalUnavailable(f"the journal is of an older warroom: {advice.replace('makes', 'brings')} up to date")
