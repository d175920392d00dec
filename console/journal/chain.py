"""The hash chain: its byte format, and the walk that finds the first flaw.

Two chains run through the events. Each rollout has its own: an event's `hash` covers everything recorded with it and
the `hash` of the event before it in the same rollout (`prev`). One runs through the whole journal: an event's `head`
covers its `position`, the `head` before it and its `hash`. A reader who noted a later `head` therefore detects that a
rollout or a tail was removed. A reader without a noted head has no proof: a process that can write the database can
compute the chain again.

The bytes, for other programs that verify a journal:

    hash = SHA-256("warroom event 1\\n", rollout, seq, event id, kind, v, at, who, move, login, body, prev)
    head = SHA-256("warroom head 1\\n", position, head before, hash)

Each value is a netstring: its length in bytes as a decimal number, a colon, its UTF-8 bytes, a comma; a value that is
absent is "-,". Numbers are decimal, hashes lower-case hex; `prev` of a first event and the `head` before the journal's
first are 64 zeros. `at` and `body` are the text that is stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

from console.events.kinds import DecisionTaken, Event, encode

GENESIS = "0" * 64
"""The hash or head before a first event."""
PAGE = 1000
"""Rows read at a time."""
_HASHED = attrgetter("rollout", "seq", "event_id", "kind", "v", "at", "who", "move", "login", "body", "prev")
"""The values of a row that its hash covers, in their order."""


@dataclass(frozen=True, slots=True)
class Row:
    """One event as it is stored."""

    position: int
    """Counts the journal's events from 1, without gaps."""
    rollout: str
    seq: int
    event_id: str
    kind: str
    v: int
    at: str
    who: str | None
    move: int | None
    login: str | None
    """session_user on PostgreSQL; absent in SQLite."""
    body: str
    prev: str
    hash: str
    head: str


Rows = Callable[[int | None], Sequence[Row]]
"""The next page of rows after a number (None: from the first row); empty at the end."""


def event_row(event: Event, rollout: str, seq: int, position: int, *, login: str | None, prev: str, before: str) -> Row:
    """The row of `event`, linked to the events before it.

    Args:
        event: the event to store.
        rollout: its rollout.
        seq: its number in the rollout, from 1.
        position: its number in the journal, from 1.
        login: session_user on PostgreSQL; None in SQLite.
        prev: hash of the event before it in the rollout.
        before: head of the event before it in the journal.
    """
    row = Row(
        position=position,
        rollout=rollout,
        seq=seq,
        event_id=event.id,
        kind=event.kind,
        v=event.v,
        at=event.at.isoformat(timespec="milliseconds"),
        who=event.who.user if event.who is not None else None,
        move=event.move if isinstance(event, DecisionTaken) else None,
        login=login,
        body=encode(event),
        prev=prev,
        hash="",
        head="",
    )
    return with_hashes(row, before)


def with_hashes(row: Row, before: str) -> Row:
    """`row` with the hash of its values and the head that follows `before`."""
    hashed = hash_of(row)
    return replace(row, hash=hashed, head=head_of(row.position, before, hashed))


def hash_of(row: Row) -> str:
    """The SHA-256 of a row's values, as lower-case hex."""
    return _sha256(b"warroom event 1\n", _HASHED(row))


def head_of(position: int, before: str, hashed: str) -> str:
    """The journal's head after the event at `position` with hash `hashed`."""
    return _sha256(b"warroom head 1\n", (position, before, hashed))


def _sha256(title: bytes, values: Sequence[str | int | None]) -> str:
    return hashlib.sha256(title + b"".join(map(_netstring, values))).hexdigest()


def _netstring(value: str | int | None) -> bytes:
    if value is None:
        return b"-,"
    content = str(value).encode("utf-8", "surrogateescape")
    return b"%d:%s," % (len(content), content)


@dataclass(frozen=True, slots=True)
class Flaw:
    """The first event that breaks the chain, and the reason."""

    position: int
    rollout: str
    seq: int
    what: str


@dataclass(frozen=True, slots=True)
class WalkResult:
    """Result of a walk over a journal or one rollout."""

    events: int = 0
    rollouts: int = 0
    head: str = GENESIS
    """The last valid head of the journal, or the last valid hash of the one rollout."""
    last: Row | None = None
    """The last valid event."""
    flaw: Flaw | None = None
    pinned: Row | None = None
    """The event at which the journal (or the rollout) had the pinned head."""


def walk_journal(pages: Rows, pinned: str | None = None) -> WalkResult:
    """Walk a whole journal by position, up to the first flaw."""
    found, ends = WalkResult(), dict[str, Row]()
    for row in _each_row(pages, lambda row: row.position):
        flaw = _position_flaw(row, found) or _link_flaw(row, ends.get(row.rollout))
        if flaw is None and row.head != head_of(row.position, found.head, row.hash):
            flaw = "its head is not the one that follows the event before it"
        if flaw is not None:
            return replace(found, rollouts=len(ends), flaw=Flaw(row.position, row.rollout, row.seq, flaw))
        ends[row.rollout] = row
        at_pin = row if row.head == pinned else found.pinned
        found = WalkResult(found.events + 1, 0, row.head, row, None, at_pin)
    return replace(found, rollouts=len(ends))


def walk_rollout(pages: Rows, pinned: str | None = None) -> WalkResult:
    """Walk one rollout by seq, up to the first flaw.

    The head of the result is the hash of the rollout's last valid event.
    """
    found = WalkResult()
    for row in _each_row(pages, lambda row: row.seq):
        if (flaw := _link_flaw(row, found.last)) is not None:
            return replace(found, flaw=Flaw(row.position, row.rollout, row.seq, flaw))
        at_pin = row if row.hash == pinned else found.pinned
        found = WalkResult(found.events + 1, 1, row.hash, row, None, at_pin)
    return found


def _each_row(pages: Rows, number: Callable[[Row], int]) -> Iterator[Row]:
    after: int | None = None
    while page := pages(after):
        yield from page
        after = number(page[-1])


def _position_flaw(row: Row, found: WalkResult) -> str | None:
    """The flaw in a row's position; None if it fits."""
    due = found.events + 1
    if row.position == due:
        return None
    if row.position < due:
        return f"its position is {row.position}, expected {due}: it was inserted later"
    missing = f"event {due} is" if row.position == due + 1 else f"events {due} to {row.position - 1} are"
    return f"{missing} missing before it"


def _link_flaw(row: Row, before: Row | None) -> str | None:
    """The flaw in a row's own chain; None if it fits."""
    if row.hash != hash_of(row):
        return "its content was changed: it does not match its hash"
    due = 1 if before is None else before.seq + 1
    if row.seq != due:
        return f"its number in the rollout is {row.seq}, expected {due}: events were removed, inserted or moved"
    if row.prev != (GENESIS if before is None else before.hash):
        return "it does not follow the event before it: that event was changed, removed or moved"
    return None
