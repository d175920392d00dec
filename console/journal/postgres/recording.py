"""What is written into a PostgreSQL journal, each in one transaction that holds the lock under which it looks.

The lock is advisory and makes the order calm; what really decides are the unique keys, which nobody gets around.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import psycopg

from adapters.failpoints import failpoint
from console.events.kinds import DecisionTaken, Event, SourceRead, encode
from console.journal.chain import chained
from console.journal.contract import Conflict, Fenced, Lease
from console.journal.postgres import reading
from console.journal.postgres.connection import Connection
from console.journal.postgres.schema import LOCK


def event(connection: Connection, rollout: str, event: Event, fence: int | None, login: str) -> int:
    """Record an event at the end of its rollout, as `Journal.append` says; its seq.

    Raises:
        Conflict, Fenced: as there.
        psycopg.errors.UniqueViolation: somebody wrote without the lock; to be tried again.
    """
    failpoint("event begins")
    with _under_lock(connection):
        ends = reading.ends(connection, rollout, event.id)
        if ends.known is not None:
            return ends.known
        _check_fence(connection, rollout, fence)
        _check_race(connection, rollout, event, ends.seq)
        row = chained(event, rollout, ends.seq + 1, ends.position + 1, login=login, prev=ends.hash, before=ends.head)
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
    """A transaction that holds the journal's lock from its beginning, which takes one trip to the server, not two.

    On a server that is far, or busy, trips are what an append costs, and a rollback waits 200 ms for one.
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


def samples(connection: Connection, rollout: str, batch: Sequence[SourceRead], fence: int | None) -> None:
    """Record samples, as `Journal.append_samples` says. Under the rollout's lock, so that their numbers rise."""
    failpoint("samples begins")
    with connection.transaction():
        connection.execute("SET LOCAL synchronous_commit = off")  # may be lost in a power cut; events may not
        _lock_rollout(connection, rollout)
        _check_number(connection, rollout, fence)
        seq, _ = reading.last(connection, rollout)
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


def lease(connection: Connection, rollout: str, holder: str, ttl_s: float) -> Lease:
    """Take, renew or only tell the lease of a rollout, as `Journal.lease` says: one statement, judged by the server."""
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
    """Raise Fenced if a takeover came before; none comes between this and the end of the transaction."""
    if fence is not None:
        _lock_rollout(connection, rollout)
        _check_number(connection, rollout, fence)


def _check_number(connection: Connection, rollout: str, fence: int | None) -> None:
    if fence is not None and reading.fence(connection, rollout) != fence:
        raise Fenced(f"{rollout} is polled by another console by now")


def _check_race(connection: Connection, rollout: str, event: Event, last: int) -> None:
    if event.kind == "rollout_opened":
        if last or reading.open_run(connection, rollout.rpartition("/")[0]) is not None:
            raise Conflict(f"{rollout} was opened by somebody else")
    elif isinstance(event, DecisionTaken) and event.move is not None:
        if reading.closed(connection, rollout):
            raise Conflict(f"{rollout} was closed by somebody else")
        if reading.has_move(connection, rollout, event.move):
            raise Conflict(f"move {event.move} of {rollout} was made by somebody else")
