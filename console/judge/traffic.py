"""Check that the canary gets its share of the traffic.

With another share the canary serves other requests than intended, and its errors prove nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from adapters.contract import Buckets, Counts, Reading

PARTS = 3
PART_S = 60.0
PART_REQUESTS = 100.0
"""Least number of canary requests expected by the weight in each part."""
_LEAST, _MOST = 0.8, 1.25


def mismatch(ticks: Sequence[Reading], weight: float, tick_s: float) -> float | None:
    """The canary's observed share (0..1) if it stays outside 0.8 to 1.25 times `weight`.

    The last three parts, each a minute or a hundred expected canary requests, whichever is longer, all lie outside on
    the same side. Measured: at 2 requests a second a healthy canary is reported in 0.05 to 0.3 % of hours, at higher
    rates never; half or one and a half times the share is found in three minutes from 2 requests a second on.

    Args:
        ticks: the stage's judged ticks, oldest first; read backwards as far as needed.
        weight: the canary's set share during all that time, 0..1.
        tick_s: length of a tick in seconds.

    Returns:
        The share; None if it fits, varies, or too few requests were expected.
    """
    if not 0.0 < weight < 1.0:
        return None
    shares: list[float] = []
    own = both = seconds = all_own = all_both = 0.0
    for tick in reversed(ticks):
        canary, baseline = tick.canary, tick.baseline
        if not isinstance(canary, Counts | Buckets) or not isinstance(baseline, Counts | Buckets):
            continue
        own, both, seconds = own + canary.total, both + canary.total + baseline.total, seconds + tick_s
        if seconds < PART_S or weight * both < PART_REQUESTS:
            continue
        shares.append(own / both)
        all_own, all_both = all_own + own, all_both + both
        own = both = seconds = 0.0
        if len(shares) == PARTS:
            break
    if len(shares) < PARTS:
        return None
    if all(share < _LEAST * weight for share in shares) or all(share > _MOST * weight for share in shares):
        return all_own / all_both
    return None
