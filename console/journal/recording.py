"""Inserts of a SQLite journal, under a write lock that the caller holds.

The lock keeps the values that a function reads valid until it has written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from console.events.kinds import DecisionTaken, Event, SourceRead, encode
from console.journal import lease, reading
from console.journal.chain import GENESIS, Row, event_row
from console.journal.contract import Conflict


def append_event(connection: sqlite3.Connection, rollout: str, event: Event, fence: int | None) -> int:
    """Record an event and return its seq; see `Journal.append`."""
    known = connection.execute("SELECT seq FROM events WHERE event_id = ?", [event.id]).fetchone()
    if known is not None:
        return int(known[0])
    lease.check_fence(connection, rollout, fence)
    seq, prev = reading.rollout_end(connection, rollout)
    _check_race(connection, rollout, event, seq)
    position, before = reading.journal_head(connection)
    row = event_row(event, rollout, seq + 1, position + 1, login=None, prev=prev or GENESIS, before=before or GENESIS)
    insert_row(connection, row)
    return row.seq


def append_samples(
    connection: sqlite3.Connection, rollout: str, batch: Sequence[SourceRead], fence: int | None
) -> None:
    """Record samples after their rollout's last event; see `Journal.append_samples`."""
    lease.check_fence(connection, rollout, fence)
    seq, _ = reading.rollout_end(connection, rollout)
    connection.executemany(
        "INSERT INTO samples (rollout, after_seq, at, source, v, body) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (rollout, seq, sample.at.isoformat(timespec="milliseconds"), sample.source, sample.v, encode(sample))
            for sample in batch
        ],
    )


def _check_race(connection: sqlite3.Connection, rollout: str, event: Event, last: int) -> None:
    """Raise Conflict if another console recorded a competing event first."""
    if event.kind == "rollout_opened":
        if last or reading.open_run(connection, rollout.rpartition("/")[0]) is not None:
            raise Conflict(f"{rollout} was opened by another console")
    elif isinstance(event, DecisionTaken) and event.move is not None:
        if reading.is_closed(connection, rollout):
            raise Conflict(f"{rollout} was closed by another console")
        if reading.has_move(connection, rollout, event.move):
            raise Conflict(f"move {event.move} of {rollout} was made by another console")


def insert_row(connection: sqlite3.Connection, row: Row) -> None:
    """Insert a row at its own position."""
    connection.execute(
        "INSERT INTO events (id, rollout, seq, event_id, kind, v, at, who, move, body, prev, hash, head) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            row.position,
            row.rollout,
            row.seq,
            row.event_id,
            row.kind,
            row.v,
            row.at,
            row.who,
            row.move,
            row.body,
            row.prev,
            row.hash,
            row.head,
        ],
    )
