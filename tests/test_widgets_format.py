"""How numbers are written: short, never in scientific notation, never raising."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import Shape
from tests.states import NOW
from widgets import format


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "-"),
        (math.nan, "?"),
        (0.0, "0 %"),
        (0.000001, "<0.001 %"),
        (0.00004, "0.004 %"),
        (0.0041, "0.41 %"),
        (0.041, "4.10 %"),
        (0.123, "12.3 %"),
        (1.0, "100 %"),
    ],
)
def test_a_share_is_written_as_per_cent(value: float | None, written: str) -> None:
    assert format.share(value) == written


@pytest.mark.parametrize(
    ("value", "written"), [(0, "0"), (812, "812"), (999.6, "1.00k"), (4310, "4.31k"), (2e6, "2.00M")]
)
def test_a_count_is_written_short(value: float, written: str) -> None:
    assert format.count(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [(10.24, "10x"), (1.02, "1.0x"), (0.714, "0.71x"), (9.97, "10x"), (0.999, "1.0x"), (math.inf, "∞x"), (None, "-")],
)
def test_a_ratio_says_times_with_two_digits(value: float | None, written: str) -> None:
    assert format.ratio(value) == written


def test_an_open_interval_says_so() -> None:
    assert format.interval(7.4, math.inf) == "(7.4-∞)"


def test_no_interval_is_written_as_nothing() -> None:
    assert format.interval(None, None) == ""


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(None, "-"), (-3, "0s"), (4.9, "4s"), (95, "95s"), (720, "12m"), (10_800, "3h"), (432_000, "5d")],
)
def test_an_age_has_one_unit(seconds: float | None, written: str) -> None:
    assert format.age(seconds) == written


@pytest.mark.parametrize(("seconds", "written"), [(0, "0:00"), (250, "4:10"), (3723, "1:02:03")])
def test_a_duration_is_written_like_a_stopwatch(seconds: float, written: str) -> None:
    assert format.duration(seconds) == written


@pytest.mark.parametrize(
    ("value", "shape", "written"),
    [(0.05, Shape.COUNTS, "5 %"), (0.005, Shape.COUNTS, "0.5 %"), (2e4, Shape.GAUGE, "20k")],
)
def test_an_axis_end_has_no_trailing_zeros(value: float, shape: Shape, written: str) -> None:
    assert format.axis_end(value, shape) == written


def test_the_clock_names_its_zone() -> None:
    assert format.clock(NOW) == "03:12:00Z"


@given(st.floats(allow_nan=True, allow_infinity=True) | st.none())
def test_any_number_is_written_in_few_characters(value: float | None) -> None:
    written = [
        format.share(value),
        format.level(value),
        format.count(value),
        format.ratio(value),
        format.interval(value, value),
    ]
    assert all(len(text) <= 19 and "e+" not in text for text in written)
    assert (format.age(value) == "-") is (value is None)
    assert (format.duration(value) == "-") is (value is None)
