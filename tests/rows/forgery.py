"""Rows that a colleague with write access could insert: their columns, their expected belief, and their chain."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from console.cli.exits import Exit
from console.journal import recording
from console.journal.chain import GENESIS, Row, with_hashes
from console.journal.reading import Connection
from tests.rows.prepared import RUN, Facts

Body = dict[str, Any]


class Belief(StrEnum):
    """What `log verify` has to say of a forgery."""

    REFUSED = "refused"
    """A correct console cannot have written it: exit 7, and every command says that it is not believed."""
    HELD = "held"
    """A correct console may have written it: exit 0."""
    OPEN = "open"
    """Either, as long as all commands say the same."""


@dataclass(frozen=True, slots=True)
class ForgedRow:
    """The columns of one event; a column that is None follows from the body or from the rows before it."""

    kind: str
    body: str
    rollout: str = RUN
    event_id: str | None = None
    at: str | None = None
    who: str | None = None
    move: int | None = None
    v: int = 1
    seq: int | None = None
    position: int | None = None


@dataclass(frozen=True, slots=True)
class ForgedSample:
    """The columns of one sample; samples have no chain."""

    body: str
    rollout: str = RUN
    after_seq: int = 1
    at: str = "2026-12-01T00:00:00.000+00:00"
    source: str = "edge"
    v: int = 1


@dataclass(frozen=True, slots=True)
class Forgery:
    """Rows that are inserted together, and what a rollback after them has to do."""

    name: str
    rows: tuple[ForgedRow, ...] = ()
    samples: tuple[ForgedSample, ...] = ()
    belief: Belief = Belief.REFUSED
    codes: tuple[Exit, ...] = (Exit.OK,)
    """Exit codes of the rollback; OK says that every target reads as at the opening."""
    reaches: bool = True
    """Whether the opening exposure is reached."""
    own_steps: bool = False
    """Whether the plan's own rollback steps, not the opening, say where the way back ends."""


Forger = Callable[[Facts], Iterable[Forgery]]
"""Makes forgeries around the rows of a prepared journal."""


def forged(kind: str, body: Body | str, **columns: Any) -> ForgedRow:
    """A row whose columns agree with its body, but for `columns`."""
    if isinstance(body, str):
        return ForgedRow(kind, body, **columns)
    who = body.get("who")
    fitting: dict[str, Any] = {
        "event_id": _text_or_none(body.get("id")),
        "at": _column_time(body.get("at")),
        "who": _text_or_none(who.get("user")) if isinstance(who, dict) else None,
        "move": _small_or_none(body.get("move")) if kind == "decision_taken" else None,
        "v": _small_or_none(body.get("v")) or 1,
    }
    return ForgedRow(kind, json.dumps(body), **fitting | columns)


def changed(body: Body, path: str, value: object) -> Body:
    """A copy of `body` with another value at a dotted path ("card.metrics.0.n")."""
    copy: Body = json.loads(json.dumps(body))
    *way, last = path.split(".")
    place: Any = copy
    for part in way:
        place = place[int(part)] if isinstance(place, list) else place[part]
    place[int(last) if isinstance(place, list) else last] = value
    return copy


def insert_rows(connection: Connection, forgery: Forgery, login: str | None) -> None:
    """Insert the rows of a forgery at the journal's end, each with the hashes that it has to have."""
    for number, row in enumerate(forgery.rows):
        recording.insert_row(connection, linked(connection, row, login, f"{forgery.name} {number}"))
    for sample in forgery.samples:
        values = (sample.rollout, sample.after_seq, sample.at, sample.source, sample.v, sample.body)
        connection.execute(recording.INSERT_SAMPLE, values)


def linked(connection: Connection, row: ForgedRow, login: str | None, spare_id: str) -> Row:
    """The stored row of a forged one, linked to the last rows of its rollout and of the journal."""
    of_rollout = "SELECT seq, hash FROM warroom.events WHERE rollout = %s ORDER BY seq DESC LIMIT 1"
    of_journal = "SELECT position, head FROM warroom.events ORDER BY position DESC LIMIT 1"
    seq, prev = connection.execute(of_rollout, [row.rollout]).fetchone() or (0, GENESIS)
    position, before = connection.execute(of_journal).fetchone() or (0, GENESIS)
    stored = Row(
        position=position + 1 if row.position is None else row.position,
        rollout=row.rollout,
        seq=seq + 1 if row.seq is None else row.seq,
        event_id=spare_id if row.event_id is None else row.event_id,
        kind=row.kind,
        v=row.v,
        at="2026-12-01T00:00:00.000+00:00" if row.at is None else row.at,
        who=row.who,
        move=row.move,
        login=login,
        body=row.body,
        prev=prev,
        hash="",
        head="",
    )
    if row.position is not None and login is not None and row.position != position + 1:
        return with_hashes(stored, None)  # type: ignore[arg-type] # the server hashes the head that is not there
    return with_hashes(stored, before)


def named(forgeries: Sequence[Forgery]) -> dict[str, Forgery]:
    """Forgeries by name. Raises ValueError where two have the same name or the same content."""
    names = [each.name for each in forgeries]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"forgeries with the same name: {sorted(twice)}")
    contents = [(each.rows, each.samples) for each in forgeries]
    if twins := [each.name for each in forgeries if contents.count((each.rows, each.samples)) > 1]:
        raise ValueError(f"forgeries with the same rows: {sorted(twins)}")
    return dict(zip(names, forgeries, strict=True))


def _text_or_none(value: object) -> str | None:
    """A text that both databases can store; None for anything else."""
    if not isinstance(value, str) or "\x00" in value:
        return None
    return value.encode("utf-8", "replace").decode()[:1000]


def _small_or_none(value: object) -> int | None:
    return value if isinstance(value, int) and -(2**31) <= value < 2**31 else None


def _column_time(at: object) -> str | None:
    """The time column that a console writes for a body's time; the text itself where it is no time."""
    if not isinstance(at, str):
        return None
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return _text_or_none(at)
    return moment.isoformat(timespec="milliseconds")


NOT_NUMBERS = (math.nan, math.inf, -math.inf)
HUGE = 10**400
