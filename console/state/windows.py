"""Windows on a wall clock, across changes to and from daylight saving time. Pure: the moment is an input.

A weekly window holds what the wall clock in its zone shows: an hour that the clock skips is in no window, an hour that
it shows twice is in it both times. A window from moment to moment whose end the clock shows twice, or never, is read
the careful way: a freeze is as long as it can be meant, a launch window as short.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from console.plan.nouns import CalendarWindow

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_AHEAD_DAYS = 15
"""How far ahead the next opening of a weekly window is looked for."""


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    from zoneinfo import ZoneInfo  # here, because most plans have no windows and the first frame does not wait for it

    return ZoneInfo(name)


def is_inside(window: CalendarWindow, now: datetime, *, widest: bool) -> bool:
    """Whether `now` lies in the window. `widest`: as for a freeze, see the module."""
    if window.begins is not None and window.ends is not None:
        begins, ends = _edges(window, widest=widest)
        return begins <= now < ends
    local = now.astimezone(_zone(window.zone))
    minute = local.hour * 60 + local.minute
    today, yesterday = local.weekday(), (local.weekday() - 1) % 7
    if window.begins_min < window.ends_min:
        return today in window.days and window.begins_min <= minute < window.ends_min
    return (today in window.days and minute >= window.begins_min) or (
        yesterday in window.days and minute < window.ends_min
    )


def _edges(window: CalendarWindow, *, widest: bool) -> tuple[datetime, datetime]:
    if window.begins is None or window.ends is None:
        raise AssertionError("a weekly window has no edges")
    begins, ends = _moments(window.begins, window.zone), _moments(window.ends, window.zone)
    return (min(begins), max(ends)) if widest else (max(begins), min(ends))


def _moments(local: datetime, zone: str) -> tuple[datetime, datetime]:
    """The two moments (UTC) that a local time may mean; they differ only where the clock changes."""
    first, second = (local.replace(tzinfo=_zone(zone), fold=fold).astimezone(UTC) for fold in (0, 1))
    return first, second


def ends_at(window: CalendarWindow, now: datetime) -> datetime | None:
    """When (UTC) a freeze that holds at `now` ends; None for one that holds all week long."""
    if window.begins is not None:
        return _edges(window, widest=True)[1]
    return _next_turn(window, now, holding=False)


def next_opening(windows: tuple[CalendarWindow, ...], now: datetime) -> tuple[datetime, str] | None:
    """When (UTC) the first of these launch windows opens after `now`, and its zone; None if none does for two weeks."""
    found = [(_opens_at(window, now), window.zone) for window in windows]
    return min(((moment, zone) for moment, zone in found if moment is not None), default=None)


def _opens_at(window: CalendarWindow, now: datetime) -> datetime | None:
    if window.begins is None:
        return _next_turn(window, now, holding=True)
    begins, ends = _edges(window, widest=False)
    return begins if now < begins < ends else None


def _next_turn(window: CalendarWindow, now: datetime, *, holding: bool) -> datetime | None:
    """The first moment after `now` at which a weekly window begins to hold, or to hold no more."""
    zone = _zone(window.zone)
    today = now.astimezone(zone).date()
    edges = {
        moment
        for day in (today + timedelta(days=ahead) for ahead in range(-1, _AHEAD_DAYS))
        for minutes in (0, window.begins_min, window.ends_min, *_clock_changes(day, zone))
        for moment in _moments(datetime.combine(day, time()) + timedelta(minutes=minutes), window.zone)
    }
    after = sorted(moment for moment in edges if moment > now)
    return next((moment for moment in after if is_inside(window, moment, widest=True) is holding), None)


def _clock_changes(day: date, zone: ZoneInfo) -> list[int]:
    """Minutes after midnight at which the clock changes on `day`, to the quarter of an hour; on most days none."""
    first, last = (datetime.combine(day, time(hour), zone).utcoffset() for hour in (0, 23))
    return [] if first == last else list(range(0, 1440, 15))


def moment_text(moment: datetime, zone: str) -> str:
    """A moment as people in `zone` say it: "Mon 2026-01-05 08:00 Europe/Berlin"."""
    local = moment.astimezone(_zone(zone))
    return f"{DAYS[local.weekday()]} {local:%Y-%m-%d %H:%M} {zone}"


def freeze_in_force(windows: tuple[CalendarWindow, ...], now: datetime) -> str | None:
    """The freeze that holds at `now`, in words; None if none does."""
    return _freeze_text(windows, now.replace(second=0, microsecond=0))


@lru_cache(maxsize=8)
def _freeze_text(windows: tuple[CalendarWindow, ...], now: datetime) -> str | None:
    """As `freeze_in_force`; windows change by the minute, and the screen asks several times a second."""
    for window in windows:
        if is_inside(window, now, widest=True):
            until = ends_at(window, now)
            words = "FREEZE" if until is None else f"FREEZE until {moment_text(until, window.zone)}"
            return f"{words}: {window.reason}" if window.reason else words
    return None


def outside_launch(windows: tuple[CalendarWindow, ...], now: datetime) -> str | None:
    """That `now` is in none of the launch windows, and when the next opens; None inside one, or without any."""
    return _outside_text(windows, now.replace(second=0, microsecond=0))


@lru_cache(maxsize=8)
def _outside_text(windows: tuple[CalendarWindow, ...], now: datetime) -> str | None:
    if not windows or any(is_inside(window, now, widest=False) for window in windows):
        return None
    opens = next_opening(windows, now)
    after = "none opens within two weeks" if opens is None else f"the next opens {moment_text(*opens)}"
    return f"outside the launch windows: {after}"
