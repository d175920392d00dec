"""The trace: two arms on one axis, gaps as gaps, never a lie by scale."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from adapters.contract import Counts, Gauge, Reading
from tests.states import NOW, ago, counts_ledger
from widgets.trace import BLOCKS, Axis, Chart, Grid, axis_for, cells, grid_for, series

VALUES = st.lists(st.none() | st.floats(allow_nan=True, allow_infinity=True), max_size=60)


def test_a_tenfold_canary_towers_over_its_baseline_on_the_shared_axis() -> None:
    axis = axis_for([[0.04, 0.04], [0.004, 0.004]])
    assert (cells([0.04, 0.04], 2, axis), cells([0.004, 0.004], 2, axis)) == ("▇▇", "▂▂")


def test_equal_values_are_drawn_equal_in_both_arms() -> None:
    axis = axis_for([[0.2, 0.1], [0.1, 0.2]])
    assert cells([0.2], 1, axis) == cells([0.2], 1, axis)
    assert cells([0.2, 0.1], 2, axis) == cells([0.1, 0.2], 2, axis)[::-1]


def test_a_tiny_wiggle_does_not_fill_the_height() -> None:
    values = [1.0, 1.00001, 1.0]
    assert len(set(cells(values, 3, axis_for([values])))) == 1


def test_the_axis_starts_at_zero_and_ends_on_a_round_number() -> None:
    assert axis_for([[0.003], [0.041]]) == Axis(0.0, 0.05)


def test_the_axis_reaches_down_for_negative_levels() -> None:
    assert axis_for([[-3.0, 4.0]]) == Axis(-5.0, 5.0)


def test_the_axis_of_no_values_can_still_be_drawn_on() -> None:
    assert cells([0.5], 1, axis_for([[], [None]])) in BLOCKS


def test_noise_below_what_nobody_minds_is_not_blown_up() -> None:
    axis = axis_for([[0.00002], [0.00001]], least=0.001)
    assert cells([0.00002], 1, axis) == "▁"


def test_a_gap_between_values_is_a_dot_and_not_a_zero() -> None:
    assert cells([1.0, None, 0.0], 3, Axis(0, 1)) == "█·▁"


def test_before_the_first_value_there_is_nothing() -> None:
    assert cells([None, None, 1.0], 3, Axis(0, 1)) == "  █"


def test_after_the_last_value_there_is_nothing_while_data_is_in_time() -> None:
    assert cells([1.0, None], 2, Axis(0, 1)) == "█ "


def test_overdue_data_is_hatched_up_to_now() -> None:
    assert cells([1.0, None, None], 3, Axis(0, 1), overdue=True) == "█░░"


def test_a_series_that_never_had_a_value_is_hatched_only_when_overdue() -> None:
    assert (cells([None, None], 2, Axis(0, 1)), cells([None, None], 2, Axis(0, 1), overdue=True)) == ("  ", "░░")


def test_a_short_series_is_flush_right() -> None:
    assert cells([1.0], 4, Axis(0, 1)) == "   █"


def test_one_point_is_drawn_at_its_height_and_not_at_full_height() -> None:
    assert cells([0.1], 1, axis_for([[0.1], [1.0]])) == "▂"


def test_a_chart_puts_both_arms_on_the_axis_of_the_larger() -> None:
    chart = Chart.of(counts_ledger(canary=0.041), Grid(NOW, 60, 8))
    assert chart.axis == Axis(0.0, 0.05)


@given(VALUES, st.integers(-3, 80), VALUES, st.booleans())
def test_any_series_takes_exactly_its_width(
    values: list[float | None], width: int, other: list[float | None], overdue: bool
) -> None:
    assert cell_len(cells(values, width, axis_for([values, other]), overdue)) == max(width, 0)


@given(st.floats(0, 1), st.floats(0, 1))
def test_more_is_never_drawn_lower(first: float, second: float) -> None:
    axis = axis_for([[first], [second]])
    low, high = sorted((first, second))
    assert BLOCKS.index(axis.block(low)) <= BLOCKS.index(axis.block(high))


def test_a_bucket_of_counts_is_weighed_by_its_requests() -> None:
    ledger = [Reading(NOW, Counts(10, 10), None), Reading(NOW + timedelta(seconds=10), Counts(990, 0), None)]
    assert series(ledger, "canary", Grid(NOW + timedelta(seconds=10), 60, 2)) == (None, 0.01)


def test_a_bucket_of_a_gauge_shows_its_last_level() -> None:
    ledger = [Reading(NOW, Gauge(1), None), Reading(NOW + timedelta(seconds=10), Gauge(3), None)]
    assert series(ledger, "canary", Grid(NOW + timedelta(seconds=10), 60, 1)) == (3,)


def test_a_tick_without_requests_is_a_gap() -> None:
    assert series([Reading(NOW, Counts(0, 0), None)], "canary", Grid(NOW, 10, 1)) == (None,)


def test_only_the_last_cell_changes_until_a_bucket_is_full() -> None:
    before = series(counts_ledger(), "canary", Grid(ago(-5), 60, 10))
    late = (*counts_ledger(), Reading(ago(-10), Counts(100, 90), None))
    after = series(late, "canary", Grid(ago(-15), 60, 10))
    assert before[:-1] == after[:-1]
    assert before[-1] != after[-1]


def test_the_grid_is_the_finest_that_shows_what_is_wanted() -> None:
    assert grid_for(NOW, 10, 20, 300).bucket_s == 20


def test_a_moment_before_the_grid_has_no_column() -> None:
    assert Grid(NOW, 10, 5).column(ago(100)) is None


def test_now_stands_in_the_last_column() -> None:
    assert Grid(NOW, 10, 5).column(NOW) == 4


@given(st.floats(allow_nan=True), st.integers(0, 300), st.floats(0, 1e9))
def test_any_grid_can_be_made(tick_s: float, width: int, wanted_s: float) -> None:
    grid = grid_for(NOW, tick_s, width, wanted_s)
    assert (grid.column(NOW) == grid.cells - 1) is (width > 0)
