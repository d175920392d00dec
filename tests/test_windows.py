"""Freeze and launch windows: hours of the week and dates, across the nights on which a clock changes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from console.plan.nouns import CalendarWindow
from console.state.windows import ends_at, freeze_in_force, is_inside, next_opening, outside_launch

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
WORK = CalendarWindow(BERLIN, frozenset(range(5)), 9 * 60, 16 * 60)
NIGHT = CalendarWindow(BERLIN, frozenset({4}), 22 * 60, 6 * 60)
"""From Friday 22:00 to Saturday 06:00."""


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2026-01-05 07:59", False),  # Monday 08:59 in Berlin
        ("2026-01-05 08:00", True),
        ("2026-01-05 14:59", True),
        ("2026-01-05 15:00", False),  # the end is excluded
        ("2026-01-04 10:00", False),  # Sunday
        ("2026-07-06 07:00", True),  # in summer an hour earlier
        ("2026-07-06 14:00", False),
    ],
)
def test_a_weekly_window_holds_by_the_clock_on_the_wall(moment: str, inside: bool) -> None:
    assert is_inside(WORK, utc(moment), widest=True) is inside


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2026-01-09 20:59", False),
        ("2026-01-09 21:00", True),  # Friday 22:00
        ("2026-01-10 04:59", True),  # Saturday 05:59
        ("2026-01-10 05:00", False),
        ("2026-01-10 21:00", False),  # Saturday 22:00 begins none
        ("2026-01-09 03:00", False),  # Friday 04:00 belongs to Thursday's night, which is none
    ],
)
def test_a_window_over_midnight_belongs_to_the_day_on_which_it_begins(moment: str, inside: bool) -> None:
    assert is_inside(NIGHT, utc(moment), widest=True) is inside


def test_an_hour_that_the_clock_skips_is_in_no_window() -> None:
    skipped = CalendarWindow(BERLIN, frozenset({6}), 2 * 60, 3 * 60)  # 2026-03-29: from 02:00 straight to 03:00
    assert not any(
        is_inside(skipped, utc(f"2026-03-29 {hour:02}:{minute:02}"), widest=True)
        for hour in range(4)
        for minute in (0, 30, 59)
    )


def test_an_hour_that_the_clock_shows_twice_is_in_its_window_both_times() -> None:
    twice = CalendarWindow(BERLIN, frozenset({6}), 2 * 60, 3 * 60)  # 2026-10-25: 02:00 to 03:00 at 00:00Z and at 01:00Z
    inside = [hour for hour in range(4) if is_inside(twice, utc(f"2026-10-25 {hour:02}:30"), widest=True)]
    assert inside == [0, 1]


def test_a_freeze_over_the_night_of_the_change_ends_by_the_wall_clock() -> None:
    night = CalendarWindow(BERLIN, frozenset({5}), 22 * 60, 8 * 60)
    assert ends_at(night, utc("2026-03-28 23:00")) == utc("2026-03-29 06:00")  # 08:00 in summer
    assert ends_at(night, utc("2026-10-24 23:00")) == utc("2026-10-25 07:00")  # 08:00 in winter


def test_a_freeze_whose_end_the_clock_shows_twice_lasts_until_the_second() -> None:
    freeze = CalendarWindow(BERLIN, begins=datetime(2026, 10, 24), ends=datetime(2026, 10, 25, 2, 30))
    assert is_inside(freeze, utc("2026-10-25 01:29"), widest=True)
    assert not is_inside(freeze, utc("2026-10-25 01:30"), widest=True)


def test_a_launch_window_whose_edges_are_ambiguous_is_as_short_as_it_can_be_meant() -> None:
    launch = CalendarWindow(BERLIN, begins=datetime(2026, 10, 24), ends=datetime(2026, 10, 25, 2, 30))
    assert is_inside(launch, utc("2026-10-25 00:29"), widest=False)
    assert not is_inside(launch, utc("2026-10-25 00:30"), widest=False)


def test_a_freeze_whose_beginning_the_clock_skips_begins_at_the_earlier_reading() -> None:
    freeze = CalendarWindow(BERLIN, begins=datetime(2026, 3, 29, 2, 30), ends=datetime(2026, 3, 30))
    assert is_inside(freeze, utc("2026-03-29 00:30"), widest=True)
    assert not is_inside(freeze, utc("2026-03-29 00:29"), widest=True)


def test_zones_of_several_entries_are_their_own() -> None:
    tokyo = CalendarWindow("Asia/Tokyo", frozenset(range(7)), 9 * 60, 10 * 60)
    ny = CalendarWindow(NEW_YORK, frozenset(range(7)), 9 * 60, 10 * 60)
    assert is_inside(tokyo, utc("2026-01-05 00:30"), widest=True) and not is_inside(
        ny, utc("2026-01-05 00:30"), widest=True
    )
    assert is_inside(ny, utc("2026-01-05 14:30"), widest=True)


def test_a_freeze_in_force_says_until_when_and_why() -> None:
    freeze = CalendarWindow(BERLIN, begins=datetime(2025, 12, 20), ends=datetime(2026, 1, 6), reason="year end")
    told = freeze_in_force((freeze,), utc("2025-12-24 18:00"))
    assert told == "FREEZE until Tue 2026-01-06 00:00 Europe/Berlin: year end"
    assert freeze_in_force((freeze,), utc("2026-01-06 08:00")) is None


def test_a_freeze_of_the_whole_week_has_no_end_to_tell() -> None:
    assert freeze_in_force((CalendarWindow("UTC", frozenset(range(7))),), utc("2026-01-05 10:00")) == "FREEZE"


def test_adjacent_days_of_a_freeze_end_with_the_last() -> None:
    weekend = CalendarWindow("UTC", frozenset({5, 6}))
    assert ends_at(weekend, utc("2026-01-03 10:00")) == utc("2026-01-05 00:00")


def test_outside_the_launch_windows_it_says_when_the_next_opens() -> None:
    told = outside_launch((WORK,), utc("2026-01-02 18:00"))  # Friday evening
    assert told == "outside the launch windows: the next opens Mon 2026-01-05 09:00 Europe/Berlin"


def test_without_launch_windows_any_time_is_right() -> None:
    assert outside_launch((), utc("2026-01-02 18:00")) is None


def test_a_launch_window_that_is_over_opens_no_more() -> None:
    past = CalendarWindow("UTC", begins=datetime(2025, 1, 1), ends=datetime(2025, 1, 2))
    assert next_opening((past,), utc("2026-01-05 10:00")) is None
    assert outside_launch((past,), utc("2026-01-05 10:00")) == "outside the launch windows: none opens within two weeks"


def test_the_next_of_several_windows_is_told_in_its_own_zone() -> None:
    ny = CalendarWindow(NEW_YORK, frozenset({0}), 9 * 60, 10 * 60)
    later = CalendarWindow(BERLIN, frozenset({2}), 9 * 60, 10 * 60)
    told = outside_launch((later, ny), utc("2026-01-04 12:00"))
    assert told == "outside the launch windows: the next opens Mon 2026-01-05 09:00 America/New_York"


def test_the_next_opening_on_a_night_when_the_clock_skips_it_is_the_next_day_that_has_it() -> None:
    early = CalendarWindow(BERLIN, frozenset({6, 0}), 2 * 60, 2 * 60 + 30)
    assert next_opening((early,), utc("2026-03-29 00:30")) == (utc("2026-03-30 00:00"), BERLIN)
