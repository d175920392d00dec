"""Columns that contradict the body: the kind, the time, the author, the number of a move, the place in the order."""

from __future__ import annotations

from collections.abc import Iterator

from console.cli.exits import Exit
from tests.rows.bodies import halting, noted
from tests.rows.forgery import Belief, ForgedRow, Forgery, forged
from tests.rows.ids import renamed
from tests.rows.prepared import Facts


def kinds(facts: Facts) -> Iterator[Forgery]:
    """A kind in the column that is not the kind in the body."""
    bodies = {
        "a note": noted(facts, "as"),
        "a halt": renamed(facts.promoted, "as") | {"verb": "halt", "move": None},
        "a closing": noted(facts, "as") | {"kind": "rollout_closed", "how": "complete"},
        "a reading": renamed(facts.observed, "as"),
        "an opening": renamed(facts.opened, "as"),
        "a settlement": renamed(facts.settled, "as"),
    }
    columns = {"noted": "a note", "decision_taken": "a halt", "rollout_closed": "a closing", "rollout_opened": ""}
    for kind, own in columns.items():
        for name, body in bodies.items():
            if name != own and not (kind == "rollout_opened" and name == "an opening"):
                title = f"kind: {name} stored as {kind}"
                yield Forgery(title, (forged(kind, body | renamed(body, title)),))
    for kind in ("", "Noted", "noted ", "rollout_closed\u200b", "x" * 10_000, "unrecognised"):
        title = f"kind: a note stored as {kind[:20]!r}"
        row = forged(kind, noted(facts, title))
        yield Forgery(title, (row,), belief=Belief.OPEN)
    title = "kind: of a later version"
    body = noted(facts, title) | {"kind": "later_kind", "what": {"deep": [1, 2]}}
    yield Forgery(title, (forged("later_kind", body),), belief=Belief.HELD)
    title = "kind: of a later version, without a time"
    yield Forgery(title, (forged("later_kind", {"id": "a", "kind": "later_kind"}),))
    title = "kind: a decision of a later shape"
    later = renamed(facts.promoted, title) | {"v": 99, "verb": "teleport", "move": None}
    yield Forgery(title, (forged("decision_taken", later),), belief=Belief.HELD)


def values(facts: Facts) -> Iterator[Forgery]:
    """Other columns that are not what the body says."""

    def note(title: str, **columns: object) -> ForgedRow:
        return forged("noted", noted(facts, title), **columns)

    contradictions: tuple[tuple[str, dict[str, object]], ...] = (
        ("another id", {"event_id": "another"}),
        ("an empty id", {"event_id": ""}),
        ("another user", {"who": "mallory"}),
        ("no user", {"who": None}),
        ("a time in 1970", {"at": "1970-01-01T00:00:00.000+00:00"}),
        ("a naive time", {"at": "2026-12-01T04:00:00"}),
        ("a time that is none", {"at": "soon"}),
        ("an empty time", {"at": ""}),
        ("another version", {"v": 7}),
        ("a negative version", {"v": -1}),
        ("a move", {"move": 2}),
        ("a far move", {"move": 2**31 - 1}),
        ("a negative move", {"move": -1}),
    )
    for name, columns in contradictions:
        title = f"column: a note with {name}"
        yield Forgery(title, (note(title, **columns),))
    moves: tuple[tuple[str, int | None, int | None], ...] = (
        ("a promote whose column lacks the move", 2, None),
        ("a promote with another move in its column", 2, 3),
        ("a halt with a move in its column", None, 2),
    )
    for name, inside, column in moves:
        title = f"column: {name}"
        verb = "promote" if inside is not None else "halt"
        body = renamed(facts.promoted, title) | {"verb": verb, "move": inside, "stage": 1}
        yield Forgery(title, (forged("decision_taken", body, move=column),))
    title = "column: the id of an earlier event in the body"
    body = noted(facts, title) | {"id": facts.promoted["id"]}
    yield Forgery(title, (forged("noted", body, event_id="a new one"),))
    title = "column: the opening, with another time"
    body = renamed(facts.opened, title)
    yield Forgery(title, (forged("rollout_opened", body, at="9999-12-31T23:59:59.999+00:00"),))


def places(facts: Facts) -> Iterator[Forgery]:
    """Rows far behind the end of the journal or of their rollout: the next append has no number left."""
    for name, position in (("the largest position", 2**63 - 1), ("a far position", 10**12), ("a gap", 100)):
        title = f"place: {name}"
        row = forged("noted", noted(facts, title), position=position)
        yield Forgery(title, (row,), codes=(Exit.OK, Exit.JOURNAL))
    for name, seq in (("the largest seq", 2**63 - 1), ("a far seq", 10**12), ("seq 0", 0), ("a negative seq", -5)):
        title = f"place: {name}"
        row = forged("noted", noted(facts, title), seq=seq)
        yield Forgery(title, (row,), codes=(Exit.OK, Exit.JOURNAL))
    title = "place: a halt at a far seq"
    yield Forgery(title, (forged("decision_taken", halting(facts, title), seq=10**9),), codes=(Exit.OK, Exit.JOURNAL))


ON_A_SERVER_REFUSED = (
    "place: the largest seq",
    "place: a far seq",
    "place: seq 0",
    "place: a negative seq",
    "place: a halt at a far seq",
    f"kind: a note stored as {'x' * 20!r}",
)
"""Forgeries that PostgreSQL's triggers do not let in: the event before them is missing, or a name is too long."""
