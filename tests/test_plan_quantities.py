"""Durations, ratios, shares and exposures as people write them."""

from __future__ import annotations

import pytest

from console.plan.quantities import Amount, QuantityError, amount, duration, exposure, level, ratio, share


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("30s", 30),
        ("5m", 300),
        ("1h", 3600),
        ("1h30m", 5400),
        ("250ms", 0.25),
        (10, 10),
        (0.5, 0.5),
        ("1.5m", 90),
        ("1h 5s", 3605),
        ("45", 45),
        (0, 0),
    ],
)
def test_a_duration_is_seconds(written: object, seconds: float) -> None:
    assert duration(written) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "written",
    [
        "10:30",
        "",
        "5 parsecs",
        "m5",
        "5m1h",
        True,
        None,
        -1,
        "-5s",
        float("nan"),
        float("inf"),
        10**400,
        "1" * 5000,
        [],
        "٣s",
    ],
)
def test_what_is_no_duration_is_refused(written: object) -> None:
    with pytest.raises(QuantityError):
        duration(written)


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("10:30", "write 10m30s, or 10h30m"),
        ("1:02:03", "write 1h2m3s"),
        ("5 minutes", "write 5m"),
        ("30sec", "write 30s"),
        ("10 millis", "write 10ms"),
    ],
)
def test_a_near_duration_is_told_how_it_is_written(written: str, hint: str) -> None:
    with pytest.raises(QuantityError) as caught:
        duration(written)
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("written", "value"), [("2x", 2), ("1.25x", 1.25), (1.5, 1.5), ("1.5", 1.5), ("2×", 2), (1, 1)]
)
def test_a_ratio_is_how_many_times(written: object, value: float) -> None:
    assert ratio(written) == value


@pytest.mark.parametrize("written", ["0.5x", 0, "25%", "x", "", True, None, "2xx", 1e9, [2]])
def test_what_is_no_ratio_is_refused(written: object) -> None:
    with pytest.raises(QuantityError):
        ratio(written)


def test_a_percentage_for_a_ratio_is_told_what_it_would_be() -> None:
    with pytest.raises(QuantityError) as caught:
        ratio("25%")
    assert caught.value.hint == "25 % more is written 1.25x"


@pytest.mark.parametrize(
    ("written", "value"), [("5%", 0.05), ("0.1 %", 0.001), (0.05, 0.05), (".5", 0.5), ("100%", 1.0), (0, 0.0)]
)
def test_a_share_is_a_percentage_or_a_part_of_one(written: object, value: float) -> None:
    assert share(amount(written)) == pytest.approx(value)


@pytest.mark.parametrize("written", [5, 1, "101%", -0.1, "-1%"])
def test_what_is_no_share_is_refused(written: object) -> None:
    with pytest.raises(QuantityError):
        share(amount(written))


@pytest.mark.parametrize("written", ["five", "", None, True, [], {}])
def test_what_is_no_amount_is_refused(written: object) -> None:
    with pytest.raises(QuantityError):
        amount(written)


def test_a_level_is_no_percentage() -> None:
    assert level(Amount(80, percent=False)) == 80
    with pytest.raises(QuantityError):
        level(Amount(80, percent=True))


@pytest.mark.parametrize(
    ("written", "value"), [(0, 0), (100, 100), ("25%", 25), ("25", 25), ("on", "on"), ("Off", "off")]
)
def test_an_exposure_is_a_whole_percentage_or_a_word(written: object, value: object) -> None:
    assert exposure(written) == value


@pytest.mark.parametrize("written", [-1, 101, 12.5, 12.0, "12.5%", True, False, None, "half", [], 1e400])
def test_what_is_no_exposure_is_refused(written: object) -> None:
    with pytest.raises(QuantityError):
        exposure(written)
