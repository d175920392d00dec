"""Conditions of Argo's analyses as floors and ceilings; what is neither is said to be neither."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.manifests.bound import NO_DATA, Bound, NotBounded, read_failure, read_success


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("result[0] >= 0.95", Bound(low=0.95)),
        ("result < 1e3", Bound(high=1000.0)),
        ("0.95 <= result[0]", Bound(low=0.95)),
        ("result[0] >= -1", Bound(low=-1.0)),
        ("result[0] == 1", Bound(1.0, 1.0)),
        ("result[0] >= 1 && result[0] <= 3", Bound(1.0, 3.0)),
        ("result[0] >= 1 and result[0] >= 2", Bound(low=2.0)),
        ("(result[0] > 0.9)", Bound(low=0.9)),
        ("!(result[0] > 0.9)", Bound(high=0.9)),
        ("not (result[0] > 5 || result[0] < 1)", Bound(1.0, 5.0)),
        ("isNaN(result[0]) || result[0] <= 5", Bound(high=5.0)),
        ("len(result) == 0 or result[0] <= 5", Bound(high=5.0)),
        ("result == nil || result[0] <= 5", Bound(high=5.0)),
        ("len(result) > 0 && result[0] <= 5", Bound(high=5.0)),
        ("!isNaN(result[0]) && result[0] <= 5", Bound(high=5.0)),
        ("default(result[0], 0) <= 5", Bound(high=5.0)),
        ("asFloat(result[0]) <= 5", Bound(high=5.0)),
        ("all(result, {# > 0.9})", Bound(low=0.9)),
        ("all(result, # > 0.9 && # < 2)", Bound(0.9, 2.0)),
    ],
)
def test_a_condition_for_success_is_where_the_number_has_to_be(text: str, bound: Bound) -> None:
    assert read_success(text).bound == bound


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("result[0] >= 0.05", Bound(high=0.05)),
        ("result[0] < 0.9", Bound(low=0.9)),
        ("result[0] < 1 || result[0] > 3", Bound(1.0, 3.0)),
        ("isNaN(result[0]) || result[0] > 3", Bound(high=3.0)),
        ("!isNaN(result[0]) && result[0] > 3", Bound(high=3.0)),
        ("result[0] != 1", Bound(1.0, 1.0)),
    ],
)
def test_a_condition_for_failure_is_where_the_number_must_not_be(text: str, bound: Bound) -> None:
    assert read_failure(text).bound == bound


@pytest.mark.parametrize(
    ("reader", "text", "noted"),
    [
        (read_success, "isNaN(result[0]) || result[0] <= 5", True),
        (read_success, "!isNaN(result[0]) && result[0] <= 5", False),
        (read_failure, "!isNaN(result[0]) && result[0] > 5", True),
        (read_failure, "isNaN(result[0]) || result[0] > 5", False),
    ],
)
def test_no_data_that_counts_as_success_there_is_noted(reader: object, text: str, noted: bool) -> None:
    assert callable(reader)
    assert (NO_DATA in reader(text).notes) is noted


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("result[0] > 1 || result[0] < -1", "one of several conditions is enough"),
        ("result.status == 'ok'", "it reads a field of the result"),
        ("result[1] > 3", "it reads result[1]"),
        ("any(result, # > 3)", "cannot read it from 'any' on"),
        ("result[0] * 100 > 3", "cannot read it from '* 100 > 3' on"),
        ("result == 'ok'", "cannot read it from"),
        ("result != 5", "it only excludes one value"),
        ("isNaN(result)", "it only asks whether there is data"),
        ("true", "cannot read it from 'true' on"),
        ("", "cannot read it from 'its end' on"),
        ("result[0] > 1 ? true : false", "cannot read it from"),
        ("result[0] > result[0]", "it does not compare the result with a number"),
        ("all(result,", "cannot read it from 'its end' on"),
    ],
)
def test_what_is_no_bound_says_why(text: str, why: str) -> None:
    with pytest.raises(NotBounded) as caught:
        read_success(text)
    assert why in str(caught.value)


@given(st.text(max_size=60))
def test_no_condition_is_too_odd_to_be_refused(text: str) -> None:
    for reader in (read_success, read_failure):
        try:
            found = reader(text)
        except NotBounded:
            continue
        assert found.bound != Bound()


@given(st.floats(-10, 10), st.floats(-5, 5).filter(lambda factor: abs(factor) > 0.1), st.floats(-3, 3))
def test_a_bound_moves_with_the_numbers_around_the_value(value: float, factor: float, offset: float) -> None:
    whole, bound = offset + factor * value, Bound(-1.0, 4.0)
    inner = bound.before(offset, factor)
    assert inner.low is not None
    assert inner.high is not None
    within = -1.0 + 1e-9 < whole < 4.0 - 1e-9
    outside = not -1.0 - 1e-9 < whole < 4.0 + 1e-9
    assert not (within and not inner.low <= value <= inner.high)
    assert not (outside and inner.low < value < inner.high)
