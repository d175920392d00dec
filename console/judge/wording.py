"""Numbers of a verdict as short text: ratios, odds, shares, times, rates."""

from __future__ import annotations

import math
from datetime import UTC, datetime


def factor(ratio: float) -> str:
    """A ratio's number with two digits: `0.71`, `3.1`, `14`, `1.2k`, `∞`."""
    if math.isnan(ratio):
        return "?"
    if math.isinf(ratio):
        return "∞"
    if ratio >= 1e6:
        return ">1M"
    if ratio >= 9.95:
        return f"{ratio:.0f}" if ratio < 999.5 else f"{ratio / 1000:.{int(ratio < 9950)}f}k"
    return f"{ratio:.1f}" if ratio >= 0.995 else f"{ratio:.2f}" if ratio > 0.0 else "0"


def times(ratio: float | None) -> str:
    """A ratio: `3.1x`."""
    if ratio is None:
        return "?"
    return "only the canary" if math.isinf(ratio) else f"{factor(ratio)}x"


def span(low: float, high: float) -> str:
    """An interval: `2.2-4.5`."""
    return f"{factor(low)}-{factor(high)}"


def odds(evidence: float) -> str:
    """Evidence: `340:1`, `52k:1`; beyond a million the number says nothing more."""
    if evidence >= 1e6:
        return ">1e6:1"
    if evidence >= 1e4:
        return f"{evidence / 1000:.0f}k:1"
    return f"{evidence:.0f}:1" if evidence >= 10 else f"{evidence:.1f}:1"


def share(value: float) -> str:
    """A share of events: `0.05 %`."""
    percent = value * 100
    return f"{percent:.2g} %" if percent < 10 else f"{percent:.3g} %"


def wait(seconds: float) -> str:
    """A rounded time to wait: `~40 s`, `~7 min`, `longer than a month`."""
    if math.isinf(seconds):
        return "longer than a month"
    if seconds < 90:
        return f"~{max(10, math.ceil(seconds / 10) * 10)} s"
    if seconds < 90 * 60:
        return f"~{math.ceil(seconds / 60)} min"
    return f"~{math.ceil(seconds / 3600)} h" if seconds < 48 * 3600 else f"~{math.ceil(seconds / 86400)} days"


def clock(at: float) -> str:
    """A moment in UTC: `03:12Z`."""
    return f"{datetime.fromtimestamp(at, UTC):%H:%MZ}"


def per_second(rate: float) -> str:
    """A rate: `5 req/s`, `20 req/min`."""
    if rate >= 10:
        return f"{rate:,.0f} req/s"
    return f"{rate:.2g} req/s" if rate >= 0.5 else f"{rate * 60:.2g} req/min"
