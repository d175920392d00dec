"""Edits of a journal by somebody who can write its database: random ones, of every kind, each undone at the end.

The triggers are off meanwhile, as such a person would have them. Whoever also computes every later hash anew leaves a
chain that fits; that is one of the edits, and is found by a pinned head alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from console.journal.chain import GENESIS, Row, linked, walk_journal
from tests.bench.log import ledgers
from tests.bench.log.ledgers import Begin, Ledger, Refused, at, last

_NUMBERS = frozenset({"id", "position", "seq", "v", "move"})


@dataclass(frozen=True, slots=True)
class Tampered:
    """A journal with one edit in it."""

    kind: str
    """The name of the edit."""
    what: str
    ledger: Ledger

    def found(self, pinned: str | None) -> bool:
        """Whether a walk of the whole journal shows the edit, given the head that was pinned before it."""
        walked = walk_journal(self.ledger.rows, pinned)
        return walked.flaw is not None or (pinned is not None and walked.pinned is None)


Edit = Callable[[Ledger, random.Random], str]
"""Changes something and says what. Raises Refused where the database itself does not let it."""


@contextmanager
def tampered(begin: Begin, rng: random.Random, edit: Edit | None = None) -> Iterator[Tampered]:
    """A journal with one edit (drawn if None is given), which is taken back at the end."""
    with begin() as ledger:
        yield Tampered(*_edited(ledger, rng, edit), ledger)


def _edited(ledger: Ledger, rng: random.Random, edit: Edit | None) -> tuple[str, str]:
    for _ in range(100):
        ledger.run("SAVEPOINT edit")
        chosen = edit or rng.choice(EDITS)
        try:
            return chosen.__name__, chosen(ledger, rng)
        except Refused:
            ledger.run("ROLLBACK TO edit")
    raise AssertionError("a hundred edits were refused by the database")


def change(ledger: Ledger, rng: random.Random) -> str:
    """One column of one event."""
    column, row = rng.choice(ledger.columns), _one(ledger, rng)
    before = ledger.run(f"SELECT {column} FROM events WHERE {ledger.position} = ?", [row.position])[0][0]  # noqa: S608 - constants
    after = _other_number(before, rng) if column in _NUMBERS else _other_text(before, rng)
    ledger.run(f"UPDATE events SET {column} = ? WHERE {ledger.position} = ?", [after, row.position])  # noqa: S608 - constants
    return f"event {row.position}: {column} {before!r} -> {after!r}"


def delete(ledger: Ledger, rng: random.Random) -> str:
    """One event, wherever it is."""
    row = _one(ledger, rng)
    ledger.run(f"DELETE FROM events WHERE {ledger.position} = ?", [row.position])  # noqa: S608 - constants
    return f"event {row.position} removed"


def delete_and_close_up(ledger: Ledger, rng: random.Random) -> str:
    """One event, and every later one moved up, in the journal and in its rollout."""
    row = _one(ledger, rng)
    ledger.run(f"DELETE FROM events WHERE {ledger.position} = ?", [row.position])  # noqa: S608 - constants
    _shift(ledger, ledger.position, f"{ledger.position} > ?", [row.position], -1)
    _shift(ledger, "seq", "rollout = ? AND seq > ?", [row.rollout, row.seq], -1)
    return f"event {row.position} removed, the others moved up"


def delete_tail(ledger: Ledger, rng: random.Random) -> str:
    """The last events."""
    row = _one(ledger, rng)
    ledger.run(f"DELETE FROM events WHERE {ledger.position} >= ?", [row.position])  # noqa: S608 - constants
    return f"every event from {row.position} on removed"


def delete_rollout(ledger: Ledger, rng: random.Random) -> str:
    """A whole rollout, and every later event moved up."""
    row = _one(ledger, rng)
    order = ledger.position
    gone = ledger.run(f"SELECT {order} FROM events WHERE rollout = ? ORDER BY {order} DESC", [row.rollout])  # noqa: S608 - constants
    for (position,) in gone:
        ledger.run(f"DELETE FROM events WHERE {ledger.position} = ?", [position])  # noqa: S608 - constants
        _shift(ledger, ledger.position, f"{ledger.position} > ?", [position], -1)
    return f"rollout {row.rollout} removed, the others moved up"


def swap(ledger: Ledger, rng: random.Random) -> str:
    """Two events, in the journal's order and, if they are of one rollout, in its order."""
    one, other = _one(ledger, rng), _one(ledger, rng)
    if one.position == other.position:
        raise Refused("they are the same")
    order = ledger.position
    put = f"UPDATE events SET {order} = ?, seq = ? WHERE {order} = ?"  # noqa: S608 - constants
    same = one.rollout == other.rollout
    ledger.run(put, [-1, -one.seq, one.position])
    ledger.run(put, [one.position, one.seq if same else other.seq, other.position])
    ledger.run(put, [other.position, other.seq if same else one.seq, -1])
    return f"events {one.position} and {other.position} swapped"


def insert(ledger: Ledger, rng: random.Random) -> str:
    """An event of one's own, hashed as it should be, before another of the same rollout; later ones moved down."""
    row = _one(ledger, rng)
    _shift(ledger, ledger.position, f"{ledger.position} >= ?", [row.position], 1)
    _shift(ledger, "seq", "rollout = ? AND seq >= ?", [row.rollout, row.seq], 1)
    own = replace(row, event_id=f"{rng.getrandbits(128):032x}", move=None)
    ledgers.insert(ledger, linked(own, _head(ledger, row)))
    return f"an event put in before {row.position}, the others moved down"


def forge(ledger: Ledger, rng: random.Random) -> str:
    """One event changed, and its own hash and every later one computed anew."""
    row = _one(ledger, rng)
    eve = f"eve{rng.randrange(10**6)}"
    ledger.run(f"UPDATE events SET who = ? WHERE {ledger.position} = ?", [eve, row.position])  # noqa: S608 - constants
    put = f"UPDATE events SET prev = ?, hash = ?, head = ? WHERE {ledger.position} = ?"  # noqa: S608 - constants
    ends, head = dict[str, str](), GENESIS
    for position in range(1, last(ledger) + 1):
        found = at(ledger, position)
        made = linked(replace(found, prev=ends.get(found.rollout, GENESIS)), head)
        ends[made.rollout], head = made.hash, made.head
        ledger.run(put, [made.prev, made.hash, made.head, position])
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


def _one(ledger: Ledger, rng: random.Random) -> Row:
    return at(ledger, rng.randint(1, last(ledger)))


def _head(ledger: Ledger, row: Row) -> str:
    """The journal's head before a row."""
    return GENESIS if row.position == 1 else at(ledger, row.position - 1).head


def _shift(ledger: Ledger, column: str, which: str, values: list[object], by: int) -> None:
    """Move numbers, through negative ones so that no two are the same meanwhile."""
    ledger.run(f"UPDATE events SET {column} = -({column} + {by}) WHERE {which}", values)  # noqa: S608 - constants
    ledger.run(f"UPDATE events SET {column} = -{column} WHERE {column} < 0")  # noqa: S608 - constants


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
