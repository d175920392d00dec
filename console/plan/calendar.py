"""Windows in a plan: parsing of days, times, dates and zones, and their checks.

The parsers raise QuantityError for anything else than they describe.
`console.state.windows` evaluates a window at a given moment.
"""

from __future__ import annotations

import difflib
import re
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from console.plan.document import PlanNode
from console.plan.nouns import CalendarWindow
from console.plan.problems import Findings
from console.plan.quantities import QuantityError

DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})")
_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[ T]([0-9]{1,2}:[0-9]{2}))?")
_DAY_MIN = 24 * 60


class Edge(NamedTuple):
    """One end of a window: a time of day, a date, or both."""

    minutes: int | None
    """Minutes after midnight; None for a date alone, which is the whole day."""
    date: datetime | None = None
    """Midnight of that date."""


def edge(value: object) -> Edge:
    """The edge in a text such as `09:00`, `24:00`, `2026-01-05` or `2026-01-05 09:00`."""
    text = value.strip() if isinstance(value, str) else ""
    if match := _CLOCK.fullmatch(text):
        return Edge(_minutes(match))
    if match := _DATE.fullmatch(text):
        try:
            date = datetime.fromisoformat(match[1])
        except ValueError:
            raise QuantityError("is not a date of the calendar") from None
        clock = _CLOCK.fullmatch(match[2]) if match[2] else None
        return Edge(None if clock is None else _minutes(clock), date)
    raise QuantityError("must be a time of day or a date", "write 09:00, 2026-01-05 or 2026-01-05 09:00")


def _minutes(clock: re.Match[str]) -> int:
    hours, minutes = int(clock[1]), int(clock[2])
    if minutes > 59 or hours * 60 + minutes > _DAY_MIN:
        raise QuantityError("must be a time of day from 00:00 to 24:00")
    return hours * 60 + minutes


def days(value: object) -> frozenset[int]:
    """Days of the week (0 Monday) from `fri`, `mon-thu` or a list."""
    given = value if isinstance(value, list) else value.split(",") if isinstance(value, str) else []
    found: set[int] = set()
    for part in given:
        first, dash, last = (piece.strip().lower()[:3] for piece in str(part).partition("-"))
        if first not in DAY_NAMES or (dash and last not in DAY_NAMES):
            raise QuantityError("must be days of the week", "write fri, mon-thu or [mon, wed]")
        begin = DAY_NAMES.index(first)
        span = (DAY_NAMES.index(last) - begin) % 7 if dash else 0
        found |= {(begin + step) % 7 for step in range(span + 1)}
    if not found:
        raise QuantityError("must be days of the week", "write fri, mon-thu or [mon, wed]")
    return frozenset(found)


def zone(text: str) -> str:
    """`text`, if it names a time zone of this host."""
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError; a path or a NUL the others
        near = difflib.get_close_matches(text, available_timezones(), n=1) if len(text) < 64 else []
        hint = f"did you mean {near[0]!r}?" if near else "write one like Europe/Berlin or UTC"
        raise QuantityError(f"unknown time zone {text!r}", hint) from None
    return text


def window(on: frozenset[int] | None, begins: Edge | None, ends: Edge | None, name: str, reason: str) -> CalendarWindow:
    """A window from its checked entries; a date alone is its whole day."""
    first = begins.minutes or 0 if begins is not None else 0
    last = ends.minutes if ends is not None and ends.minutes is not None else _DAY_MIN
    if begins is not None and ends is not None and begins.date is not None and ends.date is not None:
        moments = begins.date + timedelta(minutes=first), ends.date + timedelta(minutes=last)
        return CalendarWindow(name, begins=moments[0], ends=moments[1], reason=reason)
    every_day = frozenset(range(7))
    return CalendarWindow(name, every_day if on is None else on, begins_min=first, ends_min=last, reason=reason)


def check_windows(root: PlanNode, findings: Findings) -> None:
    """Add a problem for every window whose parts do not fit together."""
    for path, entry in (*root.list_items("windows", "launch"), *root.list_items("windows", "freeze")):
        begins, ends = _edge(entry, "from"), _edge(entry, "to")
        has_days = "days" in entry.entries
        dated = [key for key, given in (("from", begins), ("to", ends)) if given is not None and given.date is not None]
        if has_days and dated:
            message = "a window of days takes times of day, not dates"
            findings.add(entry.entries[dated[0]].line, (*path, dated[0]), message, hint="write 09:00, or remove days")
        elif len(dated) == 1:
            other = "to" if dated[0] == "from" else "from"
            node = entry.entries.get(other, entry)
            message = f"{dated[0]} is a date, so {other} must be one too"
            findings.add(node.line if node is not entry else entry.key_line, (*path, other), message)
        elif not has_days and not dated and not ("from" in entry.entries and "to" in entry.entries):
            message = "a window needs days, or from and to"
            findings.add(entry.key_line, path, message, hint="write {days: fri}, or {from: 2026-01-05, to: 2026-01-06}")
        elif begins is not None and ends is not None and len(dated) == 2:
            made = window(None, begins, ends, "UTC", "")
            if made.begins is not None and made.ends is not None and made.begins >= made.ends:
                node = entry.entries["to"]
                findings.add(node.line, (*path, "to"), "must be after from", found=node.display_text)


def _edge(entry: PlanNode, key: str) -> Edge | None:
    node = entry.entries.get(key)
    try:
        return edge(node.value) if node is not None else None
    except QuantityError:  # reported where the value is validated
        return None
