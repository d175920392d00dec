"""The journal in PostgreSQL, with the order, races and chain of the SQLite one.

A connection lost while an event is written leaves the outcome unknown. The next attempt first looks for the event by
its id, on a new connection and under the lock.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

import psycopg
from pydantic import ValidationError

from adapters.sanitize import first_flaw, one_line
from console.events.evidence import Actor
from console.events.kinds import Event, SourceRead
from console.journal.chain import Row
from console.journal.contract import (
    DecisionRow,
    JournalEntry,
    JournalUnavailable,
    Lease,
    NotPermitted,
    Presence,
    Run,
    SignedApproval,
    UnsignedApproval,
)
from console.journal.postgres import guards, reading, recording, schema
from console.journal.postgres.connection import CALL_S, LONG_S, Connection, ConnectionLost, ManagedConnection
from console.journal.postgres.url import Url
from console.journal.postgres.watch import PostgresWatch
from console.journal.presence import ACTOR

PATIENCE_S = 5.0
"""Time an append tries to replace a lost connection, in seconds: a server restart takes one or two."""
RETRY_S = 0.1
"""Pause between two attempts, in seconds."""

_P = ParamSpec("_P")
_T = TypeVar("_T")


def _as_unavailable(
    method: Callable[Concatenate[PostgresJournal, _P], _T], /
) -> Callable[Concatenate[PostgresJournal, _P], _T]:
    """Raise the driver's errors as JournalUnavailable, with the URL, in one line, redacted."""

    @wraps(method)
    def call(self: PostgresJournal, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return method(self, *args, **kwargs)
        except ValidationError as error:
            raise JournalUnavailable(f"journal {self.url}: an event cannot be read: {first_flaw(error, 300)}") from None
        except (psycopg.Error, ConnectionLost, OSError, ValueError) as error:
            raise JournalUnavailable(f"journal {self.url}: {self.url.redact(error)}") from None

    return call


class PostgresJournal:
    """A Journal in the schema `warroom` of the database that `url` names.

    Args:
        url: a libpq connection URL; its password is never shown.
        read_only: let the server refuse every write.

    Raises:
        JournalUnavailable: the server cannot be reached, or has no journal of this version.
    """

    def __init__(self, url: Url, *, read_only: bool = False) -> None:
        self.url = url
        self._connection = ManagedConnection(url, read_only=read_only)
        with self._connection.call():
            pass

    def _read(self, work: Callable[[Connection], _T], within_s: float = CALL_S) -> _T:
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
        return reading.identity_of_login(self._connection.login)

    @_as_unavailable
    def append(self, rollout: str, event: Event, *, fence: int | None = None) -> int:
        """Record an event, reconnecting for up to `PATIENCE_S`; see `Journal.append`."""
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                with self._connection.call() as connection:
                    return recording.append_event(connection, rollout, event, fence, self._connection.login)
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

    @_as_unavailable
    def append_samples(self, rollout: str, samples: Sequence[SourceRead], *, fence: int | None = None) -> None:
        """Record samples without a synchronous commit; see `Journal.append_samples`."""
        with self._connection.call() as connection:
            recording.append_samples(connection, rollout, samples, fence)

    @_as_unavailable
    def tail(self, rollout: str, after: int) -> list[JournalEntry]:
        """Events with a seq above `after`, in order."""
        return self._read(lambda connection: reading.tail(connection, rollout, after))

    @_as_unavailable
    def tail_samples(self, rollout: str, after: int) -> list[JournalEntry]:
        """Samples with a number above `after`, in recorded order."""
        return self._read(lambda connection: reading.tail_samples(connection, rollout, after), LONG_S)

    @_as_unavailable
    def history(self, rollout: str) -> list[JournalEntry]:
        """Events and samples merged into recorded order."""
        return self._read(lambda connection: reading.history(connection, rollout), LONG_S)

    @_as_unavailable
    def open_run(self, plan: str) -> str | None:
        """The open rollout of a plan name, or None."""
        return self._read(lambda connection: reading.open_run(connection, plan))

    @_as_unavailable
    def next_run(self, plan: str) -> str:
        """The id of a plan's next rollout."""
        return f"{plan}/{self._read(lambda connection: reading.last_run(connection, plan)) + 1}"

    @_as_unavailable
    def runs(self) -> list[Run]:
        """Every rollout, newest first."""
        return self._read(reading.runs, LONG_S)

    @_as_unavailable
    def decisions(self, rollout: str | None = None) -> list[DecisionRow]:
        """Decisions of one rollout or of all, oldest first."""
        return self._read(lambda connection: reading.decisions(connection, rollout), LONG_S)

    @_as_unavailable
    def rows(self, rollout: str | None, after: int | None) -> Sequence[Row]:
        """The next page of stored events; see `Journal.rows`."""
        return self._read(lambda connection: reading.rows(connection, rollout, after), LONG_S)

    @_as_unavailable
    def alterations(self) -> Sequence[str]:
        """Missing or changed triggers, rules and functions."""
        return self._read(guards.alterations)

    @_as_unavailable
    def lease(self, rollout: str, holder: str, ttl_s: float) -> Lease:
        """Take, renew or return the lease; see `Journal.lease`."""
        return self._read(lambda connection: recording.take_lease(connection, rollout, holder, ttl_s))

    @_as_unavailable
    def release(self, rollout: str, holder: str) -> None:
        """Expire the lease if `holder` has it."""
        with self._connection.call() as connection:
            connection.execute("SELECT warroom.release(%s, %s)", [rollout, holder])

    @_as_unavailable
    def current_lease(self, rollout: str) -> Lease | None:
        """The lease in force; None if it is free or expired."""
        return self._read(lambda connection: reading.current_lease(connection, rollout))

    @_as_unavailable
    def heartbeat(self, rollout: str, presence: Presence) -> None:
        """Store that a console is present now."""
        actor = ACTOR.dump_json(presence.actor).decode()
        since = presence.since.isoformat(timespec="milliseconds")
        with self._connection.call() as connection:
            connection.execute(
                "SELECT warroom.seen(%s, %s, %s, %s, %s)",
                [rollout, presence.session, actor, presence.role.value, since],
            )

    @_as_unavailable
    def leave(self, rollout: str, session: str) -> None:
        """Drop a console's presence."""
        with self._connection.call() as connection:
            connection.execute("SELECT warroom.gone(%s, %s)", [rollout, session])

    @_as_unavailable
    def present(self, rollout: str, within_s: float) -> list[Presence]:
        """Consoles with a recent heartbeat, earliest arrival first."""
        return self._read(lambda connection: reading.present(connection, rollout, within_s))

    @_as_unavailable
    def approve(self, rollout: str, approval: UnsignedApproval) -> SignedApproval:
        """Insert an approval, signed by the server with the login; see `Journal.approve`."""
        with self._connection.call() as connection:
            connection.execute(
                "INSERT INTO warroom.approvals (rollout, move, card, at, text) VALUES (%s, %s, %s, %s, %s) "
                "ON CONFLICT DO NOTHING",
                [rollout, approval.move, approval.card, approval.at.isoformat(), one_line(approval.text, 500)],
            )
        wanted = (approval.move, approval.card, reading.identity_of_login(self._connection.login))
        for entry in self.approvals(rollout):
            if (entry.approval.move, entry.approval.card, entry.identity) == wanted:
                return entry
        raise JournalUnavailable(f"journal {self.url}: the approval was written, but cannot be read back")

    @_as_unavailable
    def approvals(self, rollout: str) -> list[SignedApproval]:
        """Approvals of a rollout with a proven author, oldest first."""
        return self._read(lambda connection: reading.approvals(connection, rollout))

    def watch(self) -> PostgresWatch:
        """A watch over a second connection that listens."""
        return PostgresWatch(self.url)

    @_as_unavailable
    def prune(self, rollout: str, *, dry_run: bool = False) -> int:
        """Delete the samples of a closed rollout; see `Journal.prune`."""
        with self._connection.call() as connection, connection.transaction():
            if not reading.is_closed(connection, rollout):
                raise NotPermitted(
                    f"{rollout} is open, or not in this journal: only samples of closed rollouts are pruned"
                )
            if dry_run:
                return reading.samples_of(connection, rollout)
            try:
                return connection.execute("DELETE FROM warroom.samples WHERE rollout = %s", [rollout]).rowcount
            except psycopg.errors.InsufficientPrivilege:
                raise NotPermitted(
                    f"prune refused: {self._connection.login} may not remove samples; the journal's owner may"
                ) from None

    @_as_unavailable
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

    def work(connection: Connection) -> int:
        count = schema.migrate(connection)
        if role is not None:
            schema.grant(connection, role)
        return count

    return _once(url, work)


def is_durable(url: Url) -> bool:
    """Whether the server flushes to disk before it confirms a commit. Raises JournalUnavailable."""

    def work(connection: Connection) -> bool:
        return connection.execute("SHOW fsync").fetchone() == ("on",)

    return _once(url, work)


def _once(url: Url, work: Callable[[Connection], _T]) -> _T:
    """The result of `work` on a separate connection, with or without a journal.

    Raises:
        JournalUnavailable: the server cannot be reached, or refuses.
    """
    managed = ManagedConnection(url, ready=False)
    try:
        with managed.call(LONG_S) as connection:
            return work(connection)
    except (psycopg.Error, ConnectionLost) as error:
        raise JournalUnavailable(f"journal {url}: {url.redact(error)}") from None
    finally:
        managed.close()
