"""The first rule for gauges (a level per tick), to be replaced by block evidence behind the same function.

Ratios canary/baseline per paired tick; six neighbouring ticks count as one observation, because a gauge's ticks are
not independent. Fail: the last three canary ticks are all above `limit`, or the 99 % interval of the mean ratio lies
above `tolerance`. Pass: none of the last three canary ticks is above `limit`, there are at least 12 paired ticks, and
the interval lies below `pass_below`. Else unsure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from adapters.contract import Gauge, Reading
from console.judge.verdict import ArmTotals, Verdict, VerdictState
from console.plan.nouns import Metric

_ENOUGH_TICKS = 12
_TICKS_PER_OBSERVATION = 6
_Z = 2.5758293035489004


def judge_gauge(metric: Metric, readings: Sequence[Reading], *, alone: bool) -> Verdict:
    """The verdict of fresh, whole data. `readings` are the ticks of the current stage."""
    canary = [r.canary.value for r in readings if isinstance(r.canary, Gauge)]
    baseline = [r.baseline.value for r in readings if isinstance(r.baseline, Gauge)]
    ratios = [
        r.canary.value / r.baseline.value
        for r in readings
        if isinstance(r.canary, Gauge) and isinstance(r.baseline, Gauge) and r.baseline.value > 0
    ]
    mean, low, high = _interval(ratios)

    def say(state: VerdictState, reason: str) -> Verdict:
        return Verdict(metric.name, state, reason, _arm(canary), _arm(baseline), mean, low, high)

    if not canary:
        return say(VerdictState.UNSURE, "no canary value in this stage yet")
    if metric.limit is not None and len(canary) >= 3 and min(canary[-3:]) > metric.limit:
        return say(VerdictState.FAIL, f"{canary[-1]:.3g} is above the limit of {metric.limit:g} for 3 ticks")
    if metric.limit is not None and max(canary[-3:]) > metric.limit:
        return say(VerdictState.UNSURE, f"may be above the limit of {metric.limit:g}")
    if alone and metric.limit is None:
        return say(VerdictState.UNSURE, "no baseline to compare with at 100 %")
    if alone:
        enough = len(canary) >= _ENOUGH_TICKS
        state = VerdictState.PASS if enough else VerdictState.UNSURE
        return say(state, f"no baseline at 100 %; below the limit of {metric.limit:g}")
    if mean is None or low is None or high is None or len(ratios) < _ENOUGH_TICKS:
        return say(VerdictState.UNSURE, f"{len(ratios)} of {_ENOUGH_TICKS} ticks with both arms")
    if low > metric.tolerance:
        return say(VerdictState.FAIL, f"{mean:.2g}x baseline (99 %: {low:.2g}-{high:.2g})")
    if high < metric.pass_below:
        return say(VerdictState.PASS, f"{mean:.2g}x (99 %: {low:.2g}-{high:.2g}), below {metric.pass_below:g}x")
    return say(VerdictState.UNSURE, f"{mean:.2g}x ({low:.2g}-{high:.2g}): cannot exclude {metric.pass_below:g}x yet")


def _arm(values: Sequence[float]) -> ArmTotals:
    return ArmTotals(len(values), 0.0, sum(values) / len(values) if values else None)


def _interval(ratios: Sequence[float]) -> tuple[float | None, float | None, float | None]:
    if not ratios:
        return None, None, None
    mean = sum(ratios) / len(ratios)
    if len(ratios) < _TICKS_PER_OBSERVATION:
        return mean, 0.0, math.inf
    spread = math.sqrt(sum((ratio - mean) ** 2 for ratio in ratios) / (len(ratios) - 1))
    half = _Z * spread / math.sqrt(len(ratios) / _TICKS_PER_OBSERVATION)
    return mean, max(0.0, mean - half), mean + half
