"""Edits of a journal's file by somebody who can write it: random ones, of every kind, each undone at the end.

The triggers are dropped first, as such a person would. Whoever also computes every later hash anew leaves a chain that
fits; that is one of the edits, and is found by a pinned head alone.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from console.journal import reading
from console.journal.chain import GENESIS, Row, linked, walk_journal
from console.journal.recording import insert as insert_row

_COLUMNS = ("id", "rollout", "seq", "event_id", "at", "kind", "v", "who", "move", "body", "prev", "hash", "head")
_NUMBERS = frozenset({"id", "seq", "v", "move"})


@dataclass(frozen=True, slots=True)
class Tampered:
    """A journal with one edit in it."""

    kind: str
    """The name of the edit."""
    what: str
    connection: sqlite3.Connection

    def found(self, pinned: str | None) -> bool:
        """Whether a walk of the whole journal shows the edit, given the head that was pinned before it."""
        walked = walk_journal(lambda after: reading.rows(self.connection, None, after), pinned)
        return walked.flaw is not None or (pinned is not None and walked.pinned is None)


Edit = Callable[[sqlite3.Connection, random.Random], str]
"""Changes something and says what. Raises sqlite3.IntegrityError where the database itself does not let it."""


@contextmanager
def tampered(path: Path, rng: random.Random, edit: Edit | None = None) -> Iterator[Tampered]:
    """The journal at `path` with one edit (drawn if None is given), which is taken back at the end."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        try:
            yield Tampered(*_edited(connection, rng, edit), connection)
        finally:
            connection.execute("ROLLBACK")


def _edited(connection: sqlite3.Connection, rng: random.Random, edit: Edit | None) -> tuple[str, str]:
    for _ in range(100):
        connection.execute("SAVEPOINT edit")
        chosen = edit or rng.choice(EDITS)
        try:
            return chosen.__name__, chosen(connection, rng)
        except sqlite3.IntegrityError:
            connection.execute("ROLLBACK TO edit")
    raise AssertionError("a hundred edits were refused by the database")


def change(connection: sqlite3.Connection, rng: random.Random) -> str:
    """One column of one event."""
    column, row = rng.choice(_COLUMNS), _one(connection, rng)
    before = connection.execute(f"SELECT {column} FROM events WHERE id = ?", [row.position]).fetchone()[0]  # noqa: S608 - constants
    after = _other_number(before, rng) if column in _NUMBERS else _other_text(before, rng)
    connection.execute(f"UPDATE events SET {column} = ? WHERE id = ?", [after, row.position])  # noqa: S608 - constants
    return f"event {row.position}: {column} {before!r} -> {after!r}"


def delete(connection: sqlite3.Connection, rng: random.Random) -> str:
    """One event, wherever it is."""
    row = _one(connection, rng)
    connection.execute("DELETE FROM events WHERE id = ?", [row.position])
    return f"event {row.position} removed"


def delete_and_close_up(connection: sqlite3.Connection, rng: random.Random) -> str:
    """One event, and every later one moved up, in the journal and in its rollout."""
    row = _one(connection, rng)
    connection.execute("DELETE FROM events WHERE id = ?", [row.position])
    _shift(connection, "id", "id > ?", [row.position], -1)
    _shift(connection, "seq", "rollout = ? AND seq > ?", [row.rollout, row.seq], -1)
    return f"event {row.position} removed, the others moved up"


def delete_tail(connection: sqlite3.Connection, rng: random.Random) -> str:
    """The last events."""
    row = _one(connection, rng)
    connection.execute("DELETE FROM events WHERE id >= ?", [row.position])
    return f"every event from {row.position} on removed"


def delete_rollout(connection: sqlite3.Connection, rng: random.Random) -> str:
    """A whole rollout, and every later event moved up."""
    row = _one(connection, rng)
    gone = connection.execute("SELECT id FROM events WHERE rollout = ? ORDER BY id DESC", [row.rollout]).fetchall()
    for (position,) in gone:
        connection.execute("DELETE FROM events WHERE id = ?", [position])
        _shift(connection, "id", "id > ?", [position], -1)
    return f"rollout {row.rollout} removed, the others moved up"


def swap(connection: sqlite3.Connection, rng: random.Random) -> str:
    """Two events, in the journal's order and, if they are of one rollout, in its order."""
    one, other = _one(connection, rng), _one(connection, rng)
    if one.position == other.position:
        raise sqlite3.IntegrityError("they are the same")
    connection.execute("UPDATE events SET id = -1, seq = -seq WHERE id = ?", [one.position])
    seq = one.seq if one.rollout == other.rollout else other.seq
    connection.execute("UPDATE events SET id = ?, seq = ? WHERE id = ?", [one.position, seq, other.position])
    seq = other.seq if one.rollout == other.rollout else one.seq
    connection.execute("UPDATE events SET id = ?, seq = ? WHERE id = -1", [other.position, seq])
    return f"events {one.position} and {other.position} swapped"


def insert(connection: sqlite3.Connection, rng: random.Random) -> str:
    """An event of one's own, hashed as it should be, before another of the same rollout; later ones moved down."""
    row = _one(connection, rng)
    _shift(connection, "id", "id >= ?", [row.position], 1)
    _shift(connection, "seq", "rollout = ? AND seq >= ?", [row.rollout, row.seq], 1)
    insert_row(
        connection, linked(replace(row, event_id=f"{rng.getrandbits(128):032x}", move=None), _head(connection, row))
    )
    return f"an event put in before {row.position}, the others moved down"


def forge(connection: sqlite3.Connection, rng: random.Random) -> str:
    """One event changed, and its own hash and every later one computed anew."""
    row = _one(connection, rng)
    connection.execute("UPDATE events SET who = ? WHERE id = ?", [f"eve{rng.randrange(10**6)}", row.position])
    ends, head = dict[str, str](), GENESIS
    for position in range(1, reading.head(connection)[0] + 1):
        found = _at(connection, position)
        made = linked(replace(found, prev=ends.get(found.rollout, GENESIS)), head)
        ends[made.rollout], head = made.hash, made.head
        connection.execute(
            "UPDATE events SET prev = ?, hash = ?, head = ? WHERE id = ?", [made.prev, made.hash, made.head, position]
        )
    return f"event {row.position} forged, every later hash computed anew"


EDITS: tuple[Edit, ...] = (
    change,
    delete,
    delete_and_close_up,
    delete_tail,
    delete_rollout,
    swap,
    insert,
    forge,
)


def _one(connection: sqlite3.Connection, rng: random.Random) -> Row:
    last, _ = reading.head(connection)
    return _at(connection, rng.randint(1, last))


def _at(connection: sqlite3.Connection, position: int) -> Row:
    return reading.rows(connection, None, position - 1, 1)[0]


def _head(connection: sqlite3.Connection, row: Row) -> str:
    """The journal's head before a row."""
    return GENESIS if row.position == 1 else _at(connection, row.position - 1).head


def _shift(connection: sqlite3.Connection, column: str, which: str, values: list[object], by: int) -> None:
    """Move numbers, through negative ones so that no two are the same meanwhile."""
    connection.execute(f"UPDATE events SET {column} = -({column} + {by}) WHERE {which}", values)  # noqa: S608 - constants
    connection.execute(f"UPDATE events SET {column} = -{column} WHERE {column} < 0")  # noqa: S608 - constants


def _other_number(before: int | None, rng: random.Random) -> int:
    return (before or 0) + rng.choice((-1, 1)) * rng.randint(1, 1000)


def _other_text(before: str | None, rng: random.Random) -> str:
    if not before:
        return f"x{rng.randrange(1000)}"
    at = rng.randrange(len(before))
    return rng.choice(
        (
            before[:at] + chr(ord(before[at]) ^ 1) + before[at + 1 :],
            before[:at] + before[at + 1 :],
            before[:at] + " " + before[at:],
            before.swapcase() if before.swapcase() != before else before + " ",
        )
    )
