"""Parsers of a plan's quantities: durations, ratios, shares, rates, exposures.

They know nothing of keys or lines. Each raises QuantityError for anything else than it describes.
"""

from __future__ import annotations

import math
import re
from typing import Literal, NamedTuple

from adapters.contract import LAST_STEP


class AtStep(NamedTuple):
    """A backend's own step, 0-based; LAST_STEP if all are done."""

    step: int


ExposureValue = int | Literal["on", "off"] | AtStep

_UNITS_S = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_DURATION = re.compile("".join(rf"(?:([0-9]+(?:\.[0-9]+)?){unit})?" for unit in _UNITS_S))
_CLOCK = re.compile(r"([0-9]{1,3}):([0-9]{2})(?::([0-9]{2}))?")
_WORDY = re.compile(r"([0-9]+(?:\.[0-9]+)?) *(ms|milli|d|h|m|s)[a-z]*\.?", re.IGNORECASE)
_STEP = re.compile(r"all steps|step ([0-9]{1,3})")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_LONGEST = 40
"""Maximum characters of a quantity; longer text is not parsed."""


class QuantityError(ValueError):
    """A value is not the expected quantity; `hint` shows how to write it."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class Amount(NamedTuple):
    """A number with or without a percent sign (`5%` is 5, True)."""

    number: float
    percent: bool


def duration(value: object) -> float:
    """Seconds from `30s`, `5m`, `1h30m`, `250ms` or a plain number; not `10:30`, which could be minutes or hours."""
    number = _number(value)
    if number is not None:
        if number < 0:
            raise QuantityError("must not be negative")
        return number
    text = _text(value).replace(" ", "")
    match = _DURATION.fullmatch(text)
    if match is None or not text:
        raise QuantityError("must be a duration", _duration_hint(_text(value)))
    return sum(float(part) * unit for part, unit in zip(match.groups(), _UNITS_S.values(), strict=True) if part)


def _duration_hint(text: str) -> str:
    if clock := _CLOCK.fullmatch(text):
        first, second, third = clock.groups()
        if third is not None:
            return f"write {int(first)}h{int(second)}m{int(third)}s"
        return f"write {int(first)}m{int(second)}s, or {int(first)}h{int(second)}m"
    if wordy := _WORDY.fullmatch(text):
        number, unit = wordy.groups()
        return f"write {number}{'ms' if unit.lower() == 'milli' else unit.lower()}"
    return "write 30s, 5m, 1h30m or a number of seconds"


def ratio(value: object) -> float:
    """A ratio of at least 1 from `1.25x` or a number."""
    text = _text(value)
    number = _number(text[:-1] if text[-1:] in ("x", "X", "×") else value)
    if number is None:
        percent = _number(text[:-1]) if text.endswith("%") else None
        hint = "write 1.25x" if percent is None else f"{percent:g} % more is written {1 + percent / 100:g}x"
        raise QuantityError("must be a ratio canary to baseline", hint)
    if not 1 <= number <= 1000:
        more = f"{number:g} more is written {1 + number:g}x" if 0 < number < 1 else None
        raise QuantityError("must be a ratio of at least 1x" if number < 1 else "must be at most 1000x", more)
    return number


def amount(value: object) -> Amount:
    """A number or a percentage, kept apart: the metric's shape decides later which of them is valid."""
    text = _text(value)
    percent = text.endswith("%")
    number = _number(text[:-1].rstrip() if percent else value)
    if number is None:
        raise QuantityError("must be a percentage or a number", "write 5% or 0.05")
    return Amount(number, percent)


def share(given: Amount) -> float:
    """A share of events, 0..1: `5%` and 0.05 are the same. Not a bare 1, which could be one percent or all."""
    number = given.number / 100 if given.percent else given.number
    if not given.percent and number == 1:
        raise QuantityError("1 could be 1% or 100%", "write the one you mean")
    if not given.percent and number > 1:
        hint = f"write {given.number:g}%" if number <= 100 else "write 5%"
        raise QuantityError("must be a percentage, or a share below 1", hint)
    if not 0 <= number <= 1:
        raise QuantityError("must be from 0% to 100%")
    return number


def level(given: Amount) -> float:
    """A gauge's level: a plain number in the metric's own unit, not a percentage."""
    if given.percent:
        hint = f"write {given.number:g}, or {given.number / 100:g} if the metric reads 0 to 1"
        raise QuantityError("a gauge's limit is a plain number in the metric's own unit", hint)
    return given.number


def rate(value: object) -> float:
    """Events per second from `400/s`, `24000/min`, `90/h` or a plain number per second, above 0."""
    text = _text(value).replace(" ", "")
    number, _, unit = text.partition("/")
    per_s = {"": 1.0, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}.get(unit)
    found = _number(number) if text else _number(value)
    if found is None or per_s is None:
        raise QuantityError("must be events per time", "write 400/s or 24000/min")
    if found <= 0:
        raise QuantityError("must be more than 0/s")
    return found / per_s


def exposure(value: object) -> ExposureValue:
    """A target's setting: a whole percentage, `on`, `off`, `step 3` or `all steps`."""
    if isinstance(value, bool):
        raise QuantityError("must be a whole percentage, on or off", f"write {'on' if value else 'off'}")
    text = _text(value)
    if text.lower() in ("on", "off"):
        return "on" if text.lower() == "on" else "off"
    if (step := _STEP.fullmatch(text.lower())) is not None:
        return AtStep(LAST_STEP if step[1] is None else int(step[1]))
    number = _number(text[:-1].rstrip() if text.endswith("%") else value)
    if number is None:
        raise QuantityError("must be a whole percentage from 0 to 100, on or off", "write 25, 25%, on or off")
    whole = "must be a whole percentage from 0 to 100"
    if not 0 <= number <= 100:
        raise QuantityError(whole)
    if number != int(number) or isinstance(value, float):
        raise QuantityError(whole, f"write {math.floor(number)}" + (f" or {math.ceil(number)}" if number % 1 else ""))
    return int(number)


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) and len(value) <= _LONGEST else ""


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return float(value) if len(value) <= _LONGEST and _NUMBER.fullmatch(value.strip()) else None
    if isinstance(value, int | float) and abs(value) < 1e15 and math.isfinite(value):
        return float(value)
    return None
