"""How long until we would know: the time to find a regression of a given size, and the size that would show by then.

The split yields I(r, r0) = (l_b n_b + l_b r n_c) KL(q(r) || q(r0)) nats a second when the canary errs r times as often
as the baseline (l_b its share of bad events, n the arms' requests per second). A conviction takes ln(1/a) nats (Wald
1945) and what is paid for not knowing size and beginning.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from console.judge.absolute import BELOW
from console.judge.bursts import WITHOUT_HISTORY
from console.judge.latch import CONVICT, NOT_TRIVIAL, READY
from console.judge.mixture import HALF_LIFE
from console.judge.split import ARM_NOISE

PRICE = 2.0
"""Nats paid for not knowing the size and the beginning."""
LARGEST = 1000.0
"""The largest ratio asked about."""
NEVER_S = 30 * 86400.0
"""Longer than this is never."""


@dataclass(frozen=True, slots=True)
class Flow:
    """What flows while a stage bakes."""

    canary: float
    """The canary's events per second."""
    baseline: float
    """The baseline's events per second."""
    bad: float
    """The baseline's share of bad events, 0..1."""
    tick_s: float = 10.0
    phi: float = WITHOUT_HISTORY
    seen: float = 0.0
    """Canary events expected so far in this rollout if nothing is wrong."""

    @property
    def total(self) -> float:
        """Events per second of both arms."""
        return self.canary + self.baseline

    def at(self, weight: float) -> Flow:
        """The same traffic with the canary's part at `weight` (0..1)."""
        return Flow(self.total * weight, self.total * (1 - weight), self.bad, self.tick_s, self.phi, self.seen)


def _q(flow: Flow, ratio: float) -> float:
    return flow.canary * ratio / (flow.canary * ratio + flow.baseline)


def _nats_per_s(flow: Flow, ratio: float, null: float) -> float:
    if flow.canary <= 0.0 or flow.baseline <= 0.0 or flow.bad <= 0.0:
        return 0.0
    q, q0 = _q(flow, ratio), _q(flow, null)
    events = flow.bad * (flow.baseline + ratio * flow.canary)
    return events * (q * math.log(q / q0) + (1 - q) * math.log((1 - q) / (1 - q0)))


def _discount(flow: Flow, ratio: float, tolerance: float) -> float:
    events = flow.bad * (flow.baseline + ratio * flow.canary) * flow.tick_s
    q = _q(flow, tolerance) if flow.canary > 0.0 else 0.0
    return max(flow.phi, 1.0 + 6.0 * events * q * ARM_NOISE * ARM_NOISE)


def seconds_to_find(flow: Flow, ratio: float, *, tolerance: float = 1.25, min_excess: float = 0.0) -> float:
    """Seconds until a canary that errs `ratio` times as often from now on is called FAIL; infinite if it never is.

    The larger of both keys' times, at least two ticks. An excess below `min_excess` (a share) is never called.
    """
    if ratio <= tolerance or flow.bad * (ratio - 1.0) < min_excess or flow.bad * ratio > 1.0:
        return math.inf
    price = PRICE + 2.0 * math.log1p(flow.seen / HALF_LIFE)
    f = _discount(flow, ratio, tolerance)
    slowest = 2.0 * flow.tick_s
    for needed, null in ((math.log(CONVICT), 1.0), (math.log(NOT_TRIVIAL), tolerance)):
        speed = _nats_per_s(flow, ratio, null)
        if speed <= 0.0:
            return math.inf
        slowest = max(slowest, (needed + price) * f / speed)
    return slowest if slowest < NEVER_S else math.inf


def smallest_found(flow: Flow, within_s: float, *, tolerance: float = 1.25, min_excess: float = 0.0) -> float | None:
    """The smallest ratio that would have been called FAIL `within_s` seconds; None if not even `LARGEST` would be."""
    high = min(LARGEST, 1.0 / flow.bad if flow.bad > 0.0 else LARGEST)

    def found(ratio: float) -> bool:
        return seconds_to_find(flow, ratio, tolerance=tolerance, min_excess=min_excess) <= within_s

    if not found(high):
        return None
    low = tolerance
    for _ in range(40):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if found(middle) else (middle, high)
    return high


def weight_to_find(
    flow: Flow, ratio: float, within_s: float, *, tolerance: float = 1.25, min_excess: float = 0.0
) -> float | None:
    """The smallest weight (0..0.5) at which a regression is found `within_s` seconds; None if none does."""

    def found(weight: float) -> bool:
        there = flow.at(weight)
        return seconds_to_find(there, ratio, tolerance=tolerance, min_excess=min_excess) <= within_s

    percents: tuple[float, ...] = (0.1, 0.2, 0.5, *range(1, 51))
    return next((percent / 100.0 for percent in percents if found(percent / 100.0)), None)


def seconds_to_pass(flow: Flow, *, worse_by: float, negligible: float, have: float = 1.0) -> float:
    """Seconds until a healthy canary passes, from evidence `have` on; infinite if it does not.

    By the ratio, or by the canary's own share where that lies below `negligible`; whichever is sooner.
    """
    price = PRICE + 2.0 * math.log1p(flow.seen / HALF_LIFE)
    needed = math.log(READY) + price - math.log(max(have, 0.2))
    speed = _nats_per_s(flow, 1.0, worse_by)
    times = []
    if speed > 0.0:
        times.append(max(needed, 0.0) * _discount(flow, 1.0, worse_by) / speed)
    if negligible > 0.0 and flow.canary > 0.0:
        speed = flow.canary * max(flow.bad * math.log(g) + (1.0 - g) * negligible for g in BELOW)
        if speed > 0.0:
            times.append(math.log(2.0 * READY * len(BELOW)) / speed)
    soonest = min(times, default=math.inf)
    return soonest if soonest < NEVER_S else math.inf
