"""Numbers as every pane writes them: shares, levels, counts, ratios, ages, durations, clocks.

Nothing here raises: None becomes a dash, a number that is not finite a question mark.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from adapters.contract import Shape
from console.judge.wording import factor, span

NOTHING = "-"
_SCALES: Sequence[tuple[float, str]] = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def _digits(value: float) -> str:
    """`value` below 1000 with about three significant digits, never in scientific notation."""
    size = abs(value)
    if size == 0:
        return "0"
    places = 0 if size >= 99.95 else 1 if size >= 9.995 else 2 if size >= 0.0995 else 3
    return f"{value:.{places}f}"


def _no_number(value: float | None) -> str:
    return NOTHING if value is None else "?"


def level(value: float | None) -> str:
    """A gauge's level, or any plain number: "0.64", "12.3", "4.31k"."""
    if value is None or not math.isfinite(value):
        return _no_number(value)
    if abs(value) >= 1e15:
        return ">999T" if value > 0 else "<-999T"
    for size, sign in _SCALES:
        if abs(value) >= size * 0.9995:
            return _digits(value / size) + sign
    if 0 < abs(value) < 0.0005:
        return "<0.001" if value > 0 else ">-0.001"
    return _digits(value)


def share(value: float | None) -> str:
    """A share 0..1 as per cent: "0.40 %", "12.3 %", "0.004 %", "<0.001 %"."""
    return _no_number(value) if value is None or not math.isfinite(value) else f"{level(value * 100)} %"


def percent(value: float) -> str:
    """A share of the traffic 0..1, two digits: "2.1 %"."""
    return f"{value * 100:.2g} %" if value < 0.1 else f"{value * 100:.0f} %"


def amount(value: float | None, shape: Shape) -> str:
    """A metric's value, as a level or a share by its shape."""
    return level(value) if shape is Shape.GAUGE else share(value)


def axis_end(value: float, shape: Shape) -> str:
    """The end of an axis, a round number without trailing zeros: "5 %", "0.5 %", "20k"."""
    shown = value if shape is Shape.GAUGE else value * 100
    if not 1e-3 <= abs(shown) < 1e3:
        return amount(value, shape).replace(".00", "").replace(".0", "")
    return f"{shown:.3g}" if shape is Shape.GAUGE else f"{shown:.3g} %"


def count(value: float | None) -> str:
    """A count of events: "812", "4.31k", "1.20M"."""
    if value is not None and math.isfinite(value) and 0 <= value < 999.5:
        return f"{value:.0f}"
    return level(value)


def ratio(value: float | None) -> str:
    """Ratio of canary to baseline: "1.0x", "10x", "∞x"."""
    return NOTHING if value is None else f"{factor(value)}x"


def interval(low: float | None, high: float | None) -> str:
    """The interval of a ratio: "(0.71-1.4)", "(7.4-∞)"; empty without one."""
    if low is None and high is None:
        return ""
    return f"({span(0.0 if low is None else low, math.inf if high is None else high)})"


def age(seconds: float | None) -> str:
    """An age: "4s", "95s", "12m", "3h", "5d"; "0s" for a time in the future."""
    if seconds is None or not math.isfinite(seconds):
        return _no_number(seconds)
    whole = max(int(seconds), 0)
    for size, sign in ((86400, "d"), (3600, "h"), (60, "m")):
        if whole >= 2 * size:
            return f"{whole // size}{sign}"
    return f"{whole}s"


def duration(seconds: float | None) -> str:
    """A stretch of time: "4:10", "1:02:03"."""
    if seconds is None or not math.isfinite(seconds):
        return _no_number(seconds)
    minutes, second = divmod(max(int(seconds), 0), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def since(then: datetime | None, now: datetime | None) -> float | None:
    """Seconds from `then` to `now`; None if either is unknown."""
    return None if then is None or now is None else (now - then).total_seconds()


def clock(at: datetime | None) -> str:
    """Time of day in UTC: "03:12:00Z"."""
    return "--:--:--Z" if at is None else f"{at.astimezone(UTC):%H:%M:%S}Z"


def local_clock(at: datetime | None) -> str:
    """Time of day in the console's own time zone: "04:12 local"."""
    return "--:-- local" if at is None else f"{at.astimezone():%H:%M} local"
