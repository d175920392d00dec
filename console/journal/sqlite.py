"""The journal in one SQLite file: WAL, synchronous FULL for events, append-only by triggers.

A personal journal is 0600 in a directory that is made 0700. One connection, used by one thread at a time.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from pydantic import ValidationError
from sqlite_utils import Database

from adapters.foreign import clean
from console.events.evidence import Actor
from console.events.kinds import DecisionTaken, Event, SourceRead, decode, encode
from console.journal import approvals, lease
from console.journal import presence as people
from console.journal.contract import (
    Approval,
    Approved,
    Broken,
    Decided,
    Entry,
    Forbidden,
    Lease,
    Presence,
    Raced,
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
    """Turn what SQLite raises into Broken: what, where, in one line."""

    @wraps(method)
    def call(self: SqliteJournal, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return method(self, *args, **kwargs)
        except (sqlite3.Error, OSError) as error:
            raise Broken(f"journal {self.path}: {clean(error)}") from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise Broken(
                f"journal {self.path}: an event cannot be read: {clean(where)}: {clean(first['msg'])}"
            ) from None

    return call


class SqliteJournal:
    """A Journal in the file `path`, made with its directory if it is not there.

    Args:
        path: the file.
        read_only: write not a byte, not even beside it; for a journal that cannot be written. Appending raises Broken.
        clock: what leases and presence are judged by.

    Raises:
        Broken: the file cannot be made, opened or migrated.
    """

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
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(self.path, timeout=BUSY_MS / 1000, check_same_thread=False, isolation_level=None)
        try:
            _to_wal(connection)
            connection.execute("PRAGMA synchronous = FULL")
            self._db = Database(connection, execute_plugins=False)
            if schema.pending(self._db):
                self._migrate()
            self._file = _identity(self.path)
        except BaseException:
            connection.close()
            raise

    def _migrate(self) -> None:
        """Two consoles may open a new journal at once: the second waits for the write lock, then finds it done."""
        connection = self._db.conn
        connection.execute("BEGIN IMMEDIATE")
        try:
            schema.apply(self._db)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def _check_file(self) -> None:
        """Raise Broken if what is at the path is not what is open: SQLite would go on writing where nobody looks."""
        if self._file is not None and _identity(self.path) != self._file:
            raise Broken(f"journal {self.path} was removed or replaced while open; put it back, or start again")

    @contextlib.contextmanager
    def _writing(self, synchronous: str = "FULL") -> Iterator[sqlite3.Connection]:
        """A transaction that holds the write lock from its beginning: whoever looks in it decides in it."""
        self._check_file()
        connection = self._db.conn
        if synchronous != "FULL":
            connection.execute(f"PRAGMA synchronous = {synchronous}")
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        finally:
            if synchronous != "FULL":
                connection.execute("PRAGMA synchronous = FULL")

    def identity(self, actor: Actor) -> str:
        return approvals.identity(actor.uid)

    @_plain
    def append(self, rollout: str, event: Event, *, fence: int | None = None) -> int:
        with self._writing() as connection:
            known = connection.execute("SELECT seq FROM events WHERE event_id = ?", [event.id]).fetchone()
            if known is not None:
                return int(known[0])
            lease.check(connection, rollout, fence)
            last = self._last_seq(rollout)
            if event.kind == "rollout_opened" and (last or self._open_run(rollout.rpartition("/")[0]) is not None):
                raise Raced(f"{rollout} was opened by somebody else")
            if isinstance(event, DecisionTaken) and event.move is not None:
                self._check_move(rollout, event.move)
            self._db.table("events").insert(_row(rollout, last + 1, event))
        return last + 1

    def _last_seq(self, rollout: str) -> int:
        row = self._db.execute("SELECT max(seq) FROM events WHERE rollout = ?", [rollout]).fetchone()
        return row[0] or 0

    def _check_move(self, rollout: str, move: int) -> None:
        """Raise Raced unless a forward move is still to be had. The write lock is held: nobody comes between."""
        if self._closed(rollout):
            raise Raced(f"{rollout} was closed by somebody else")
        if self._db.execute("SELECT 1 FROM events WHERE rollout = ? AND move = ?", [rollout, move]).fetchone():
            raise Raced(f"move {move} of {rollout} was made by somebody else")

    @_plain
    def append_samples(self, rollout: str, samples: Sequence[SourceRead], *, fence: int | None = None) -> None:
        with self._writing("NORMAL") as connection:  # samples may be lost in a power cut; events may not
            lease.check(connection, rollout, fence)
            last = self._last_seq(rollout)
            self._db.table("samples").insert_all(_sample_row(rollout, last, sample) for sample in samples)

    @_plain
    def tail(self, rollout: str, after: int) -> list[Entry]:
        rows = self._db.execute(
            "SELECT seq, kind, body FROM events WHERE rollout = ? AND seq > ? ORDER BY seq", [rollout, after]
        )
        return [Entry(seq, decode(kind, body)) for seq, kind, body in rows.fetchall()]

    @_plain
    def tail_samples(self, rollout: str, after: int) -> list[Entry]:
        rows = self._db.execute(
            "SELECT id, after_seq, body FROM samples WHERE rollout = ? AND id > ? ORDER BY id", [rollout, after]
        )
        return [Entry(seq, decode("source_read", body), number) for number, seq, body in rows.fetchall()]

    @_plain
    def history(self, rollout: str) -> list[Entry]:
        rows = self._db.execute(
            """
            SELECT seq, 0 AS sample, seq AS number, kind, body FROM events WHERE rollout = :rollout
            UNION ALL
            SELECT after_seq, 1, id, 'source_read', body FROM samples WHERE rollout = :rollout
            ORDER BY 1, 2, 3
            """,
            {"rollout": rollout},
        )
        return [
            Entry(seq, decode(kind, body), number if sample else None)
            for seq, sample, number, kind, body in rows.fetchall()
        ]

    @_plain
    def open_run(self, plan: str) -> str | None:
        return self._open_run(plan)

    def _open_run(self, plan: str) -> str | None:
        last = self._last_run(plan)
        rollout = f"{plan}/{last}"
        return None if last == 0 or self._closed(rollout) else rollout

    def _closed(self, rollout: str) -> bool:
        rows = self._db.execute("SELECT 1 FROM events WHERE rollout = ? AND kind = 'rollout_closed'", [rollout])
        return rows.fetchone() is not None

    @_plain
    def next_run(self, plan: str) -> str:
        return f"{plan}/{self._last_run(plan) + 1}"

    def _last_run(self, plan: str) -> int:
        rows = self._db.execute(  # "0" comes after "/": a range of the index, not a scan of every rollout
            "SELECT rollout FROM events WHERE kind = 'rollout_opened' AND rollout > ? AND rollout < ?",
            [f"{plan}/", f"{plan}0"],
        )
        return max((int(rollout.rsplit("/", 1)[1]) for (rollout,) in rows.fetchall()), default=0)

    @_plain
    def runs(self) -> list[Run]:
        rows = self._db.execute(
            """
            SELECT o.rollout, o.at, coalesce(o.who, ''),
                   EXISTS (SELECT 1 FROM events c WHERE c.rollout = o.rollout AND c.kind = 'rollout_closed'),
                   (SELECT count(*) FROM events d WHERE d.rollout = o.rollout AND d.kind = 'decision_taken')
            FROM events o WHERE o.kind = 'rollout_opened' ORDER BY o.id DESC
            """
        )
        return [
            Run(rollout, datetime.fromisoformat(at), who, bool(closed), decisions)
            for rollout, at, who, closed, decisions in rows.fetchall()
        ]

    @_plain
    def decisions(self, rollout: str | None = None) -> list[Decided]:
        rows = self._db.execute(
            """
            SELECT rollout, seq, at, coalesce(who, ''), verb, stage, subject, coalesce(reason, ''), override, outcome,
                   id
            FROM decisions WHERE :rollout IS NULL OR rollout = :rollout ORDER BY at, seq
            """,
            {"rollout": rollout},
        )
        return [Decided(*row) for row in rows.fetchall()]

    @_plain
    def lease(self, rollout: str, holder: str, ttl_s: float) -> Lease:
        with self._writing("NORMAL") as connection:
            return lease.take(connection, self._clock(), rollout, holder, ttl_s)

    @_plain
    def release(self, rollout: str, holder: str) -> None:
        with self._writing("NORMAL") as connection:
            lease.release(connection, self._clock(), rollout, holder)

    @_plain
    def seen(self, rollout: str, presence: Presence) -> None:
        with self._writing("NORMAL") as connection:
            people.seen(connection, self._clock(), rollout, presence)

    @_plain
    def left(self, rollout: str, session: str) -> None:
        with self._writing("NORMAL") as connection:
            people.left(connection, rollout, session)

    @_plain
    def present(self, rollout: str, within_s: float) -> list[Presence]:
        return people.present(self._db.conn, self._clock(), rollout, within_s)

    @_plain
    def approve(self, rollout: str, approval: Approval) -> Approved:
        folder = approvals.folder_of(self.path)
        if not folder.is_dir():
            raise Forbidden(
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
        with self._writing() as connection:
            if not self._closed(rollout):
                raise Forbidden(
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


def _readable(uri: str) -> sqlite3.Connection:
    """A connection of which one read has succeeded. Raises sqlite3.Error."""
    connection = sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None)
    try:
        connection.execute("SELECT 1 FROM events LIMIT 1").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of a file; None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


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


def _row(rollout: str, seq: int, event: Event) -> dict[str, object]:
    return {
        "rollout": rollout,
        "seq": seq,
        "event_id": event.id,
        "at": event.at.isoformat(timespec="milliseconds"),
        "kind": event.kind,
        "v": event.v,
        "who": event.who.user if event.who is not None else None,
        "move": event.move if isinstance(event, DecisionTaken) else None,
        "body": encode(event),
    }


def _sample_row(rollout: str, after_seq: int, sample: SourceRead) -> dict[str, object]:
    return {
        "rollout": rollout,
        "after_seq": after_seq,
        "at": sample.at.isoformat(timespec="milliseconds"),
        "source": sample.source,
        "v": sample.v,
        "body": encode(sample),
    }
