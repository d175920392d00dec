"""Seeded mutations of real rows: fields dropped, types swapped, numbers, times, references, several at once."""

from __future__ import annotations

import json
import math
import random
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.rows.forgery import HUGE, Belief, Body, ForgedRow, ForgedSample, Forgery, forged
from tests.rows.ids import id_of
from tests.rows.prepared import PLAN_NAME

StockRow = tuple[str, Body]
"""(kind, body) of a real row."""
Place = tuple[Any, Any]
"""(container, key) of one value in a body."""
Edit = Callable[[random.Random, Body, Sequence[StockRow]], None]

RECORDED = Path(__file__).parents[1] / "journals"
SEVERAL = 0.3
"""Share of the forgeries with several rows."""
MOST_ROWS = 6

VALUES: tuple[object, ...] = (
    None,
    True,
    False,
    0,
    -1,
    3,
    99,
    2.5,
    1e308,
    -1e308,
    5e-324,
    2**31,
    2**63,
    HUGE,
    -HUGE,
    math.nan,
    math.inf,
    -math.inf,
    "",
    " ",
    "api",
    "page",
    "edge",
    "plan",
    "errors",
    "0",
    "3",
    "x" * 5_000,
    "\x1b[2J\x00",
    "\ud800",
    "👩‍👩‍👧‍👦\u202e",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "1970-01-01T00:00:00Z",
    "2026-12-01T04:00:00",
    "2100-01-01T00:00:00+00:00",
    [],
    [[]],
    [None, 1, "x"],
    {},
    {"a": {"b": []}},
    [0] * 1_000,
)


def recorded_rows() -> list[StockRow]:
    """The rows of every recorded journal of the tests."""
    lines = [line for path in sorted(RECORDED.glob("*.jsonl")) for line in path.read_text("utf-8").splitlines()]
    entries = [json.loads(line) for line in lines]
    return [(entry["kind"], json.loads(entry["body"])) for entry in entries]


def stock_of(journal: Path) -> list[StockRow]:
    """The rows of a SQLite journal, its samples too, and those of the recorded journals."""
    with closing(sqlite3.connect(journal)) as database:
        rows = database.execute("SELECT kind, body FROM events ORDER BY id").fetchall()
        rows += database.execute("SELECT 'source_read', body FROM samples ORDER BY id LIMIT 3").fetchall()
    return [*((kind, json.loads(body)) for kind, body in rows), *recorded_rows()]


def forgeries_of(stock: Sequence[StockRow], seed: int, rows: int) -> list[Forgery]:
    """Forgeries with `rows` mutated rows together at the least; another `seed` makes others."""
    found: list[Forgery] = []
    count = 0
    while count < rows:
        found.append(mutated(f"{seed}/{len(found)}", stock))
        count += len(found[-1].rows) + len(found[-1].samples)
    return found


def mutated(seed: str, stock: Sequence[StockRow]) -> Forgery:
    """The forgery that follows from `seed`: rows of `stock`, each with a few edits."""
    rng = random.Random(seed)
    count = rng.randint(2, MOST_ROWS) if rng.random() < SEVERAL else 1
    kinds = sorted({kind for kind, _ in stock})  # each kind as often as any other, however many rows it has
    wanted = rng.choices(kinds, k=count)
    drawn = [rng.choice([row for row in stock if row[0] == kind]) for kind in wanted]
    chosen = [(kind, json.loads(json.dumps(body))) for kind, body in drawn]
    rows: list[ForgedRow] = []
    samples: list[ForgedSample] = []
    for number, (kind, body) in enumerate(chosen):
        body["id"] = id_of(f"{seed} {number}")
        for _ in range(rng.choice((0, 1, 1, 1, 2, 4))):
            rng.choice(EDITS)(rng, body, stock)
        if kind == "source_read":
            samples.append(ForgedSample(_damaged(rng, json.dumps(body))))
        else:
            row = _row(rng, kind, body)
            rows.append(row if _is_free(row, rows, stock) else replace(row, event_id=id_of(f"{seed} {number} column")))
    moves = {number: 100 + number for number, row in enumerate(rows) if row.move is not None}  # unique in a rollout
    rows = [replace(row, move=moves.get(number)) for number, row in enumerate(rows)]
    return Forgery(f"mutated {seed}", tuple(rows), tuple(samples), Belief.OPEN)


def _is_free(row: ForgedRow, rows: Sequence[ForgedRow], stock: Sequence[StockRow]) -> bool:
    """Whether no other row has the id of `row`: the database refuses a second one."""
    return row.event_id not in {each.event_id for each in rows} | {body.get("id") for _, body in stock}


def _row(rng: random.Random, kind: str, body: Body) -> ForgedRow:
    row = forged(kind, body)
    row = replace(row, body=_damaged(rng, row.body))
    if rng.random() < 0.2:
        columns: tuple[dict[str, Any], ...] = (
            {"kind": rng.choice(("noted", "rollout_closed", "rollout_opened", "decision_taken", "source_read", "new"))},
            {"at": rng.choice(("", "soon", "1970-01-01T00:00:00+00:00", "9999-12-31T23:59:59"))},
            {"who": rng.choice((None, "", "mallory"))},
            {"move": rng.choice((None, rng.randint(200, 2**31 - 1)))},
            {"v": rng.choice((-1, 0, 2, 99))},
            {"rollout": f"{PLAN_NAME}/{rng.choice(('2', '3', 'x', '01', '0', '', '10'))}"},
        )
        row = replace(row, **rng.choice(columns))
    return row


def _damaged(rng: random.Random, text: str) -> str:
    """The text itself, mostly; else cut off, doubled, or with a few letters exchanged."""
    if rng.random() > 0.1:
        return text
    at = rng.randrange(len(text) + 1)
    letter = rng.choice('{}[]",:0x\u202e')
    return rng.choice((text[:at], text + text, text[:at] + letter + text[at + 1 :], text[at:], "[" * 2_000 + text))


def _places(value: object) -> list[Place]:
    """Every place in a body that holds a value."""
    found: list[Place] = []
    keys: Sequence[Any] = ()
    if isinstance(value, dict):
        keys = list(value)
    elif isinstance(value, list):
        keys = range(min(len(value), 20))
    for key in keys:
        found += [(value, key), *_places(value[key])]  # type: ignore[index] # it is a dict or a list
    return found


def _drop(rng: random.Random, body: Body, _stock: Sequence[StockRow]) -> None:
    container, key = rng.choice(_places(body))
    del container[key]


def _swap_type(rng: random.Random, body: Body, _stock: Sequence[StockRow]) -> None:
    container, key = rng.choice(_places(body))
    container[key] = rng.choice(VALUES)


def _change_number(rng: random.Random, body: Body, _stock: Sequence[StockRow]) -> None:
    numbers = [
        (container, key)
        for container, key in _places(body)
        if isinstance(container[key], int | float) and not isinstance(container[key], bool)
    ]
    if numbers:
        container, key = rng.choice(numbers)
        container[key] = container[key] * rng.choice((-1, 1, 10, 1_000_000_000)) + rng.choice((0, 1, -1))


def _change_time(rng: random.Random, body: Body, _stock: Sequence[StockRow]) -> None:
    times = [
        (container, key)
        for container, key in _places(body)
        if isinstance(container[key], str) and container[key][:2] == "20" and "T" in container[key]
    ]
    if times:
        container, key = rng.choice(times)
        text: str = container[key]
        year = rng.choice(("0001", "1970", "2025", "2027", "2100", "2500", "9999"))
        zone = rng.choice(("Z", "", "+23:59", "-23:59", "+99:00"))
        container[key] = rng.choice((year + text[4:], text.rstrip("Z") + zone, text[:10]))


def _change_reference(rng: random.Random, body: Body, stock: Sequence[StockRow]) -> None:
    keys = [
        key for key in ("request", "decision", "target", "step", "subject", "metric", "source", "id") if key in body
    ]
    if keys:
        other = rng.choice(stock)[1]
        body[rng.choice(keys)] = rng.choice((other.get("id"), "api", "page", "api-back", "page-back", "nowhere"))


def _deepen(rng: random.Random, body: Body, _stock: Sequence[StockRow]) -> None:
    container, key = rng.choice(_places(body))
    for _ in range(rng.choice((1, 1, 1, 2, 200))):
        container[key] = rng.choice(([container[key]], {"a": container[key]}))


def _graft(rng: random.Random, body: Body, stock: Sequence[StockRow]) -> None:
    """Put in a field of another row, or of another kind."""
    other = rng.choice(stock)[1]
    key = rng.choice(list(other))
    body[key] = json.loads(json.dumps(other[key]))


EDITS: tuple[Edit, ...] = (
    _drop,
    _swap_type,
    _swap_type,
    _change_number,
    _change_time,
    _change_reference,
    _deepen,
    _graft,
)
