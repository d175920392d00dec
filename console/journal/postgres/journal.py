"""The journal in PostgreSQL, with the order, races and chain of the SQLite one.

A connection lost while an event is written leaves the outcome unknown. The next attempt first looks for the event by
its id, on a new connection and under the lock.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import psycopg

from adapters.sanitize import one_line
from console.events.evidence import Actor
from console.events.kinds import Event, SourceRead
from console.journal import reading
from console.journal import recording as shared
from console.journal.contract import (
    JournalUnavailable,
    NotPermitted,
    Presence,
    SignedApproval,
    StoredCheckpoint,
    UnsignedApproval,
)
from console.journal.database import LONG_S, DatabaseJournal, as_unavailable, query
from console.journal.postgres import guards, recording, room, schema
from console.journal.postgres.connection import Connection, ConnectionLost, ManagedConnection
from console.journal.postgres.url import Url
from console.journal.postgres.watch import PostgresWatch
from console.journal.presence import presence_values
from console.journal.watch import NOTICED_S

PATIENCE_S = 5.0
"""Time an append tries to replace a lost connection, in seconds: a server restart takes one or two."""
RETRY_S = 0.1
"""Pause between two attempts, in seconds."""

_T = TypeVar("_T")


class PostgresJournal(DatabaseJournal):
    """A Journal in the schema `warroom` of the database that `url` names.

    Args:
        url: a libpq connection URL; its password is never shown.

    Raises:
        JournalUnavailable: the server cannot be reached, or has no journal of this version.
    """

    errors = (psycopg.Error, ConnectionLost, OSError, ValueError)

    def __init__(self, url: Url) -> None:
        self.url = self.place = url
        self._connection = ManagedConnection(url)
        with self._connection.call():
            pass

    def error_line(self, error: Exception) -> str:
        """An error's text on one line, without secrets of the URL."""
        primary = error.diag.message_primary if isinstance(error, psycopg.Error) else None
        return self.url.redact(primary or error)

    def read(self, work: Callable[[reading.Connection], _T], within_s: float) -> _T:
        """The result of the query `work`, retried once on a new connection."""
        try:
            with self._connection.call(within_s) as connection:
                return work(connection)
        except ConnectionLost:
            with self._connection.call(within_s) as connection:
                return work(connection)

    @property
    def cautions(self) -> tuple[str, ...]:
        """Warnings about the connection that the screen shows to everyone who decides."""
        mode = self.url.unverified_sslmode(os.environ)
        return () if mode is None else (f"journal: TLS IS NOT VERIFIED (sslmode {one_line(mode, 20)})",)

    def identity(self, actor: Actor) -> str:
        """The identity of the login that the server reported."""
        return room.identity_of_login(self._connection.login)

    @as_unavailable
    def append(self, rollout: str, event: Event, *, fence: int | None = None, seen: int = 0) -> int:
        """Record an event, reconnecting for up to `PATIENCE_S`; see `Journal.append`."""
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                with self._connection.call() as connection:
                    return recording.append_event(connection, rollout, event, fence, seen, self._connection.login)
            except psycopg.errors.UniqueViolation:  # another program wrote without the lock: read again
                if time.monotonic() > until:
                    raise
            except ConnectionLost as error:
                if time.monotonic() > until:
                    reason = f"{error}; it is not known if {event.kind} was written"
                    raise JournalUnavailable(f"journal {self.url}: {reason}") from None
            except JournalUnavailable:  # waiting helps only if the connection was lost a moment ago
                if self._connection.lost_at is None or time.monotonic() > self._connection.lost_at + PATIENCE_S:
                    raise
            time.sleep(RETRY_S)

    @as_unavailable
    def append_samples(self, rollout: str, samples: Sequence[SourceRead], *, fence: int | None = None) -> None:
        """Record samples without a synchronous commit; see `Journal.append_samples`."""
        with self._connection.call() as connection:
            recording.append_samples(connection, rollout, samples, fence)

    def reader(self) -> PostgresJournal:
        """The same journal over another connection; see `Journal.reader`."""
        return PostgresJournal(self.url)

    @as_unavailable
    def checkpoint(self, rollout: str) -> StoredCheckpoint | None:
        """The rollout's checkpoint; None also for a role that may not read any."""
        try:
            return self.read(lambda connection: reading.checkpoint(connection, rollout), LONG_S)
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable):
            return None

    @as_unavailable
    def save_checkpoint(self, rollout: str, checkpoint: StoredCheckpoint, *, fence: int) -> None:
        """Replace the rollout's checkpoint; see `Journal.save_checkpoint`."""
        with self._connection.call(LONG_S) as connection:
            recording.save_checkpoint(connection, rollout, checkpoint, fence)

    alterations = query(guards.alterations)
    lease = query(room.take_lease)
    current_lease = query(room.current_lease)
    present = query(room.present)
    server_time = query(room.server_time)
    present_count = query(room.present_count)
    approvals = query(room.approvals)

    @as_unavailable
    def release(self, rollout: str, holder: str) -> None:
        """Expire the lease if `holder` has it."""
        with self._connection.call() as connection:
            connection.execute("SELECT warroom.release(%s, %s)", [rollout, holder])

    @as_unavailable
    def heartbeat(self, rollout: str, presence: Presence) -> None:
        """Store that a console is present now."""
        with self._connection.call() as connection:
            connection.execute("SELECT warroom.seen(%s, %s, %s, %s, %s)", [rollout, *presence_values(presence)])

    @as_unavailable
    def leave(self, rollout: str, session: str) -> None:
        """Drop a console's presence."""
        with self._connection.call() as connection:
            connection.execute("SELECT warroom.gone(%s, %s)", [rollout, session])

    @as_unavailable
    def approve(self, rollout: str, approval: UnsignedApproval) -> SignedApproval:
        """Insert an approval, signed by the server with the login; see `Journal.approve`."""
        with self._connection.call() as connection:
            connection.execute(
                "INSERT INTO warroom.approvals (rollout, move, card, at, text) VALUES (%s, %s, %s, %s, %s) "
                "ON CONFLICT DO NOTHING",
                [rollout, approval.move, approval.card, approval.at.isoformat(), one_line(approval.text, 500)],
            )
        wanted = (approval.move, approval.card, room.identity_of_login(self._connection.login))
        for entry in self.approvals(rollout):
            if (entry.approval.move, entry.approval.card, entry.identity) == wanted:
                return entry
        raise JournalUnavailable(f"journal {self.url}: the approval was written, but cannot be read back")

    def watch(self, noticed_s: float = NOTICED_S) -> PostgresWatch:
        """A watch over a second connection that listens: the server announces changes at once."""
        return PostgresWatch(self.url)

    @as_unavailable
    def prune(self, rollout: str, *, dry_run: bool = False) -> int:
        """Delete the samples of a closed rollout; see `Journal.prune`."""
        with self._connection.call() as connection, connection.transaction():
            try:
                return shared.prune(connection, rollout, dry_run=dry_run)
            except psycopg.errors.InsufficientPrivilege:
                raise NotPermitted(
                    f"prune refused: {self._connection.login} may not remove samples; the journal's owner may"
                ) from None

    @as_unavailable
    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def make_journal(url: Url, role: str | None) -> int:
    """Create or update the journal at `url` and grant `role` its rights.

    Returns:
        The number of migrations applied.

    Raises:
        JournalUnavailable: the server cannot be reached, or refuses.
    """
    with _owner_connection(url) as connection:
        count = schema.migrate(connection)
        if role is not None:
            schema.grant(connection, role)
    return count


def is_durable(url: Url) -> bool:
    """Whether the server flushes to disk before it confirms a commit. Raises JournalUnavailable."""
    with _owner_connection(url) as connection:
        return connection.execute("SHOW fsync").fetchone() == ("on",)


@contextlib.contextmanager
def _owner_connection(url: Url) -> Iterator[Connection]:
    """A separate connection, with or without a journal. Raises JournalUnavailable."""
    managed = ManagedConnection(url, ready=False)
    try:
        with managed.call(LONG_S) as connection:
            yield connection
    except (psycopg.Error, ConnectionLost) as error:
        raise JournalUnavailable(f"journal {url}: {url.redact(error)}") from None
    finally:
        managed.close()
