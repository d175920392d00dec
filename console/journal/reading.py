"""Queries of a SQLite journal, each along an index."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from console.events.kinds import decode
from console.journal.chain import PAGE, Row
from console.journal.contract import DecisionRow, JournalEntry, Run
from console.journal.sanitize import sanitize_body, sanitize_value

_LOWEST = -(2**63)
_COLUMNS = "id, rollout, seq, event_id, kind, v, at, who, move, NULL, body, prev, hash, head"


def tail(connection: sqlite3.Connection, rollout: str, after: int) -> list[JournalEntry]:
    """Events with a seq above `after`, in order."""
    rows = connection.execute(
        "SELECT seq, kind, body FROM events WHERE rollout = ? AND seq > ? ORDER BY seq", [rollout, after]
    )
    return [JournalEntry(seq, decode(kind, sanitize_body(body))) for seq, kind, body in rows.fetchall()]


def tail_samples(connection: sqlite3.Connection, rollout: str, after: int) -> list[JournalEntry]:
    """Samples with a number above `after`, in recorded order."""
    rows = connection.execute(
        "SELECT id, after_seq, body FROM samples WHERE rollout = ? AND id > ? ORDER BY id", [rollout, after]
    )
    return [
        JournalEntry(seq, decode("source_read", sanitize_body(body)), number) for number, seq, body in rows.fetchall()
    ]


def history(connection: sqlite3.Connection, rollout: str) -> list[JournalEntry]:
    """Events and samples of a rollout in recorded order."""
    rows = connection.execute(
        """
        SELECT seq, 0 AS sample, seq AS number, kind, body FROM events WHERE rollout = :rollout
        UNION ALL
        SELECT after_seq, 1, id, 'source_read', body FROM samples WHERE rollout = :rollout
        ORDER BY 1, 2, 3
        """,
        {"rollout": rollout},
    )
    return [
        JournalEntry(seq, decode(kind, sanitize_body(body)), number if sample else None)
        for seq, sample, number, kind, body in rows.fetchall()
    ]


def rollout_end(connection: sqlite3.Connection, rollout: str) -> tuple[int, str | None]:
    """Seq and hash of a rollout's last event; (0, None) before its first."""
    row = connection.execute(
        "SELECT seq, hash FROM events WHERE rollout = ? ORDER BY seq DESC LIMIT 1", [rollout]
    ).fetchone()
    return (0, None) if row is None else (row[0], row[1])


def journal_head(connection: sqlite3.Connection) -> tuple[int, str | None]:
    """Position and head of the journal's last event; (0, None) before the first."""
    row = connection.execute("SELECT id, head FROM events ORDER BY id DESC LIMIT 1").fetchone()
    return (0, None) if row is None else (row[0], row[1])


def is_closed(connection: sqlite3.Connection, rollout: str) -> bool:
    """Whether the rollout has ended."""
    rows = connection.execute("SELECT 1 FROM events WHERE rollout = ? AND kind = 'rollout_closed'", [rollout])
    return rows.fetchone() is not None


def has_move(connection: sqlite3.Connection, rollout: str, move: int) -> bool:
    """Whether forward move number `move` is recorded."""
    rows = connection.execute("SELECT 1 FROM events WHERE rollout = ? AND move = ?", [rollout, move])
    return rows.fetchone() is not None


def last_run(connection: sqlite3.Connection, plan: str) -> int:
    """The number of a plan's last run; 0 before the first."""
    rows = connection.execute(  # "0" comes after "/": a range of the index, not a scan of every rollout
        "SELECT rollout FROM events WHERE kind = 'rollout_opened' AND rollout > ? AND rollout < ?",
        [f"{plan}/", f"{plan}0"],
    )
    return max((int(rollout.rsplit("/", 1)[1]) for (rollout,) in rows.fetchall()), default=0)


def open_run(connection: sqlite3.Connection, plan: str) -> str | None:
    """The open rollout of a plan name, or None."""
    number = last_run(connection, plan)
    rollout = f"{plan}/{number}"
    return None if number == 0 or is_closed(connection, rollout) else rollout


def runs(connection: sqlite3.Connection) -> list[Run]:
    """Every rollout, newest first."""
    rows = connection.execute(
        """
        SELECT o.rollout, o.at, coalesce(o.who, ''),
               EXISTS (SELECT 1 FROM events c WHERE c.rollout = o.rollout AND c.kind = 'rollout_closed'),
               (SELECT count(*) FROM events d WHERE d.rollout = o.rollout AND d.kind = 'decision_taken')
        FROM events o WHERE o.kind = 'rollout_opened' ORDER BY o.id DESC
        """
    )
    return [
        Run(sanitize_value(rollout), datetime.fromisoformat(at), sanitize_value(who), bool(closed_), decisions)
        for rollout, at, who, closed_, decisions in rows.fetchall()
    ]


def decisions(connection: sqlite3.Connection, rollout: str | None) -> list[DecisionRow]:
    """Decisions of one rollout or of all, oldest first."""
    columns = "rollout, seq, at, coalesce(who, ''), verb, stage, subject, coalesce(reason, ''), override, outcome, id"
    chosen, values = ("", []) if rollout is None else ("WHERE rollout = ?", [rollout])
    found = connection.execute(f"SELECT {columns} FROM decisions {chosen} ORDER BY at, seq", values)  # noqa: S608 - constants
    return [DecisionRow(*map(sanitize_value, row)) for row in found.fetchall()]


def rows(connection: sqlite3.Connection, rollout: str | None, after: int | None, limit: int = PAGE) -> list[Row]:
    """A page of stored rows by position, or of one rollout by seq.

    Text that is not UTF-8 is kept as surrogate escapes.

    Raises:
        ValueError: the journal has no chain, and was opened read-only, so none could be added.
    """
    if not any(name == "prev" for _, name, *_ in connection.execute("PRAGMA table_info(events)")):
        raise ValueError("an older warroom made it without a chain; open it once where it can be written")
    start = _LOWEST if after is None else after
    values: tuple[str | int, ...]
    question, values = "id > ? ORDER BY id", (start,)
    if rollout is not None:
        question, values = "rollout = ? AND seq > ? ORDER BY seq", (rollout, start)
    factory, connection.text_factory = connection.text_factory, _text
    try:
        found = connection.execute(f"SELECT {_COLUMNS} FROM events WHERE {question} LIMIT {limit:d}", values)  # noqa: S608 - constants
        return [Row(*row) for row in found.fetchall()]
    finally:
        connection.text_factory = factory


def _text(stored: bytes) -> str:
    return stored.decode("utf-8", "surrogateescape")
