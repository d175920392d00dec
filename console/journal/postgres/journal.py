"""The journal in PostgreSQL: the same order, races and chain as in SQLite, for consoles on several hosts.

A connection that is lost while an event is written leaves open whether it was: it is looked for by its id, on a new
connection and under the lock, before anything else.
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
    Approval,
    Approved,
    Decided,
    Entry,
    JournalUnavailable,
    Lease,
    NotPermitted,
    Presence,
    Run,
)
from console.journal.postgres import guards, reading, recording, schema
from console.journal.postgres.connection import CALL_S, LONG_S, Connection, Line, Lost
from console.journal.postgres.url import Url
from console.journal.postgres.watch import PostgresWatch
from console.journal.presence import ACTOR

PATIENCE_S = 5.0
"""How long an append tries to get a lost connection back: a server that is restarted takes a second or two."""
RETRY_S = 0.1

_P = ParamSpec("_P")
_T = TypeVar("_T")


def _plain(method: Callable[Concatenate[PostgresJournal, _P], _T], /) -> Callable[Concatenate[PostgresJournal, _P], _T]:
    """Turn what the driver raises into JournalUnavailable: what, where, in one line, without a secret."""

    @wraps(method)
    def call(self: PostgresJournal, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return method(self, *args, **kwargs)
        except ValidationError as error:
            raise JournalUnavailable(f"journal {self.url}: an event cannot be read: {first_flaw(error, 300)}") from None
        except (psycopg.Error, Lost, OSError, ValueError) as error:
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
        self._line = Line(url, read_only=read_only)
        with self._line.call():
            pass

    def _read(self, work: Callable[[Connection], _T], within_s: float = CALL_S) -> _T:
        """What `work` reads; on a new connection if the old one turns out to be lost."""
        try:
            with self._line.call(within_s) as connection:
                return work(connection)
        except Lost:
            with self._line.call(within_s) as connection:
                return work(connection)

    @property
    def cautions(self) -> tuple[str, ...]:
        """What everybody who decides has to know about the way to the journal."""
        mode = self.url.unverified(os.environ)
        return () if mode is None else (f"journal: TLS IS NOT VERIFIED (sslmode {one_line(mode, 20)})",)

    def identity(self, actor: Actor) -> str:
        return reading.identity(self._line.login)

    @_plain
    def append(self, rollout: str, event: Event, *, fence: int | None = None) -> int:
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                with self._line.call() as connection:
                    return recording.event(connection, rollout, event, fence, self._line.login)
            except psycopg.errors.UniqueViolation:  # somebody wrote without the lock: look again
                if time.monotonic() > until:
                    raise
            except Lost as error:
                if time.monotonic() > until:
                    reason = f"{error}; whether {event.kind} was written is not known"
                    raise JournalUnavailable(f"journal {self.url}: {reason}") from None
            except JournalUnavailable:  # it cannot be connected to: only if that is news is it worth waiting for
                if self._line.lost_at is None or time.monotonic() > self._line.lost_at + PATIENCE_S:
                    raise
            time.sleep(RETRY_S)

    @_plain
    def append_samples(self, rollout: str, samples: Sequence[SourceRead], *, fence: int | None = None) -> None:
        with self._line.call() as connection:
            recording.samples(connection, rollout, samples, fence)

    @_plain
    def tail(self, rollout: str, after: int) -> list[Entry]:
        return self._read(lambda connection: reading.tail(connection, rollout, after))

    @_plain
    def tail_samples(self, rollout: str, after: int) -> list[Entry]:
        return self._read(lambda connection: reading.tail_samples(connection, rollout, after), LONG_S)

    @_plain
    def history(self, rollout: str) -> list[Entry]:
        return self._read(lambda connection: reading.history(connection, rollout), LONG_S)

    @_plain
    def open_run(self, plan: str) -> str | None:
        return self._read(lambda connection: reading.open_run(connection, plan))

    @_plain
    def next_run(self, plan: str) -> str:
        return f"{plan}/{self._read(lambda connection: reading.last_run(connection, plan)) + 1}"

    @_plain
    def runs(self) -> list[Run]:
        return self._read(reading.runs, LONG_S)

    @_plain
    def decisions(self, rollout: str | None = None) -> list[Decided]:
        return self._read(lambda connection: reading.decisions(connection, rollout), LONG_S)

    @_plain
    def rows(self, rollout: str | None, after: int | None) -> Sequence[Row]:
        return self._read(lambda connection: reading.rows(connection, rollout, after), LONG_S)

    @_plain
    def altered(self) -> Sequence[str]:
        return self._read(guards.altered)

    @_plain
    def lease(self, rollout: str, holder: str, ttl_s: float) -> Lease:
        return self._read(lambda connection: recording.lease(connection, rollout, holder, ttl_s))

    @_plain
    def release(self, rollout: str, holder: str) -> None:
        with self._line.call() as connection:
            connection.execute("SELECT warroom.release(%s, %s)", [rollout, holder])

    @_plain
    def current_lease(self, rollout: str) -> Lease | None:
        return self._read(lambda connection: reading.current_lease(connection, rollout))

    @_plain
    def heartbeat(self, rollout: str, presence: Presence) -> None:
        actor = ACTOR.dump_json(presence.actor).decode()
        since = presence.since.isoformat(timespec="milliseconds")
        with self._line.call() as connection:
            connection.execute(
                "SELECT warroom.seen(%s, %s, %s, %s, %s)",
                [rollout, presence.session, actor, presence.role.value, since],
            )

    @_plain
    def leave(self, rollout: str, session: str) -> None:
        with self._line.call() as connection:
            connection.execute("SELECT warroom.gone(%s, %s)", [rollout, session])

    @_plain
    def present(self, rollout: str, within_s: float) -> list[Presence]:
        return self._read(lambda connection: reading.present(connection, rollout, within_s))

    @_plain
    def approve(self, rollout: str, approval: Approval) -> Approved:
        with self._line.call() as connection:
            connection.execute(
                "INSERT INTO warroom.approvals (rollout, move, card, at, text) VALUES (%s, %s, %s, %s, %s) "
                "ON CONFLICT DO NOTHING",
                [rollout, approval.move, approval.card, approval.at.isoformat(), one_line(approval.text, 500)],
            )
        wanted = (approval.move, approval.card, reading.identity(self._line.login))
        for entry in self.approvals(rollout):
            if (entry.approval.move, entry.approval.card, entry.identity) == wanted:
                return entry
        raise JournalUnavailable(f"journal {self.url}: the approval was written, but is not there")

    @_plain
    def approvals(self, rollout: str) -> list[Approved]:
        return self._read(lambda connection: reading.approvals(connection, rollout))

    def watch(self) -> PostgresWatch:
        return PostgresWatch(self.url)

    @_plain
    def prune(self, rollout: str, *, dry_run: bool = False) -> int:
        with self._line.call() as connection, connection.transaction():
            if not reading.closed(connection, rollout):
                raise NotPermitted(
                    f"{rollout} is open, or not in this journal: only samples of closed rollouts are pruned"
                )
            if dry_run:
                return reading.samples_of(connection, rollout)
            try:
                return connection.execute("DELETE FROM warroom.samples WHERE rollout = %s", [rollout]).rowcount
            except psycopg.errors.InsufficientPrivilege:
                raise NotPermitted(
                    f"prune refused: {self._line.login} may not remove samples; the journal's owner may"
                ) from None

    @_plain
    def close(self) -> None:
        self._line.close()


def make(url: Url, role: str | None) -> int:
    """Make or update the journal at `url` and give `role` its rights; how many migrations that took. Raises JournalUnavailable."""

    def work(connection: Connection) -> int:
        count = schema.made(connection)
        if role is not None:
            schema.grant(connection, role)
        return count

    return _once(url, work)


def durable(url: Url) -> bool:
    """Whether the server flushes to disk before it says that something is committed. Raises JournalUnavailable."""

    def work(connection: Connection) -> bool:
        return connection.execute("SHOW fsync").fetchone() == ("on",)

    return _once(url, work)


def _once(url: Url, work: Callable[[Connection], _T]) -> _T:
    """What `work` returns on a connection of its own, whether or not there is a journal yet. Raises JournalUnavailable."""
    line = Line(url, ready=False)
    try:
        with line.call(LONG_S) as connection:
            return work(connection)
    except (psycopg.Error, Lost) as error:
        raise JournalUnavailable(f"journal {url}: {url.redact(error)}") from None
    finally:
        line.close()
