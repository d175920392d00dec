"""Inserts of a PostgreSQL journal, each in one transaction under a lock.

The lock is advisory: it keeps writers in order and avoids retries. The unique keys decide races, even for a writer
without the lock.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import psycopg

from adapters.failpoints import failpoint
from console.events.kinds import DecisionTaken, Event, SourceRead, encode
from console.journal.chain import event_row
from console.journal.contract import Conflict, Fenced, Lease
from console.journal.postgres import reading
from console.journal.postgres.connection import Connection
from console.journal.postgres.schema import LOCK


def append_event(connection: Connection, rollout: str, event: Event, fence: int | None, login: str) -> int:
    """Record an event at the end of its rollout and return its seq.

    Raises:
        Conflict, Fenced: see `Journal.append`.
        psycopg.errors.UniqueViolation: another program wrote without the lock; try again.
    """
    failpoint("event begins")
    with _under_lock(connection):
        ends = reading.ends(connection, rollout, event.id)
        if ends.known is not None:
            return ends.known
        _check_fence(connection, rollout, fence)
        _check_race(connection, rollout, event, ends.seq)
        row = event_row(event, rollout, ends.seq + 1, ends.position + 1, login=login, prev=ends.hash, before=ends.head)
        connection.execute(
            "INSERT INTO warroom.events "
            "(position, rollout, seq, event_id, kind, v, at, who, move, body, prev, hash, head) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
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
        failpoint("event written")
    failpoint("event committed")
    return row.seq


@contextlib.contextmanager
def _under_lock(connection: Connection) -> Iterator[None]:
    """Run a transaction that holds the journal's lock from its beginning.

    BEGIN and the lock take one round trip. On a distant or busy server the round trips are the cost of an append, and a
    rollback waits up to 200 ms for one.
    """
    with contextlib.ExitStack() as on_failure:
        on_failure.callback(_roll_back, connection)
        connection.execute(f"BEGIN; SELECT pg_advisory_xact_lock({LOCK:d}, 0)")
        yield
        connection.commit()
        on_failure.pop_all()


def _roll_back(connection: Connection) -> None:
    with contextlib.suppress(psycopg.Error):  # a lost connection takes its transaction with it
        connection.rollback()


def append_samples(connection: Connection, rollout: str, batch: Sequence[SourceRead], fence: int | None) -> None:
    """Record samples; see `Journal.append_samples`.

    The rollout's lock keeps their numbers in commit order.
    """
    failpoint("samples begins")
    with connection.transaction():
        connection.execute("SET LOCAL synchronous_commit = off")  # may be lost in a power cut; events may not
        _lock_rollout(connection, rollout)
        _check_number(connection, rollout, fence)
        seq, _ = reading.rollout_end(connection, rollout)
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO warroom.samples (rollout, after_seq, at, source, v, body) VALUES (%s, %s, %s, %s, %s, %s)",
                [
                    (
                        rollout,
                        seq,
                        sample.at.isoformat(timespec="milliseconds"),
                        sample.source,
                        sample.v,
                        encode(sample),
                    )
                    for sample in batch
                ],
            )
        failpoint("samples written")
    failpoint("samples committed")


def take_lease(connection: Connection, rollout: str, holder: str, ttl_s: float) -> Lease:
    """Take, renew or return the lease in one statement; see `Journal.lease`.

    The server's clock decides.
    """
    failpoint("lease begins")
    row = connection.execute("SELECT * FROM warroom.lease(%s, %s, %s)", [rollout, holder, ttl_s]).fetchone()
    failpoint("lease committed")
    if row is None:
        raise ValueError("the server gave no lease")
    held_by, fence, for_s = row
    return Lease(str(held_by), int(str(fence)), float(str(for_s)))


def _lock_rollout(connection: Connection, rollout: str) -> None:
    connection.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [LOCK, rollout])


def _check_fence(connection: Connection, rollout: str, fence: int | None) -> None:
    """Raise Fenced after a takeover, and prevent one until the transaction ends."""
    if fence is not None:
        _lock_rollout(connection, rollout)
        _check_number(connection, rollout, fence)


def _check_number(connection: Connection, rollout: str, fence: int | None) -> None:
    if fence is not None and reading.current_fence(connection, rollout) != fence:
        raise Fenced(f"another console polls {rollout} now")


def _check_race(connection: Connection, rollout: str, event: Event, last: int) -> None:
    if event.kind == "rollout_opened":
        if last or reading.open_run(connection, rollout.rpartition("/")[0]) is not None:
            raise Conflict(f"{rollout} was opened by another console")
    elif isinstance(event, DecisionTaken) and event.move is not None:
        if reading.is_closed(connection, rollout):
            raise Conflict(f"{rollout} was closed by another console")
        if reading.has_move(connection, rollout, event.move):
            raise Conflict(f"move {event.move} of {rollout} was made by another console")
