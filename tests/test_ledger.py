"""A metric's ticks as columns: whatever is put in comes out equal, by place, slice, search and both directions."""

from __future__ import annotations

import math
import pickle
import sys
from bisect import bisect_left, bisect_right
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.contract import Buckets, Counts, Gauge, Reading, Sample
from console.state.ledger import PACKED, Ledger, place_after, place_from
from tests.states import NOW

NUMBERS = st.one_of(
    st.floats(allow_nan=False),
    st.integers(0, 70_000).map(float),
    st.sampled_from([0.0, -0.0, 65_535.0, 65_536.0, 2.0**32 - 1, 2.0**32, 2.0**60, 0.1]),
)
COUNTS = st.builds(Counts, NUMBERS, NUMBERS)
GAUGES = st.builds(Gauge, NUMBERS, st.lists(NUMBERS, max_size=2).map(tuple))
BUCKETS = st.builds(lambda total, one, two: Buckets(total, ((0.1, one), (0.5, two))), NUMBERS, NUMBERS, NUMBERS)
ARMS = st.sampled_from([COUNTS, GAUGES, BUCKETS, st.one_of(COUNTS, GAUGES, BUCKETS)])


@st.composite
def readings(draw: st.DrawFn) -> tuple[Reading, ...]:
    """Up to a few packs of ticks, mostly at an even pace, of one form or mixed, with gaps."""
    arm = draw(ARMS)
    some: list[Sample | None] = draw(st.lists(st.one_of(st.none(), arm), min_size=1, max_size=6))
    count = draw(st.integers(0, 5 * PACKED))
    jump = draw(st.integers(0, 2 * PACKED))
    starts = [NOW + timedelta(seconds=10 * place + (3 if place > jump else 0)) for place in range(count)]
    return tuple(Reading(at, some[place % len(some)], some[place % 2]) for place, at in enumerate(starts) if some[1:])


@settings(max_examples=60, deadline=None)
@given(readings(), st.data())
def test_a_ledger_is_the_readings_that_were_put_in(expected: tuple[Reading, ...], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(expected)))
    ledger = Ledger(expected[:cut]).with_more(expected[cut:])
    start, stop = data.draw(st.integers(-700, 700)), data.draw(st.integers(-700, 700))
    assert list(ledger) == list(expected)
    assert list(reversed(ledger)) == list(reversed(expected))
    assert tuple(ledger[start:stop]) == expected[start:stop]
    assert list(ledger[start:stop].with_more(expected[:3])) == [*expected[start:stop], *expected[:3]]
    assert ledger == expected and hash(ledger) == hash(expected)


@settings(max_examples=40, deadline=None)
@given(readings(), st.floats(-100, 10_000))
def test_a_search_finds_the_place_that_bisection_finds(expected: tuple[Reading, ...], offset_s: float) -> None:
    ledger, at = Ledger(expected), NOW + timedelta(seconds=offset_s)
    assert place_from(ledger, at) == bisect_left(expected, at, key=lambda tick: tick.at)
    after = bisect_right(expected, at.timestamp(), key=lambda tick: tick.at.timestamp())
    assert place_after(ledger, at.timestamp()) == place_after(expected, at.timestamp()) == after


def counts(number: int) -> tuple[Reading, ...]:
    starts = (NOW + timedelta(seconds=10 * place) for place in range(number))
    return tuple(Reading(at, Counts(1000.0 + at.second, 3.0), Counts(9000.0, 17.0)) for at in starts)


def test_the_bits_of_every_number_are_kept() -> None:
    odd = [0.1 + 0.2, -0.0, 1e-320, math.inf, -math.inf, 2.0**53 + 2]
    ticks = tuple(Reading(NOW + timedelta(seconds=place), Counts(odd[place % 6], 1.5), None) for place in range(300))
    kept = [reading.canary for reading in Ledger(ticks)]
    assert [sample.total.hex() for sample in kept if isinstance(sample, Counts)] == [
        odd[place % 6].hex() for place in range(300)
    ]


def test_what_is_no_number_stays_what_it_is() -> None:
    ticks = tuple(Reading(NOW + timedelta(seconds=place), Gauge(math.nan), None) for place in range(300))
    assert all(isinstance(tick.canary, Gauge) and math.isnan(tick.canary.value) for tick in Ledger(ticks))


@pytest.mark.parametrize("value", [10**400, 2**70 + 1])
def test_a_number_too_large_for_a_float_is_kept(value: int) -> None:
    ticks = tuple(Reading(NOW + timedelta(seconds=place), Counts(value, 0), None) for place in range(300))
    assert list(Ledger(ticks)) == list(ticks)


def test_a_time_of_another_zone_is_kept() -> None:
    at = datetime(2026, 3, 2, 14, tzinfo=timezone(timedelta(hours=2)))
    ticks = tuple(Reading(at + timedelta(seconds=place), None, None) for place in range(300))
    assert Ledger(ticks)[0].at.utcoffset() == timedelta(hours=2)


def test_a_day_of_ticks_takes_a_fifth_of_the_memory_of_its_readings() -> None:
    ticks = counts(8640)
    assert len(pickle.dumps(Ledger(ticks))) < 8640 * 20
    each = ticks[0]
    assert isinstance(each.canary, Counts)
    objects = (each, each.at, each.canary, each.baseline, each.canary.total, each.canary.bad)
    assert sum(map(sys.getsizeof, objects)) > 5 * 20
