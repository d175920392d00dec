"""Bounds of a recorded event: what no console can have written, whatever happened. Pure.

The shape is checked on decoding (`kinds.decode`); here are times, numbers and sizes, which fold, judge and screen have
to be able to bear.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

from adapters.contract import Buckets, Counts, Gauge
from adapters.sanitize import one_line
from console.events.kinds import Unrecognized

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
LARGEST = 2.0**53
"""Above this a whole number is not exact as a float, and no count of anything here is so large."""
MOST_VALUES = 200_000
"""Values in one event: far more than the card of a plan with 200 metrics has."""
LONGEST_NAME = 256
"""Characters of an id, a name or a word."""
_PERCENTS = ("percent", "desired")
_COUNTS = (
    *("seq", "stage", "step", "steps", "move", "rung", "pen", "pid", "uid", "count", "reached"),
    *("deadline_s", "asks_s"),
)
_NAMES = ("id", "target", "source", "metric", "backend", "decision", "request", "plan_digest", "user", "host", "gate")
_LEAST = {"step": -1}
_FIELD_NAMES: dict[type, tuple[str, ...] | None] = {}


def flaw_in(event: BaseModel) -> str | None:
    """The first value of an event that cannot be believed, in a few words; None if all can be."""
    if isinstance(event, Unrecognized):  # a newer version knows what may stand in it
        return _flaw("at", event.at)
    try:
        for number, (name, value) in enumerate(_values("", event)):
            if number > MOST_VALUES:
                return "it has too many values"
            if (flaw := _flaw(name, value)) is not None:
                return f"{one_line(name, 40)} {flaw}"
    except RecursionError:
        return "it is nested too deeply"
    return None


def _flaw(name: str, value: object) -> str | None:
    if isinstance(value, datetime):
        return _time_flaw(value)
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return _number_flaw(name, value)
    if isinstance(value, str) and name in _NAMES and len(value) > LONGEST_NAME:
        return f"is longer than {LONGEST_NAME} characters"
    return None


def _time_flaw(value: datetime) -> str | None:
    if value.tzinfo is None:
        return "is a time without a zone"
    return None if EARLIEST <= value <= LATEST else f"is a time outside {EARLIEST.year} to {LATEST.year}"


def _number_flaw(name: str, value: float) -> str | None:
    if isinstance(value, float) and not math.isfinite(value):
        return "is not a finite number"
    if abs(value) > LARGEST:
        return "is out of range"
    if name in _PERCENTS and not 0 <= value <= 100:
        return "is not between 0 and 100"
    if name in _COUNTS and value < _LEAST.get(name, 0):
        return "is negative"
    return None


def _values(name: str, value: Any) -> Iterator[tuple[str, object]]:
    """(name of its field, value) of every plain value; measured values are the judge's, which bears any of them."""
    if isinstance(value, Counts | Gauge | Buckets):
        return
    names = _field_names(type(value))
    if names is not None:
        for each in names:
            yield from _values(each, getattr(value, each))
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _values(str(key), inner)
    elif isinstance(value, tuple | list | frozenset | set):
        for inner in value:
            yield from _values(name, inner)
    else:
        yield name, value


def _field_names(kind: type) -> tuple[str, ...] | None:
    if kind not in _FIELD_NAMES:
        named = tuple(each.name for each in fields(kind)) if is_dataclass(kind) else None
        _FIELD_NAMES[kind] = tuple(kind.model_fields) if issubclass(kind, BaseModel) else named
    return _FIELD_NAMES[kind]
