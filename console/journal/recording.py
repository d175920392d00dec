"""Inserts of a journal, under a lock that the caller holds.

The lock keeps the values that a function reads valid until it has written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from operator import attrgetter

from console.events.kinds import DecisionTaken, Event, SourceRead, encode
from console.journal import reading
from console.journal.belief import MOST_SEQ
from console.journal.chain import GENESIS, Row, event_row
from console.journal.contract import Conflict, Fenced, NotPermitted
from console.journal.reading import Connection

_STORED = tuple(field.name for field in fields(Row) if field.name != "login")
"""The columns of an event; a server stamps the login itself."""
_MARKS = ", ".join("%s" for _ in _STORED)
_INSERT_EVENT = f"INSERT INTO warroom.events ({', '.join(_STORED)}) VALUES ({_MARKS})"  # noqa: S608 - constants
INSERT_SAMPLE = "INSERT INTO warroom.samples (rollout, after_seq, at, source, v, body) VALUES (%s, %s, %s, %s, %s, %s)"
"""The statement for each of `sample_rows`."""
_ENDS = f"""
SELECT (SELECT seq FROM warroom.events WHERE event_id = %s), l.seq, l.hash, h.position, h.head
FROM (SELECT 1) AS one
LEFT JOIN (
    SELECT seq, hash FROM warroom.events WHERE rollout = %s AND seq < {MOST_SEQ:d} ORDER BY seq DESC LIMIT 1
) AS l ON true
LEFT JOIN (
    SELECT position, head FROM warroom.events WHERE position < {MOST_SEQ:d} ORDER BY position DESC LIMIT 1
) AS h ON true
"""  # noqa: S608 - constants
"""The event's own seq if it is recorded already, and the last events of its rollout and of the journal."""


def append_event(
    connection: Connection, rollout: str, event: Event, fence: int | None, seen: int, login: str | None
) -> int:
    """Record an event at the end of its rollout and return its seq; see `Journal.append`."""
    known, seq, prev, position, before = connection.execute(_ENDS, [event.id, rollout]).fetchone()
    if known is not None:
        return int(known)
    check_fence(connection, rollout, fence)
    _check_race(connection, rollout, event, seq or 0, seen)
    chained = {"prev": prev or GENESIS, "before": before or GENESIS}
    row = event_row(event, rollout, (seq or 0) + 1, (position or 0) + 1, login=login, **chained)
    insert_row(connection, row)
    return row.seq


def insert_row(connection: Connection, row: Row) -> None:
    """Insert a row at its own position."""
    connection.execute(_INSERT_EVENT, attrgetter(*_STORED)(row))


def sample_rows(
    connection: Connection, rollout: str, batch: Sequence[SourceRead], fence: int | None
) -> list[tuple[object, ...]]:
    """The rows that record samples after their rollout's last event. Raises Fenced."""
    check_fence(connection, rollout, fence)
    [seq] = connection.execute(
        "SELECT coalesce(max(seq), 0) FROM warroom.events WHERE rollout = %s", [rollout]
    ).fetchone()
    return [
        (rollout, seq, sample.at.isoformat(timespec="milliseconds"), sample.source, sample.v, encode(sample))
        for sample in batch
    ]


def check_fence(connection: Connection, rollout: str, fence: int | None) -> None:
    """Raise Fenced if a write carries another fence than the current one."""
    if fence is None:
        return
    row = connection.execute("SELECT fence FROM warroom.leases WHERE rollout = %s", [rollout]).fetchone()
    if row is None or row[0] != fence:
        raise Fenced(f"another console polls {rollout} now")


def _check_race(connection: Connection, rollout: str, event: Event, last: int, seen: int) -> None:
    """Raise Conflict if another console recorded a competing event first."""
    if event.kind == "rollout_opened":
        if last:
            raise Conflict(f"{rollout} was opened by another console")
    elif isinstance(event, DecisionTaken) and event.move is not None:
        if reading.is_closed(connection, rollout, seen):
            raise Conflict(f"{rollout} was closed by another console")
        question = "SELECT 1 FROM warroom.events WHERE rollout = %s AND move = %s"
        if connection.execute(question, [rollout, event.move]).fetchone() is not None:
            raise Conflict(f"move {event.move} of {rollout} was made by another console")


def prune(connection: Connection, rollout: str, *, dry_run: bool) -> int:
    """Delete the samples and the checkpoint of a closed rollout; see `Journal.prune`."""
    if not reading.is_closed(connection, rollout):
        raise NotPermitted(f"{rollout} is open, or not in this journal: only samples of closed rollouts are pruned")
    if dry_run:
        [count] = connection.execute("SELECT count(*) FROM warroom.samples WHERE rollout = %s", [rollout]).fetchone()
        return int(count)
    connection.execute("DELETE FROM warroom.checkpoints WHERE rollout = %s", [rollout])
    return connection.execute("DELETE FROM warroom.samples WHERE rollout = %s", [rollout]).rowcount
