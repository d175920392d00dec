"""Counting from raw samples: tables for each rule, and properties over random traffic, restarts and births."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import Counts, Gauge, MetricQuery, Shape, Window
from adapters.metrics.counters import Origin, RawSeries, clean_series, count, levels, spacing_s
from adapters.metrics.reading import QueryAnswer, counts_reply

START = 1_700_000_000.0
TICK_S = 10.0


def window(ticks: int, first: int = 0) -> Window:
    begin = START + first * TICK_S
    return Window(
        datetime.fromtimestamp(begin, UTC), datetime.fromtimestamp(begin + ticks * TICK_S, UTC), tick_s=TICK_S
    )


def scraped(*values: float, first: int = -1, every: int = 1, **labels: str) -> RawSeries:
    """One sample in the middle of each tick from tick `first` on; tick -1 is the last before the window."""
    at = [START + (first + index * every) * TICK_S + TICK_S / 2 for index in range(len(values))]
    return RawSeries(labels, list(zip(at, values, strict=True)))


def counts(series: list[RawSeries], ticks: int, total: list[RawSeries] | None = None) -> list[float | None]:
    counted = count(series, Origin.of(series if total is None else total, series), window(ticks))
    base = int(START / TICK_S)
    return [counted.by_tick.get(base + index) for index in range(ticks)]


def test_a_difference_belongs_to_the_tick_of_its_later_sample() -> None:
    assert counts([scraped(100, 103, 103, 110)], 3) == [3, 0, 7]


def test_after_a_restart_the_new_value_is_counted() -> None:
    assert counts([scraped(100, 110, 4, 6)], 3) == [10, 4, 2]


def test_a_tick_without_a_sample_is_absent_and_the_next_one_has_it_all() -> None:
    assert counts([scraped(100, 120, 140, every=2)], 4) == [None, 20, None, 40 - 20]


def test_an_error_series_born_at_one_beside_old_traffic_counts_one() -> None:
    total = scraped(100, 110, 120, 130)
    assert counts([scraped(1, 1, first=1, code="500")], 3, total=[total]) == [None, 1, 0]


def test_a_new_pod_counts_from_zero_when_others_were_there_before() -> None:
    old = scraped(1000, 1010, 1020, 1030, pod="a")
    new = scraped(7, 12, first=1, pod="b")
    assert counts([old, new], 3) == [10, 10 + 7, 10 + 5]


def test_the_very_first_batch_of_all_starts_from_its_values() -> None:
    first = scraped(1000, 1010, 1020, first=0, pod="a")
    other = scraped(50, 51, 52, first=0, pod="b")
    same_batch = RawSeries(other.labels, [(at + 0.8 * TICK_S / 2, value) for at, value in other.samples])
    assert counts([first, same_batch], 3) == [None, 10 + 1, 10 + 1]


def test_an_old_process_that_comes_back_is_not_counted_from_zero() -> None:
    steady = scraped(1000, 1010, 1020, 1030, pod="a")
    back = scraped(900_000, 900_005, first=1, pod="b")
    origin = Origin.of([steady, back], [])
    counted = count([steady, back], origin, window(3))
    assert list(counted.by_tick.values()) == [10, 10, 10 + 5]
    assert counted.came_back == 1


def test_a_burst_of_errors_as_large_as_the_traffic_is_counted() -> None:
    total = scraped(1000, 1100, 1200, 1300)
    assert counts([scraped(100, 100, first=1, code="500")], 3, total=[total]) == [None, 100, 0]


def test_samples_no_counter_has_are_dropped_and_those_in_the_window_counted() -> None:
    kept, dirty = clean_series([scraped(math.nan, 100, math.inf, -1, 110)], window(4))
    assert [value for _, value in kept[0].samples] == [100, 110]
    assert dirty == 2


def test_a_level_is_the_mean_of_each_series_last_finite_value() -> None:
    a = RawSeries({}, [(START + 1, 5.0), (START + 9, 7.0), (START + 11, math.nan)])
    b = RawSeries({}, [(START + 5, 9.0), (START + 12, 1.0)])
    base = int(START / TICK_S)
    assert levels([a, b], window(2)) == {base: Gauge(8.0), base + 1: Gauge(1.0)}


def test_spacing_is_the_median_gap() -> None:
    assert spacing_s([RawSeries({}, [(0.0, 1), (15.0, 1), (30.0, 1), (60.0, 1)])]) == 15.0
    assert spacing_s([RawSeries({}, [(0.0, 1)])]) is None


@pytest.mark.parametrize("series", [[], [RawSeries({}, [])], [scraped(5)]])
def test_nothing_to_compare_counts_nothing(series: list[RawSeries]) -> None:
    assert counts(series, 3) == [None, None, None]


# -- properties ------------------------------------------------------------------------------------------------------

steps = st.lists(st.integers(0, 50), min_size=2, max_size=12)
restarts = st.sets(st.integers(1, 11))


def counter(events: list[int], restart_at: set[int], start: int = 10_000) -> RawSeries:
    """What a process exposes that had `events` between scrapes and restarted before some of them."""
    values: list[float] = [start]
    for index, step in enumerate(events):
        # a restart that the next scrape cannot tell is not a restart anyone can count
        restarted = index in restart_at and step < values[-1]
        values.append(step if restarted else values[-1] + step)
    return scraped(*values)


@given(steps, restarts)
def test_every_event_is_counted_once_whatever_restarts(events: list[int], restart_at: set[int]) -> None:
    assert counts([counter(events, restart_at)], len(events)) == events


@given(steps, restarts, st.integers(0, 12))
def test_adjacent_windows_add_up_to_the_whole(events: list[int], restart_at: set[int], cut: int) -> None:
    series = [counter(events, restart_at)]
    origin = Origin.of(series, [])
    cut = min(cut, len(events))
    halves = [count(series, origin, window(cut)), count(series, origin, window(len(events) - cut, first=cut))]
    assert sum(sum(half.by_tick.values()) for half in halves) == sum(events)


@given(steps, st.data())
def test_how_events_are_spread_over_newborn_series_changes_no_count(events: list[int], data: st.DataObject) -> None:
    total = counter(events, set())
    codes = [data.draw(st.integers(0, 2)) for _ in events]
    parts = [_code(events, codes, code) for code in range(3)]
    counted = counts([part for part in parts if part.samples], len(events), total=[total])
    assert [found or 0 for found in counted] == events


def _code(events: list[int], codes: list[int], code: int) -> RawSeries:
    """The series of one status code: it exists from its first event on, as client libraries make them."""
    value = 0.0
    samples = []
    for index, (step, found) in enumerate(zip(events, codes, strict=True)):
        value += step if found == code else 0
        if value:
            samples.append((START + index * TICK_S + TICK_S / 2, value))
    return RawSeries({"code": str(code)}, samples)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=2, max_size=10), restarts)
def test_no_tick_ever_has_more_errors_than_traffic(pairs: list[tuple[int, int]], restart_at: set[int]) -> None:
    """A restart may show in the errors and be hidden in the busier total; such a tick is dropped, not told."""
    total = scraped(*_running([good + bad for good, bad in pairs], restart_at))
    bad = scraped(*_running([bad for _, bad in pairs], restart_at))
    query = MetricQuery("errors", Shape.COUNTS, total="t", bad="b")
    reply = counts_reply(query, {"total": QueryAnswer((total,)), "bad": QueryAnswer((bad,))}, window(len(pairs)))
    told = [reading.canary for reading in reply.readings if isinstance(reading.canary, Counts)]
    assert all(0 <= one.bad <= one.total for one in told)
    assert (len(told) < len(pairs)) == (reply.partial is not None)


def _running(events: list[int], restart_at: set[int]) -> list[float]:
    values = [0.0]
    for index, step in enumerate(events):
        values.append(step if index in restart_at else values[-1] + step)
    return values
