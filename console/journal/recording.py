"""What is written into a SQLite journal. The caller holds the write lock: what is looked up is still so at the end."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from console.events.kinds import DecisionTaken, Event, SourceRead, encode
from console.journal import lease, reading
from console.journal.chain import GENESIS, Row, chained
from console.journal.contract import Conflict


def event(connection: sqlite3.Connection, rollout: str, event: Event, fence: int | None) -> int:
    """Record an event at the end of its rollout, as `Journal.append` says; its seq."""
    known = connection.execute("SELECT seq FROM events WHERE event_id = ?", [event.id]).fetchone()
    if known is not None:
        return int(known[0])
    lease.check(connection, rollout, fence)
    seq, prev = reading.last(connection, rollout)
    _check_race(connection, rollout, event, seq)
    position, before = reading.head(connection)
    row = chained(event, rollout, seq + 1, position + 1, login=None, prev=prev or GENESIS, before=before or GENESIS)
    insert(connection, row)
    return row.seq


def samples(connection: sqlite3.Connection, rollout: str, batch: Sequence[SourceRead], fence: int | None) -> None:
    """Record samples after the last event of their rollout, as `Journal.append_samples` says."""
    lease.check(connection, rollout, fence)
    seq, _ = reading.last(connection, rollout)
    connection.executemany(
        "INSERT INTO samples (rollout, after_seq, at, source, v, body) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (rollout, seq, sample.at.isoformat(timespec="milliseconds"), sample.source, sample.v, encode(sample))
            for sample in batch
        ],
    )


def _check_race(connection: sqlite3.Connection, rollout: str, event: Event, last: int) -> None:
    """Raise Conflict unless an event may still be recorded. The write lock is held: nobody comes between."""
    if event.kind == "rollout_opened":
        if last or reading.open_run(connection, rollout.rpartition("/")[0]) is not None:
            raise Conflict(f"{rollout} was opened by somebody else")
    elif isinstance(event, DecisionTaken) and event.move is not None:
        if reading.closed(connection, rollout):
            raise Conflict(f"{rollout} was closed by somebody else")
        if reading.has_move(connection, rollout, event.move):
            raise Conflict(f"move {event.move} of {rollout} was made by somebody else")


def insert(connection: sqlite3.Connection, row: Row) -> None:
    """Put a row where it says."""
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
