"""Whether the canary gets the share of the traffic that it was given: errors among the wrong requests prove nothing."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.contract import Buckets, Counts, Reading

WATCHED_S = 180.0
_PARTS = 3
_LEAST, _MOST = 0.8, 1.25
_ENOUGH = 200.0
"""Canary requests that the weight would have meant in the time watched."""


def mismatch(ticks: Sequence[Reading], weight: float, tick_s: float) -> float | None:
    """The canary's observed share (0..1) where it has stayed outside 0.8 to 1.25 times `weight` for three minutes.

    Args:
        ticks: the stage's judged ticks, oldest first; only the last three minutes are read.
        weight: what the canary was given, 0..1, throughout that time.

    None while it fits, varies, or too little was expected to tell.
    """
    if not 0.0 < weight < 1.0 or not ticks:
        return None
    end = ticks[-1].at.timestamp() + tick_s
    parts = [[0.0, 0.0] for _ in range(_PARTS)]
    for tick in reversed(ticks):
        age = end - tick.at.timestamp()
        if age > WATCHED_S + 1e-6:
            break
        canary, baseline = tick.canary, tick.baseline
        if isinstance(canary, Counts | Buckets) and isinstance(baseline, Counts | Buckets):
            part = parts[min(int((age - 1e-6) / (WATCHED_S / _PARTS)), _PARTS - 1)]
            part[0] += canary.total
            part[1] += canary.total + baseline.total
    if end - ticks[0].at.timestamp() < WATCHED_S or any(both <= 0.0 for _, both in parts):
        return None
    if weight * sum(both for _, both in parts) < _ENOUGH:
        return None
    shares = [own / both for own, both in parts]
    if all(share < _LEAST * weight for share in shares) or all(share > _MOST * weight for share in shares):
        return sum(own for own, _ in parts) / sum(both for _, both in parts)
    return None
