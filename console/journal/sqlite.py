"""The journal in one SQLite file, in WAL mode, append-only and chained.

Events are written with synchronous FULL, samples with NORMAL. One connection, used by one thread at a time.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlite_utils import Database

from adapters.failpoints import failpoint
from console.events.evidence import Actor
from console.events.kinds import Event, SourceRead
from console.journal import approvals, file, guards, lease, reading, recording
from console.journal import presence as people
from console.journal.chain import Row
from console.journal.contract import (
    JournalUnavailable,
    Lease,
    NotPermitted,
    Presence,
    SignedApproval,
    StoredCheckpoint,
    UnsignedApproval,
)
from console.journal.database import DatabaseJournal, as_unavailable
from console.journal.migrations import schema
from console.journal.moment import Moment
from console.journal.moment import now as moment
from console.journal.watch import NOTICED_S, SqliteWatch

BUSY_MS = 2000
"""Time an append waits for other writers before the journal counts as unavailable, in ms."""

_LENIENT_TEXT = partial(str, encoding="utf-8", errors="surrogateescape")
"""Text of a column; one that is not UTF-8 must not make the others unreadable."""

_T = TypeVar("_T")


class SqliteStatements:
    """A connection that takes statements in PostgreSQL's words."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> sqlite3.Cursor:
        """Run a statement of `reading` or `recording`. Raises sqlite3.Error."""
        return self._connection.execute(reading.in_sqlite(statement), values)


class SqliteJournal(DatabaseJournal):
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
    errors = (sqlite3.Error, OSError, ValueError, OverflowError)

    def __init__(self, path: Path, *, read_only: bool = False, clock: Callable[[], Moment] = moment) -> None:
        self.path = self.place = path
        self._clock = clock
        self._file: tuple[int, int] | None = None
        """Device and inode of the open file; None in read-only mode."""
        if read_only:
            self._open_to_read()
        else:
            self._open()

    @as_unavailable
    def _open_to_read(self) -> None:
        file.check_to_read(self.path)
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

    @as_unavailable
    def _open(self) -> None:
        shared = file.prepare(self.path)
        with file.umask(shared=shared):
            connection = sqlite3.connect(
                self.path, timeout=BUSY_MS / 1000, check_same_thread=False, isolation_level=None
            )
            with contextlib.ExitStack() as on_failure:
                on_failure.callback(connection.close)
                _to_wal(connection)
                connection.execute("PRAGMA synchronous = FULL")
                connection.text_factory = _LENIENT_TEXT
                self._db = Database(connection, execute_plugins=False)
                if schema.pending(self._db):
                    self._migrate()
                file.check_files(self.path, shared=shared)  # one may have been put there meanwhile
                self._file = file.device_and_inode(self.path)
                on_failure.pop_all()

    def _migrate(self) -> None:
        """Apply pending migrations under the write lock.

        Two consoles may open a new journal at once: the second waits for the lock, then finds nothing pending.
        """
        self._db.conn.execute("BEGIN IMMEDIATE")
        with self._db.conn:
            schema.apply(self._db)

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

    @as_unavailable
    def append(self, rollout: str, event: Event, *, fence: int | None = None, seen: int = 0) -> int:
        """Record an event with synchronous FULL; see `Journal.append`."""
        with self._writing("event") as connection:
            return recording.append_event(SqliteStatements(connection), rollout, event, fence, seen, login=None)

    @as_unavailable
    def append_samples(self, rollout: str, samples: Sequence[SourceRead], *, fence: int | None = None) -> None:
        """Record samples with synchronous NORMAL; see `Journal.append_samples`."""
        with self._writing("samples", "NORMAL") as connection:  # samples may be lost in a power cut; events may not
            found = recording.sample_rows(SqliteStatements(connection), rollout, samples, fence)
            connection.executemany(reading.in_sqlite(recording.INSERT_SAMPLE), found)

    def reader(self) -> SqliteJournal:
        """The same file, opened to read; see `Journal.reader`."""
        return SqliteJournal(self.path, read_only=True)

    @as_unavailable
    def checkpoint(self, rollout: str) -> StoredCheckpoint | None:
        """The rollout's checkpoint; None also in a file of an older warroom that is only read."""
        connection = self._db.conn
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'checkpoints'").fetchone() is None:
            return None
        return reading.checkpoint(SqliteStatements(connection), rollout)

    @as_unavailable
    def save_checkpoint(self, rollout: str, checkpoint: StoredCheckpoint, *, fence: int) -> None:
        """Replace the rollout's checkpoint with synchronous NORMAL; see `Journal.save_checkpoint`."""
        with self._writing("checkpoint", "NORMAL") as connection:
            recording.check_fence(SqliteStatements(connection), rollout, fence)
            connection.execute(
                "INSERT OR REPLACE INTO checkpoints (rollout, seq, sample, digest, body) VALUES (?, ?, ?, ?, ?)",
                [rollout, checkpoint.seq, checkpoint.sample, checkpoint.digest, checkpoint.body],
            )

    def read(self, work: Callable[[reading.Connection], _T], within_s: float) -> _T:
        """The result of the query `work`; a file needs no deadline."""
        return work(SqliteStatements(self._db.conn))

    @as_unavailable
    def rows(self, rollout: str | None, after: int | None) -> Sequence[Row]:
        """The next page of stored events, with surrogate escapes for text that is not UTF-8; see `Journal.rows`."""
        return read_rows(self._db.conn, rollout, after)

    @as_unavailable
    def alterations(self) -> Sequence[str]:
        """Missing or changed triggers, tables and indexes."""
        return guards.alterations(self._db.conn)

    @as_unavailable
    def lease(self, rollout: str, holder: str, ttl_s: float) -> Lease:
        """Take, renew or return the lease; see `Journal.lease`."""
        with self._writing("lease", "NORMAL") as connection:
            return lease.take(connection, self._clock(), rollout, holder, ttl_s)

    @as_unavailable
    def release(self, rollout: str, holder: str) -> None:
        """Expire the lease if `holder` has it."""
        with self._writing("lease", "NORMAL") as connection:
            lease.release(connection, self._clock(), rollout, holder)

    @as_unavailable
    def current_lease(self, rollout: str) -> Lease | None:
        """The lease in force; None if it is free or expired."""
        return lease.current_lease(self._db.conn, self._clock(), rollout)

    @as_unavailable
    def heartbeat(self, rollout: str, presence: Presence) -> None:
        """Store that a console is present now."""
        with self._writing("lease", "NORMAL") as connection:
            people.heartbeat(connection, self._clock(), rollout, presence)

    @as_unavailable
    def leave(self, rollout: str, session: str) -> None:
        """Drop a console's presence."""
        with self._writing("lease", "NORMAL") as connection:
            people.leave(connection, rollout, session)

    @as_unavailable
    def present(self, rollout: str, within_s: float) -> list[Presence]:
        """Consoles with a recent heartbeat, earliest arrival first."""
        return people.present(self._db.conn, self._clock(), rollout, within_s)

    @as_unavailable
    def present_count(self, rollout: str, within_s: float) -> int:
        """The number of consoles with a recent heartbeat."""
        return people.present_count(self._db.conn, self._clock(), rollout, within_s)

    @as_unavailable
    def approve(self, rollout: str, approval: UnsignedApproval) -> SignedApproval:
        """Write an approval file owned by this user; see `Journal.approve`."""
        folder = approvals.folder_of(self.path)
        if not folder.is_dir():
            raise NotPermitted(
                f"approve refused: journal {self.path} is personal; `warroom journal init --group GROUP PATH` makes a "
                "shared one"
            )
        return approvals.write_approval(folder, rollout, approval)

    @as_unavailable
    def approvals(self, rollout: str) -> list[SignedApproval]:
        """Approvals of a rollout with a proven author, oldest first."""
        return approvals.read_approvals(approvals.folder_of(self.path), rollout)

    def watch(self, noticed_s: float = NOTICED_S) -> SqliteWatch:
        """A watch over the file and its approvals."""
        return SqliteWatch(self.path, noticed_s)

    @as_unavailable
    def prune(self, rollout: str, *, dry_run: bool = False) -> int:
        """Delete the samples of a closed rollout; see `Journal.prune`."""
        with self._writing("prune") as connection:
            return recording.prune(SqliteStatements(connection), rollout, dry_run=dry_run)

    @as_unavailable
    def close(self) -> None:
        """Close the connection."""
        self._db.conn.close()


def read_rows(connection: sqlite3.Connection, rollout: str | None, after: int | None) -> list[Row]:
    """A page of stored rows, with surrogate escapes for text that is not UTF-8.

    Raises:
        ValueError: the journal has no chain, and was opened read-only, so none could be added.
    """
    if not any(name == "prev" for _, name, *_ in connection.execute("PRAGMA table_info(events)")):
        raise ValueError("an older warroom made it without a chain; open it once where it can be written")
    return reading.rows(SqliteStatements(connection), rollout, after)


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
        connection.text_factory = _LENIENT_TEXT
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
