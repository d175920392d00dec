"""The journal in one SQLite file, in WAL mode, append-only and chained.

Events are written with synchronous FULL, samples with NORMAL. One connection, used by one thread at a time.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from pydantic import ValidationError
from sqlite_utils import Database

from adapters.failpoints import failpoint
from adapters.sanitize import first_flaw, one_line
from console.events.evidence import Actor
from console.events.kinds import Event, SourceRead
from console.journal import approvals, file, guards, lease, reading, recording
from console.journal import presence as people
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
from console.journal.migrations import schema
from console.journal.moment import Moment
from console.journal.moment import now as moment
from console.journal.watch import SqliteWatch

BUSY_MS = 2000
"""Time an append waits for other writers before the journal counts as unavailable, in ms."""

_P = ParamSpec("_P")
_T = TypeVar("_T")


def _as_unavailable(
    method: Callable[Concatenate[SqliteJournal, _P], _T], /
) -> Callable[Concatenate[SqliteJournal, _P], _T]:
    """Raise SQLite's errors as JournalUnavailable, with the path, in one line."""

    @wraps(method)
    def call(self: SqliteJournal, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return method(self, *args, **kwargs)
        except ValidationError as error:
            raise JournalUnavailable(
                f"journal {self.path}: an event cannot be read: {first_flaw(error, 300)}"
            ) from None
        except (sqlite3.Error, OSError, ValueError) as error:
            raise JournalUnavailable(f"journal {self.path}: {one_line(error)}") from error

    return call


class SqliteJournal:
    """A Journal in the file `path`, created with its directory if missing.

    Args:
        path: the file.
        read_only: write not a byte, not even beside it; for a journal that cannot be written. Appending raises
            JournalUnavailable.
        clock: clock of leases and presence.

    Raises:
        JournalUnavailable: the file cannot be created, opened or migrated, or users outside its group could use it.
    """

    cautions: tuple[str, ...] = ()

    def __init__(self, path: Path, *, read_only: bool = False, clock: Callable[[], Moment] = moment) -> None:
        self.path = path
        self._clock = clock
        self._file: tuple[int, int] | None = None
        """Device and inode of the open file; None in read-only mode."""
        if read_only:
            self._open_to_read()
        else:
            self._open()

    @_as_unavailable
    def _open_to_read(self) -> None:
        uri = f"{self.path.absolute().as_uri()}?mode=ro"
        try:
            connection = _readable(uri)
        except sqlite3.OperationalError:
            wal = self.path.with_name(f"{self.path.name}-wal")
            if wal.exists() and wal.stat().st_size > 0:
                raise
            # No process has it open, so all of it is in the file itself, and reading it needs no lock.
            connection = _readable(f"{uri}&immutable=1")
        self._db = Database(connection, execute_plugins=False)

    @_as_unavailable
    def _open(self) -> None:
        with file.umask(shared=file.prepare(self.path)):
            connection = sqlite3.connect(
                self.path, timeout=BUSY_MS / 1000, check_same_thread=False, isolation_level=None
            )
            with contextlib.ExitStack() as on_failure:
                on_failure.callback(connection.close)
                _to_wal(connection)
                connection.execute("PRAGMA synchronous = FULL")
                self._db = Database(connection, execute_plugins=False)
                if schema.pending(self._db):
                    self._migrate()
                self._file = file.device_and_inode(self.path)
                on_failure.pop_all()

    def _migrate(self) -> None:
        """Apply pending migrations under the write lock.

        Two consoles may open a new journal at once: the second waits for the lock, then finds nothing pending.
        """
        connection = self._db.conn
        connection.execute("BEGIN IMMEDIATE")
        with contextlib.ExitStack() as on_failure:
            on_failure.callback(connection.execute, "ROLLBACK")
            schema.apply(self._db)
            on_failure.pop_all()
        connection.execute("COMMIT")

    @contextlib.contextmanager
    def _writing(self, what: str, synchronous: str = "FULL") -> Iterator[sqlite3.Connection]:
        """Run a transaction that holds the write lock from its beginning.

        Values read in it therefore stay valid until its writes.

        Args:
            what: noun for the names of the failpoints, at which tests provoke a crash.
            synchronous: as SQLite's pragma of that name.

        Raises:
            JournalUnavailable: the path no longer names the open file: SQLite would write to an unreachable file.
        """
        if self._file is not None and file.device_and_inode(self.path) != self._file:
            raise JournalUnavailable(
                f"journal {self.path} was removed or replaced while open; restore it, or restart warroom"
            )
        connection = self._db.conn
        with contextlib.ExitStack() as ending:
            if synchronous != "FULL":
                connection.execute(f"PRAGMA synchronous = {synchronous}")
                ending.callback(connection.execute, "PRAGMA synchronous = FULL")
            ending.callback(_roll_back, connection)
            failpoint(f"{what} begins")
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            failpoint(f"{what} written")
            connection.execute("COMMIT")
            failpoint(f"{what} committed")

    def identity(self, actor: Actor) -> str:
        """The identity of the actor's Unix user."""
        return approvals.identity_of_uid(actor.uid)

    @_as_unavailable
    def append(self, rollout: str, event: Event, *, fence: int | None = None) -> int:
        """Record an event with synchronous FULL; see `Journal.append`."""
        with self._writing("event") as connection:
            return recording.append_event(connection, rollout, event, fence)

    @_as_unavailable
    def append_samples(self, rollout: str, samples: Sequence[SourceRead], *, fence: int | None = None) -> None:
        """Record samples with synchronous NORMAL; see `Journal.append_samples`."""
        with self._writing("samples", "NORMAL") as connection:  # samples may be lost in a power cut; events may not
            recording.append_samples(connection, rollout, samples, fence)

    @_as_unavailable
    def tail(self, rollout: str, after: int) -> list[JournalEntry]:
        """Events with a seq above `after`, in order."""
        return reading.tail(self._db.conn, rollout, after)

    @_as_unavailable
    def tail_samples(self, rollout: str, after: int) -> list[JournalEntry]:
        """Samples with a number above `after`, in recorded order."""
        return reading.tail_samples(self._db.conn, rollout, after)

    @_as_unavailable
    def history(self, rollout: str) -> list[JournalEntry]:
        """Events and samples merged into recorded order."""
        return reading.history(self._db.conn, rollout)

    @_as_unavailable
    def open_run(self, plan: str) -> str | None:
        """The open rollout of a plan name, or None."""
        return reading.open_run(self._db.conn, plan)

    @_as_unavailable
    def next_run(self, plan: str) -> str:
        """The id of a plan's next rollout."""
        return f"{plan}/{reading.last_run(self._db.conn, plan) + 1}"

    @_as_unavailable
    def runs(self) -> list[Run]:
        """Every rollout, newest first."""
        return reading.runs(self._db.conn)

    @_as_unavailable
    def decisions(self, rollout: str | None = None) -> list[DecisionRow]:
        """Decisions of one rollout or of all, oldest first."""
        return reading.decisions(self._db.conn, rollout)

    @_as_unavailable
    def rows(self, rollout: str | None, after: int | None) -> Sequence[Row]:
        """The next page of stored events; see `Journal.rows`."""
        return reading.rows(self._db.conn, rollout, after)

    @_as_unavailable
    def alterations(self) -> Sequence[str]:
        """Missing or changed triggers, tables and indexes."""
        return guards.alterations(self._db.conn)

    @_as_unavailable
    def lease(self, rollout: str, holder: str, ttl_s: float) -> Lease:
        """Take, renew or return the lease; see `Journal.lease`."""
        with self._writing("lease", "NORMAL") as connection:
            return lease.take(connection, self._clock(), rollout, holder, ttl_s)

    @_as_unavailable
    def release(self, rollout: str, holder: str) -> None:
        """Expire the lease if `holder` has it."""
        with self._writing("lease", "NORMAL") as connection:
            lease.release(connection, self._clock(), rollout, holder)

    @_as_unavailable
    def current_lease(self, rollout: str) -> Lease | None:
        """The lease in force; None if it is free or expired."""
        return lease.current_lease(self._db.conn, self._clock(), rollout)

    @_as_unavailable
    def heartbeat(self, rollout: str, presence: Presence) -> None:
        """Store that a console is present now."""
        with self._writing("lease", "NORMAL") as connection:
            people.heartbeat(connection, self._clock(), rollout, presence)

    @_as_unavailable
    def leave(self, rollout: str, session: str) -> None:
        """Drop a console's presence."""
        with self._writing("lease", "NORMAL") as connection:
            people.leave(connection, rollout, session)

    @_as_unavailable
    def present(self, rollout: str, within_s: float) -> list[Presence]:
        """Consoles with a recent heartbeat, earliest arrival first."""
        return people.present(self._db.conn, self._clock(), rollout, within_s)

    @_as_unavailable
    def approve(self, rollout: str, approval: UnsignedApproval) -> SignedApproval:
        """Write an approval file owned by this user; see `Journal.approve`."""
        folder = approvals.folder_of(self.path)
        if not folder.is_dir():
            raise NotPermitted(
                f"approve refused: journal {self.path} is personal; `warroom journal init --group GROUP PATH` makes a "
                "shared one"
            )
        return approvals.write_approval(folder, rollout, approval)

    @_as_unavailable
    def approvals(self, rollout: str) -> list[SignedApproval]:
        """Approvals of a rollout with a proven author, oldest first."""
        return approvals.read_approvals(approvals.folder_of(self.path), rollout)

    def watch(self) -> SqliteWatch:
        """A watch over the file and its approvals."""
        return SqliteWatch(self.path)

    @_as_unavailable
    def prune(self, rollout: str, *, dry_run: bool = False) -> int:
        """Delete the samples of a closed rollout; see `Journal.prune`."""
        with self._writing("prune") as connection:
            if not reading.is_closed(connection, rollout):
                raise NotPermitted(
                    f"{rollout} is open, or not in this journal: only samples of closed rollouts are pruned"
                )
            count = "SELECT count(*) FROM samples WHERE rollout = ?"
            found: int = connection.execute(count, [rollout]).fetchone()[0]
            if not dry_run:
                connection.execute("DELETE FROM samples WHERE rollout = ?", [rollout])
        return found

    @_as_unavailable
    def close(self) -> None:
        """Close the connection."""
        self._db.conn.close()


def _roll_back(connection: sqlite3.Connection) -> None:
    """Roll back the transaction, if there still is one: what was committed has none."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _readable(uri: str) -> sqlite3.Connection:
    """A connection on which one read has succeeded. Raises sqlite3.Error."""
    connection = sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None)
    with contextlib.ExitStack() as on_failure:
        on_failure.callback(connection.close)
        connection.execute("SELECT 1 FROM events LIMIT 1").fetchone()
        on_failure.pop_all()
    return connection


def _to_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL, retrying while another console creates the journal.

    SQLite does not apply its busy timeout to that switch.
    """
    deadline = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.01)
