"""Inserts of a PostgreSQL journal, each in one transaction under a lock.

The lock is advisory: it keeps writers in order and avoids retries. The unique keys decide races, even for a writer
without the lock.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import psycopg

from adapters.failpoints import failpoint
from console.events.kinds import Event, SourceRead
from console.journal import recording
from console.journal.contract import Fenced, StoredCheckpoint
from console.journal.postgres.connection import Connection
from console.journal.postgres.schema import LOCK


def append_event(connection: Connection, rollout: str, event: Event, fence: int | None, seen: int, login: str) -> int:
    """Record an event at the end of its rollout and return its seq.

    Raises:
        Conflict, Fenced: see `Journal.append`.
        psycopg.errors.UniqueViolation: another program wrote without the lock; try again.
    """
    failpoint("event begins")
    with _under_lock(connection):
        if fence is not None:  # prevents a takeover until the transaction ends
            _lock_rollout(connection, rollout)
        seq = recording.append_event(connection, rollout, event, fence, seen, login)
        failpoint("event written")
    failpoint("event committed")
    return seq


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
    """Record samples, numbered in commit order by the rollout's lock."""
    failpoint("samples begins")
    with connection.transaction(), connection.cursor() as cursor:
        connection.execute("SET LOCAL synchronous_commit = off")  # may be lost in a power cut; events may not
        _lock_rollout(connection, rollout)
        cursor.executemany(recording.INSERT_SAMPLE, recording.sample_rows(connection, rollout, batch, fence))
        failpoint("samples written")
    failpoint("samples committed")


def save_checkpoint(connection: Connection, rollout: str, checkpoint: StoredCheckpoint, fence: int) -> None:
    """Replace the rollout's checkpoint, by a function that demands the lease's fence. Raises Fenced."""
    failpoint("checkpoint begins")
    values = [rollout, fence, checkpoint.seq, checkpoint.sample, checkpoint.digest, checkpoint.body]
    with connection.transaction():
        connection.execute("SET LOCAL synchronous_commit = off")
        row = connection.execute("SELECT warroom.save_checkpoint(%s, %s, %s, %s, %s, %s)", values).fetchone()
        failpoint("checkpoint written")
    failpoint("checkpoint committed")
    if row is None or not row[0]:
        raise Fenced(f"another console polls {rollout} now")


def _lock_rollout(connection: Connection, rollout: str) -> None:
    connection.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [LOCK, rollout])
