"""Random edits of every kind by a person with write access to the database, each undone at the end.

The triggers are off meanwhile. The edit `forge` also computes every later hash anew and so leaves a consistent chain:
only a pinned head detects it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from console.journal.chain import GENESIS, Row, walk_journal, with_hashes
from tests.bench.log import journals
from tests.bench.log.journals import EditableJournal, EditRefused, OpenForEdit, last_position, row_at

_NUMBERS = frozenset({"id", "position", "seq", "v", "move"})


@dataclass(frozen=True, slots=True)
class TamperedJournal:
    """A journal with one edit in it."""

    kind: str
    """The name of the edit."""
    description: str
    """The edit in words, for a failed test."""
    journal: EditableJournal

    def is_detected(self, pinned: str | None) -> bool:
        """Whether a walk of the whole journal detects the edit, given the head pinned before it."""
        walked = walk_journal(self.journal.rows, pinned)
        return walked.flaw is not None or (pinned is not None and walked.pinned is None)


Edit = Callable[[EditableJournal, random.Random], str]
"""Edits a journal; returns a description. Raises EditRefused when the database refuses."""


@contextmanager
def tamper(open_for_edit: OpenForEdit, rng: random.Random, edit: Edit | None = None) -> Iterator[TamperedJournal]:
    """Make one edit (None: a random one) and roll it back at the end of the block."""
    with open_for_edit() as journal:
        yield TamperedJournal(*_apply_edit(journal, rng, edit), journal)


def _apply_edit(journal: EditableJournal, rng: random.Random, edit: Edit | None) -> tuple[str, str]:
    for _ in range(100):
        journal.run("SAVEPOINT edit")
        chosen = edit or rng.choice(EDITS)
        try:
            return chosen.__name__, chosen(journal, rng)
        except EditRefused:
            journal.run("ROLLBACK TO edit")
    raise AssertionError("the database refused a hundred edits")


def change(journal: EditableJournal, rng: random.Random) -> str:
    """Change one column of one event."""
    column, row = rng.choice(journal.columns), _random_row(journal, rng)
    before = journal.run(f"SELECT {column} FROM events WHERE {journal.position} = ?", [row.position])[0][0]  # noqa: S608 - constants
    after = _other_number(before, rng) if column in _NUMBERS else _other_text(before, rng)
    journal.run(f"UPDATE events SET {column} = ? WHERE {journal.position} = ?", [after, row.position])  # noqa: S608 - constants
    return f"event {row.position}: {column} {before!r} -> {after!r}"


def delete(journal: EditableJournal, rng: random.Random) -> str:
    """Delete one event."""
    row = _random_row(journal, rng)
    journal.run(f"DELETE FROM events WHERE {journal.position} = ?", [row.position])  # noqa: S608 - constants
    return f"event {row.position} removed"


def delete_and_close_up(journal: EditableJournal, rng: random.Random) -> str:
    """Delete one event and move every later one up, in the journal and in its rollout."""
    row = _random_row(journal, rng)
    journal.run(f"DELETE FROM events WHERE {journal.position} = ?", [row.position])  # noqa: S608 - constants
    _shift(journal, journal.position, f"{journal.position} > ?", [row.position], -1)
    _shift(journal, "seq", "rollout = ? AND seq > ?", [row.rollout, row.seq], -1)
    return f"event {row.position} removed, the others moved up"


def delete_tail(journal: EditableJournal, rng: random.Random) -> str:
    """Delete an event and every later one."""
    row = _random_row(journal, rng)
    journal.run(f"DELETE FROM events WHERE {journal.position} >= ?", [row.position])  # noqa: S608 - constants
    return f"every event from {row.position} on removed"


def delete_rollout(journal: EditableJournal, rng: random.Random) -> str:
    """Delete a whole rollout and move every later event up."""
    row = _random_row(journal, rng)
    order = journal.position
    gone = journal.run(f"SELECT {order} FROM events WHERE rollout = ? ORDER BY {order} DESC", [row.rollout])  # noqa: S608 - constants
    for (position,) in gone:
        journal.run(f"DELETE FROM events WHERE {journal.position} = ?", [position])  # noqa: S608 - constants
        _shift(journal, journal.position, f"{journal.position} > ?", [position], -1)
    return f"rollout {row.rollout} removed, the others moved up"


def swap(journal: EditableJournal, rng: random.Random) -> str:
    """Swap two events in the journal's order and, within one rollout, in its order."""
    one, other = _random_row(journal, rng), _random_row(journal, rng)
    if one.position == other.position:
        raise EditRefused("both are one event")
    order = journal.position
    put = f"UPDATE events SET {order} = ?, seq = ? WHERE {order} = ?"  # noqa: S608 - constants
    same = one.rollout == other.rollout
    journal.run(put, [-1, -one.seq, one.position])
    journal.run(put, [one.position, one.seq if same else other.seq, other.position])
    journal.run(put, [other.position, other.seq if same else one.seq, -1])
    return f"events {one.position} and {other.position} swapped"


def insert(journal: EditableJournal, rng: random.Random) -> str:
    """Insert a correctly hashed event before another of the same rollout; move later ones down."""
    row = _random_row(journal, rng)
    _shift(journal, journal.position, f"{journal.position} >= ?", [row.position], 1)
    _shift(journal, "seq", "rollout = ? AND seq >= ?", [row.rollout, row.seq], 1)
    own = replace(row, event_id=f"{rng.getrandbits(128):032x}", move=None)
    journals.insert_row(journal, with_hashes(own, _head_before(journal, row)))
    return f"an event put in before {row.position}, the others moved down"


def forge(journal: EditableJournal, rng: random.Random) -> str:
    """Change one event and compute its hash and every later one anew."""
    row = _random_row(journal, rng)
    eve = f"eve{rng.randrange(10**6)}"
    journal.run(f"UPDATE events SET who = ? WHERE {journal.position} = ?", [eve, row.position])  # noqa: S608 - constants
    put = f"UPDATE events SET prev = ?, hash = ?, head = ? WHERE {journal.position} = ?"  # noqa: S608 - constants
    ends, head = dict[str, str](), GENESIS
    for position in range(1, last_position(journal) + 1):
        found = row_at(journal, position)
        made = with_hashes(replace(found, prev=ends.get(found.rollout, GENESIS)), head)
        ends[made.rollout], head = made.hash, made.head
        journal.run(put, [made.prev, made.hash, made.head, position])
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


def _random_row(journal: EditableJournal, rng: random.Random) -> Row:
    return row_at(journal, rng.randint(1, last_position(journal)))


def _head_before(journal: EditableJournal, row: Row) -> str:
    """The journal's head before this row."""
    return GENESIS if row.position == 1 else row_at(journal, row.position - 1).head


def _shift(journal: EditableJournal, column: str, which: str, values: list[object], by: int) -> None:
    """Shift numbers by way of negative ones, so that no two are equal meanwhile."""
    journal.run(f"UPDATE events SET {column} = -({column} + {by}) WHERE {which}", values)  # noqa: S608 - constants
    journal.run(f"UPDATE events SET {column} = -{column} WHERE {column} < 0")  # noqa: S608 - constants


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
