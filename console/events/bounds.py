"""Bounds of a recorded event: what no console can have written, whatever happened. Pure.

The shape is checked on decoding (`kinds.decode`); here are times, numbers and sizes, which fold, judge and screen have
to be able to bear.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
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
MOST_VALUES = 50_000
"""Values in one event: far more than the card of a plan with 200 metrics has."""
MOST_SAMPLE_VALUES = 2_000_000
"""Values in one sample: the first one may hold hours of many metrics."""
LONGEST_NAME = 256
"""Characters of an id, a name or a word."""
_PERCENTS = ("percent", "desired")
_COUNTS = (
    *("seq", "stage", "step", "steps", "move", "rung", "pen", "pid", "uid", "count", "reached"),
    *("deadline_s", "asks_s"),
)
_NAMES = ("id", "target", "source", "metric", "backend", "decision", "request", "plan_digest", "user", "host", "gate")
_LEAST = {"step": -1}
_MEASURED = frozenset({Counts, Gauge, Buckets})
_FIELD_NAMES: dict[type, tuple[str, ...] | None] = {}


def flaw_in(event: BaseModel, most: int = MOST_VALUES) -> str | None:
    """A value of an event that cannot be believed, in a few words; None if all can be.

    Measured values are left out: the judge bears any of them.
    """
    if isinstance(event, Unrecognized):  # a newer version knows what may stand in it
        return _flaw("at", event.at)
    left: list[tuple[str, Any]] = [("", event)]
    seen = 0
    while left:
        name, value = left.pop()
        seen += 1
        kind = type(value)
        if kind in _MEASURED:
            continue
        if (names := _field_names(kind)) is not None:
            left.extend((each, getattr(value, each)) for each in names)
        elif isinstance(value, Mapping):
            left.extend((str(key), inner) for key, inner in value.items())
        elif isinstance(value, tuple | list | frozenset | set):
            if seen + len(left) + len(value) > most:
                return "it has too many values"
            left.extend((name, inner) for inner in value)
        elif (flaw := _flaw(name, value)) is not None:
            return f"{one_line(name, 40)} {flaw}"
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


def _field_names(kind: type) -> tuple[str, ...] | None:
    if kind not in _FIELD_NAMES:
        named = tuple(each.name for each in fields(kind)) if is_dataclass(kind) else None
        _FIELD_NAMES[kind] = tuple(kind.model_fields) if issubclass(kind, BaseModel) else named
    return _FIELD_NAMES[kind]
