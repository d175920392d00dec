"""Queries of a PostgreSQL journal, each along an index."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from console.events.kinds import Event, decode
from console.journal.chain import GENESIS, PAGE, Row
from console.journal.contract import DecisionRow, JournalEntry, Lease, Presence, Run, SignedApproval, UnsignedApproval
from console.journal.postgres.connection import Connection
from console.journal.presence import presence_from_row
from console.journal.sanitize import sanitize_body, sanitize_value

_COLUMNS = "position, rollout, seq, event_id, kind, v, at, who, move, login, body, prev, hash, head"
_LOWEST = -(2**63)


def _all(connection: Connection, question: str, *values: object) -> list[Any]:
    return connection.execute(question, values).fetchall()


def _one(connection: Connection, question: str, *values: object) -> Any:
    return connection.execute(question, values).fetchone()


@dataclass(frozen=True, slots=True)
class Ends:
    """The ends of the two chains that an appended event continues."""

    known: int | None
    """The event's own seq if it is recorded already, else None."""
    seq: int
    """Seq of the rollout's last event; 0 before the first."""
    hash: str
    """Hash of the rollout's last event."""
    position: int
    """Position of the journal's last event; 0 before the first."""
    head: str
    """Head of the journal's last event."""


def ends(connection: Connection, rollout: str, event_id: str) -> Ends:
    """The chain ends of a rollout and the journal, in one round trip."""
    known, seq, hash_, position, head_ = _one(
        connection,
        """
        SELECT (SELECT seq FROM warroom.events WHERE event_id = %s), l.seq, l.hash, h.position, h.head
        FROM (SELECT) AS nothing
        LEFT JOIN (SELECT seq, hash FROM warroom.events WHERE rollout = %s ORDER BY seq DESC LIMIT 1) AS l ON true
        LEFT JOIN (SELECT position, head FROM warroom.events ORDER BY position DESC LIMIT 1) AS h ON true
        """,
        event_id,
        rollout,
    )
    return Ends(known, seq or 0, hash_ or GENESIS, position or 0, head_ or GENESIS)


def tail(connection: Connection, rollout: str, after: int) -> list[JournalEntry]:
    """Events with a seq above `after`, in order."""
    rows = _all(
        connection,
        "SELECT seq, kind, body, login FROM warroom.events WHERE rollout = %s AND seq > %s ORDER BY seq",
        rollout,
        after,
    )
    return [JournalEntry(seq, _event(kind, body, login)) for seq, kind, body, login in rows]


def _event(kind: str, body: str, login: str | None) -> Event:
    """A stored event, its author's login replaced by the one that the server stamped."""
    event = decode(kind, sanitize_body(body))
    if event.who is None or event.who.login == login:
        return event
    return event.model_copy(update={"who": replace(event.who, login=login)})


def tail_samples(connection: Connection, rollout: str, after: int) -> list[JournalEntry]:
    """Samples with a number above `after`, in recorded order."""
    rows = _all(
        connection,
        "SELECT id, after_seq, body FROM warroom.samples WHERE rollout = %s AND id > %s ORDER BY id",
        rollout,
        after,
    )
    return [JournalEntry(seq, decode("source_read", sanitize_body(body)), number) for number, seq, body in rows]


def history(connection: Connection, rollout: str) -> list[JournalEntry]:
    """Events and samples of a rollout in recorded order."""
    rows = _all(
        connection,
        """
        SELECT seq, 0 AS sample, seq AS number, kind, body, login FROM warroom.events WHERE rollout = %s
        UNION ALL
        SELECT after_seq, 1, id, 'source_read', body, NULL FROM warroom.samples WHERE rollout = %s
        ORDER BY 1, 2, 3
        """,
        rollout,
        rollout,
    )
    return [
        JournalEntry(seq, _event(kind, body, login), number if sample else None)
        for seq, sample, number, kind, body, login in rows
    ]


def rollout_end(connection: Connection, rollout: str) -> tuple[int, str | None]:
    """Seq and hash of a rollout's last event; (0, None) before its first."""
    row = _one(connection, "SELECT seq, hash FROM warroom.events WHERE rollout = %s ORDER BY seq DESC LIMIT 1", rollout)
    return (0, None) if row is None else (row[0], row[1])


def journal_head(connection: Connection) -> tuple[int, str | None]:
    """Position and head of the journal's last event; (0, None) before the first."""
    row = _one(connection, "SELECT position, head FROM warroom.events ORDER BY position DESC LIMIT 1")
    return (0, None) if row is None else (row[0], row[1])


def is_closed(connection: Connection, rollout: str) -> bool:
    """Whether the rollout has ended."""
    question = "SELECT 1 FROM warroom.events WHERE rollout = %s AND kind = 'rollout_closed' LIMIT 1"
    return _one(connection, question, rollout) is not None


def has_move(connection: Connection, rollout: str, move: int) -> bool:
    """Whether forward move number `move` is recorded."""
    return _one(connection, "SELECT 1 FROM warroom.events WHERE rollout = %s AND move = %s", rollout, move) is not None


def current_fence(connection: Connection, rollout: str) -> int:
    """The current fence of a rollout's lease; 0 before the first."""
    row = _one(connection, "SELECT fence FROM warroom.leases WHERE rollout = %s", rollout)
    return 0 if row is None else int(row[0])


def current_lease(connection: Connection, rollout: str) -> Lease | None:
    """The lease in force by the server's clock; None if there is none."""
    row = _one(
        connection,
        "SELECT holder, fence, extract(epoch FROM ends - clock_timestamp())::float8 FROM warroom.leases "
        "WHERE rollout = %s AND ends > clock_timestamp()",
        rollout,
    )
    return None if row is None else Lease(str(row[0]), int(row[1]), float(row[2]))


def last_run(connection: Connection, plan: str) -> int:
    """The number of a plan's last run; 0 before the first."""
    rows = _all(  # "0" comes after "/", by bytes: a range of the index, not a scan of every rollout
        connection,
        "SELECT rollout FROM warroom.events WHERE kind = 'rollout_opened' AND rollout > %s AND rollout < %s",
        f"{plan}/",
        f"{plan}0",
    )
    return max((int(rollout.rsplit("/", 1)[1]) for (rollout,) in rows), default=0)


def open_run(connection: Connection, plan: str) -> str | None:
    """The open rollout of a plan name, or None."""
    number = last_run(connection, plan)
    rollout = f"{plan}/{number}"
    return None if number == 0 or is_closed(connection, rollout) else rollout


def samples_of(connection: Connection, rollout: str) -> int:
    """The number of a rollout's samples."""
    return int(_one(connection, "SELECT count(*) FROM warroom.samples WHERE rollout = %s", rollout)[0])


def runs(connection: Connection) -> list[Run]:
    """Every rollout, newest first."""
    rows = _all(
        connection,
        """
        SELECT o.rollout, o.at, coalesce(o.who, ''),
               EXISTS (SELECT 1 FROM warroom.events c WHERE c.rollout = o.rollout AND c.kind = 'rollout_closed'),
               (SELECT count(*) FROM warroom.events d WHERE d.rollout = o.rollout AND d.kind = 'decision_taken')
        FROM warroom.events o WHERE o.kind = 'rollout_opened' ORDER BY o.position DESC
        """,
    )
    return [
        Run(sanitize_value(rollout), datetime.fromisoformat(at), sanitize_value(who), closed_, decisions)
        for rollout, at, who, closed_, decisions in rows
    ]


def decisions(connection: Connection, rollout: str | None) -> list[DecisionRow]:
    """Decisions of one rollout or of all, oldest first."""
    columns = "rollout, seq, at, coalesce(who, ''), verb, stage, subject, coalesce(reason, ''), override, outcome, id"
    question = f"SELECT {columns} FROM warroom.decisions"  # noqa: S608 - constants
    if rollout is None:
        rows = _all(connection, f"{question} ORDER BY at, seq")
    else:
        rows = _all(connection, f"{question} WHERE rollout = %s ORDER BY at, seq", rollout)
    return [DecisionRow(*map(sanitize_value, row)) for row in rows]


def rows(connection: Connection, rollout: str | None, after: int | None) -> list[Row]:
    """A page of stored rows by position, or of one rollout by seq."""
    start = _LOWEST if after is None else after
    question = f"SELECT {_COLUMNS} FROM warroom.events WHERE"  # noqa: S608 - constants
    if rollout is None:
        found = _all(connection, f"{question} position > %s ORDER BY position LIMIT {PAGE}", start)
    else:
        found = _all(connection, f"{question} rollout = %s AND seq > %s ORDER BY seq LIMIT {PAGE}", rollout, start)
    return [Row(*row) for row in found]


def present(connection: Connection, rollout: str, within_s: float) -> list[Presence]:
    """Consoles with a recent heartbeat, earliest arrival first."""
    rows = _all(
        connection,
        """
        SELECT session, actor, role, since, login, age FROM (
            SELECT *, extract(epoch FROM clock_timestamp() - seen)::float8 AS age FROM warroom.presence
            WHERE rollout = %s
        ) AS p WHERE age <= %s ORDER BY since, session
        """,
        rollout,
        within_s,
    )
    found = (
        presence_from_row(session, actor, role, since, age, login) for session, actor, role, since, login, age in rows
    )
    return [presence for presence in found if presence is not None]


def approvals(connection: Connection, rollout: str) -> list[SignedApproval]:
    """Approvals of a rollout, each signed by a login, oldest first."""
    rows = _all(
        connection, "SELECT move, card, at, text, login FROM warroom.approvals WHERE rollout = %s ORDER BY id", rollout
    )
    return [
        SignedApproval(UnsignedApproval(move, card, datetime.fromisoformat(at), text), identity_of_login(login), login)
        for move, card, at, text, login in rows
    ]


def identity_of_login(login: str) -> str:
    """The identity of an approval by a database login."""
    return f"login:{login}"
