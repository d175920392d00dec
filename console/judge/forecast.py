"""Forecasts of the time to a verdict and of the size found.

The judge's own mixtures are projected over the average ticks of a canary that errs r times as often as the baseline.
They start from the current evidence, or for a plan from none. In simulations of 20 settings, each at five moments, the
forecast was within 25 % or two ticks of the median time.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

from console.judge.absolute import BELOW
from console.judge.bursts import WITHOUT_HISTORY
from console.judge.latch import FAIL_AT, NOT_TRIVIAL, READY
from console.judge.mixture import HALF_LIFE, SPENT_AT_ONCE, TICK_CAP, Mixture
from console.judge.onset import RATIOS
from console.judge.split import ARM_NOISE, LOG_PASS, LOG_RATIOS, PASS_RATIOS, tick_evidence

MEDIAN = 0.2
"""Nats by which the median crossing of key 1 comes before the crossing of its average evidence."""
MEDIAN_TRIVIAL = 0.7
"""The same for key 2. Both were fitted to simulations of 20 settings at five moments each."""
LARGEST = 1000.0
"""Largest ratio in a forecast."""
NEVER_S = 30 * 86400.0
"""Time in seconds beyond which the forecast is "never"."""
_LOG_BIG = 60.0
PERCENTS: tuple[float, ...] = (0.1, 0.2, 0.5, *range(1, 51))
"""Weights that are tried; more traffic on the canary finds sooner, up to half of it."""


_UNKNOWN, _UNKNOWN_PASS = Mixture.of(len(RATIOS)), Mixture.of(len(PASS_RATIOS))


@dataclass(frozen=True, slots=True)
class Flow:
    """Traffic of a stage, and its current evidence."""

    canary: float
    baseline: float
    """Events per second of each arm."""
    bad: float
    """The baseline's share of bad events, 0..1."""
    tick_s: float = 10.0
    phi: float = WITHOUT_HISTORY
    worse: Mixture = _UNKNOWN
    trivial: Mixture = _UNKNOWN
    better: Mixture = _UNKNOWN_PASS

    @property
    def total(self) -> float:
        """Events per second of both arms."""
        return self.canary + self.baseline

    @property
    def without_evidence(self) -> Flow:
        """The same traffic without evidence."""
        return Flow(self.canary, self.baseline, self.bad, self.tick_s, self.phi)

    def at_weight(self, weight: float) -> Flow:
        """The same traffic without evidence, with the canary's share at `weight` (0..1)."""
        return Flow(self.total * weight, self.total * (1.0 - weight), self.bad, self.tick_s, self.phi)

    def tick(self, ratio: float, tolerance: float) -> tuple[float, float, float, float, float]:
        """(kc, nc, errors, nb, f) of an average tick at `ratio`."""
        nc, nb = self.canary * self.tick_s, self.baseline * self.tick_s
        kc = self.bad * ratio * nc
        errors = kc + self.bad * nb
        q = nc * tolerance / (nc * tolerance + nb) if nc > 0.0 else 0.0
        return kc, nc, errors, nb, max(self.phi, 1.0 + 6.0 * errors * q * ARM_NOISE * ARM_NOISE)


def projected_evidence(mixture: Mixture, logs: list[float], due: float, ticks: float) -> float:
    """The evidence of `mixture` after `ticks` equal ticks.

    Args:
        mixture: the evidence now.
        logs: per suspicion, log likelihood ratio of each tick in nats.
        due: events expected under the null in each tick.
        ticks: number of ticks, possibly a fraction.
    """
    due = min(due, 1.0)
    unspent = mixture.scale * (1.0 - SPENT_AT_ONCE) / (1.0 + (mixture.expected + ticks * due) / HALF_LIFE)
    weight = (mixture.unspent - unspent) / ticks if ticks > 0.0 else 0.0
    total = 0.0
    for part, log in zip(mixture.parts, logs, strict=True):
        step = min(log, TICK_CAP)
        grown = math.exp(min(ticks * step, _LOG_BIG))
        begun = ticks if abs(step) < 1e-9 else (grown - 1.0) / -math.expm1(-step)
        total += part * grown + weight * begun
    return total / len(mixture.parts) + unspent


def _crossing_s(tick_s: float, is_reached: Callable[[float], bool], least: float) -> float:
    """Seconds until `is_reached(ticks)`, a monotonic condition; infinite beyond `NEVER_S`."""
    high = NEVER_S / tick_s
    if not is_reached(high):
        return math.inf
    low = 0.0
    for _ in range(60):
        middle = (low + high) / 2.0 if low > 0.0 else high / 16.0
        low, high = (low, middle) if is_reached(middle) else (middle, high)
        if high - low < 0.02:
            break
    return max(least, math.ceil(high)) * tick_s


def seconds_to_find(flow: Flow, ratio: float, *, tolerance: float = 1.25, min_excess: float = 0.0) -> float:
    """Seconds until a regression of `ratio` that begins now is a FAIL.

    Both keys are needed, and at least two ticks. Infinite if it never is one: an excess below `min_excess` (a share) is
    no FAIL.
    """
    if ratio <= tolerance or flow.bad * (ratio - 1.0) < min_excess or flow.bad * ratio > 1.0:
        return math.inf
    kc, nc, errors, nb, f = flow.tick(ratio, tolerance)
    if nc <= 0.0 or nb <= 0.0 or errors <= 0.0:
        return math.inf
    keys = [
        (mixture, *tick_evidence(RATIOS, LOG_RATIOS, null, kc, nc, errors, nb, f), math.log(needed) - ahead)
        for mixture, null, needed, ahead in (
            (flow.worse, 1.0, FAIL_AT, MEDIAN),
            (flow.trivial, tolerance, NOT_TRIVIAL, MEDIAN_TRIVIAL),
        )
    ]

    def has_turned(ticks: float) -> bool:
        return all(
            math.log(projected_evidence(mixture, logs, due, ticks)) >= wanted for mixture, logs, due, wanted in keys
        )

    return _crossing_s(flow.tick_s, has_turned, 2.0)


def smallest_found(flow: Flow, within_s: float, *, tolerance: float = 1.25, min_excess: float = 0.0) -> float | None:
    """The smallest ratio that fails within `within_s`; None if above `LARGEST`."""
    high = min(LARGEST, 1.0 / flow.bad if flow.bad > 0.0 else LARGEST)

    def is_found(ratio: float) -> bool:
        return seconds_to_find(flow, ratio, tolerance=tolerance, min_excess=min_excess) <= within_s

    if not is_found(high):
        return None
    low = tolerance
    for _ in range(12):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if is_found(middle) else (middle, high)
    return high


def weight_to_find(flow: Flow, ratio: float, within_s: float, *, tolerance: float = 1.25) -> float | None:
    """The smallest weight (0..0.5) that finds a regression within `within_s` seconds, or None."""

    def is_found(percent: float) -> bool:
        return seconds_to_find(flow.at_weight(percent / 100.0), ratio, tolerance=tolerance) <= within_s

    if not is_found(PERCENTS[-1]):
        return None
    return PERCENTS[bisect_left(PERCENTS, True, key=is_found)] / 100.0


def seconds_to_pass(flow: Flow, *, worse_by: float, negligible: float) -> float:
    """Seconds until a healthy canary passes, from the current evidence.

    By the ratio, or by the canary's own share if that is below `negligible`; whichever is sooner. Infinite if neither.
    """
    times = []
    kc, nc, errors, nb, f = flow.tick(1.0, 1.25)
    if nc > 0.0 and nb > 0.0 and errors > 0.0:
        logs, due = tick_evidence(PASS_RATIOS, LOG_PASS, worse_by, kc, nc, errors, nb, f)
        wanted = math.log(READY) - MEDIAN

        def has_turned(ticks: float) -> bool:
            return math.log(projected_evidence(flow.better, logs, due, ticks)) >= wanted

        times.append(_crossing_s(flow.tick_s, has_turned, 1.0))
    if negligible > 0.0 and flow.canary > 0.0:
        speed = flow.canary / flow.phi * max(flow.bad * math.log(g) + (1.0 - g) * negligible for g in BELOW)
        if speed > 0.0:
            times.append(math.log(2.0 * READY * len(BELOW)) / speed)
    soonest = min(times, default=math.inf)
    return soonest if soonest < NEVER_S else math.inf
