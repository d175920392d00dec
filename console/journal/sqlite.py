"""The journal in one SQLite file: WAL, synchronous FULL for events, append-only by triggers, chained by hashes.

One connection, used by one thread at a time.
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
from console.journal.migrations import schema
from console.journal.moment import Moment
from console.journal.moment import now as moment
from console.journal.watch import SqliteWatch

BUSY_MS = 2000
"""How long an append waits for other writers before the journal counts as broken."""

_P = ParamSpec("_P")
_T = TypeVar("_T")


def _plain(method: Callable[Concatenate[SqliteJournal, _P], _T], /) -> Callable[Concatenate[SqliteJournal, _P], _T]:
    """Turn what SQLite raises into JournalUnavailable: what, where, in one line."""

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
    """A Journal in the file `path`, made with its directory if it is not there.

    Args:
        path: the file.
        read_only: write not a byte, not even beside it; for a journal that cannot be written. Appending raises JournalUnavailable.
        clock: what leases and presence are judged by.

    Raises:
        JournalUnavailable: the file cannot be made, opened or migrated, or others than its owner or group could use it.
    """

    cautions: tuple[str, ...] = ()

    def __init__(self, path: Path, *, read_only: bool = False, clock: Callable[[], Moment] = moment) -> None:
        self.path = path
        self._clock = clock
        self._file: tuple[int, int] | None = None
        """Device and inode of the file that is open; None while nothing may be written."""
        if read_only:
            self._open_to_read()
        else:
            self._open()

    @_plain
    def _open_to_read(self) -> None:
        uri = f"{self.path.absolute().as_uri()}?mode=ro"
        try:
            connection = _readable(uri)
        except sqlite3.OperationalError:
            wal = self.path.with_name(f"{self.path.name}-wal")
            if wal.exists() and wal.stat().st_size > 0:
                raise
            # Nobody has it open, so all of it is in the file itself, and no lock is needed to read it as it lies.
            connection = _readable(f"{uri}&immutable=1")
        self._db = Database(connection, execute_plugins=False)

    @_plain
    def _open(self) -> None:
        with file.umask(shared=file.prepared(self.path)):
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
                self._file = file.identity(self.path)
                on_failure.pop_all()

    def _migrate(self) -> None:
        """Two consoles may open a new journal at once: the second waits for the write lock, then finds it done."""
        connection = self._db.conn
        connection.execute("BEGIN IMMEDIATE")
        with contextlib.ExitStack() as on_failure:
            on_failure.callback(connection.execute, "ROLLBACK")
            schema.apply(self._db)
            on_failure.pop_all()
        connection.execute("COMMIT")

    @contextlib.contextmanager
    def _writing(self, what: str, synchronous: str = "FULL") -> Iterator[sqlite3.Connection]:
        """A transaction that holds the write lock from its beginning: whoever looks in it decides in it.

        Args:
            what: is written, for the points at which a crash can be provoked.
            synchronous: as SQLite's pragma of that name.

        Raises:
            JournalUnavailable: what is at the path is not what is open: SQLite would go on writing where nobody looks.
        """
        if self._file is not None and file.identity(self.path) != self._file:
            raise JournalUnavailable(
                f"journal {self.path} was removed or replaced while open; put it back, or start again"
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
        return approvals.identity(actor.uid)

    @_plain
    def append(self, rollout: str, event: Event, *, fence: int | None = None) -> int:
        with self._writing("event") as connection:
            return recording.event(connection, rollout, event, fence)

    @_plain
    def append_samples(self, rollout: str, samples: Sequence[SourceRead], *, fence: int | None = None) -> None:
        with self._writing("samples", "NORMAL") as connection:  # samples may be lost in a power cut; events may not
            recording.samples(connection, rollout, samples, fence)

    @_plain
    def tail(self, rollout: str, after: int) -> list[Entry]:
        return reading.tail(self._db.conn, rollout, after)

    @_plain
    def tail_samples(self, rollout: str, after: int) -> list[Entry]:
        return reading.tail_samples(self._db.conn, rollout, after)

    @_plain
    def history(self, rollout: str) -> list[Entry]:
        return reading.history(self._db.conn, rollout)

    @_plain
    def open_run(self, plan: str) -> str | None:
        return reading.open_run(self._db.conn, plan)

    @_plain
    def next_run(self, plan: str) -> str:
        return f"{plan}/{reading.last_run(self._db.conn, plan) + 1}"

    @_plain
    def runs(self) -> list[Run]:
        return reading.runs(self._db.conn)

    @_plain
    def decisions(self, rollout: str | None = None) -> list[Decided]:
        return reading.decisions(self._db.conn, rollout)

    @_plain
    def rows(self, rollout: str | None, after: int | None) -> Sequence[Row]:
        return reading.rows(self._db.conn, rollout, after)

    @_plain
    def altered(self) -> Sequence[str]:
        return guards.altered(self._db.conn)

    @_plain
    def lease(self, rollout: str, holder: str, ttl_s: float) -> Lease:
        with self._writing("lease", "NORMAL") as connection:
            return lease.take(connection, self._clock(), rollout, holder, ttl_s)

    @_plain
    def release(self, rollout: str, holder: str) -> None:
        with self._writing("lease", "NORMAL") as connection:
            lease.release(connection, self._clock(), rollout, holder)

    @_plain
    def current_lease(self, rollout: str) -> Lease | None:
        return lease.current_lease(self._db.conn, self._clock(), rollout)

    @_plain
    def heartbeat(self, rollout: str, presence: Presence) -> None:
        with self._writing("lease", "NORMAL") as connection:
            people.heartbeat(connection, self._clock(), rollout, presence)

    @_plain
    def leave(self, rollout: str, session: str) -> None:
        with self._writing("lease", "NORMAL") as connection:
            people.leave(connection, rollout, session)

    @_plain
    def present(self, rollout: str, within_s: float) -> list[Presence]:
        return people.present(self._db.conn, self._clock(), rollout, within_s)

    @_plain
    def approve(self, rollout: str, approval: Approval) -> Approved:
        folder = approvals.folder_of(self.path)
        if not folder.is_dir():
            raise NotPermitted(
                f"approve refused: journal {self.path} is one person's; `warroom journal init --group GROUP PATH` "
                "makes one that a group shares"
            )
        return approvals.give(folder, rollout, approval)

    @_plain
    def approvals(self, rollout: str) -> list[Approved]:
        return approvals.given(approvals.folder_of(self.path), rollout)

    def watch(self) -> SqliteWatch:
        return SqliteWatch(self.path)

    @_plain
    def prune(self, rollout: str, *, dry_run: bool = False) -> int:
        with self._writing("prune") as connection:
            if not reading.closed(connection, rollout):
                raise NotPermitted(
                    f"{rollout} is open, or not in this journal: only samples of closed rollouts are pruned"
                )
            count = "SELECT count(*) FROM samples WHERE rollout = ?"
            found: int = connection.execute(count, [rollout]).fetchone()[0]
            if not dry_run:
                connection.execute("DELETE FROM samples WHERE rollout = ?", [rollout])
        return found

    @_plain
    def close(self) -> None:
        self._db.conn.close()


def _roll_back(connection: sqlite3.Connection) -> None:
    """Roll back the transaction, if there still is one: what was committed has none."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _readable(uri: str) -> sqlite3.Connection:
    """A connection of which one read has succeeded. Raises sqlite3.Error."""
    connection = sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None)
    with contextlib.ExitStack() as on_failure:
        on_failure.callback(connection.close)
        connection.execute("SELECT 1 FROM events LIMIT 1").fetchone()
        on_failure.pop_all()
    return connection


def _to_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL: SQLite does not wait its busy timeout for that, and two consoles may make a journal at once."""
    deadline = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.01)
