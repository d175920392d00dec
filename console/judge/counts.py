"""The first rule for counts (bad among total), to be replaced by sequential evidence behind the same function.

Over the paired ticks of the stage (both arms said something; at 100 % the canary alone):

    fail    the canary's share is above `limit` beyond doubt (lower end of its 99 % interval), or
            canary/baseline is above `tolerance` beyond doubt, with at least 2 bad canary events and a share that is not
            negligible
    pass    min_requests reached, share not above `limit`, and either the ratio's upper end is below `pass_below`,
            or the canary's own share is below `negligible` beyond doubt (when there are next to no errors anywhere,
            no ratio can be told, and none matters)
    unsure  everything else. "No significant difference" is never a pass.

A fixed interval looked at again and again is wrong more often than once in a hundred: that is why this rule is the
first and not the last.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from adapters.contract import Counts, Reading
from console.judge.interval import ratio_interval, share_interval
from console.judge.verdict import ArmTotals, Verdict, VerdictState
from console.plan.nouns import Metric


def totals(readings: Sequence[Reading], *, alone: bool) -> tuple[ArmTotals, ArmTotals]:
    """Both arms' sums over the ticks that count: paired ones, or every canary tick when it is `alone`."""
    n_c = bad_c = n_b = bad_b = 0.0
    for reading in readings:
        canary, baseline = reading.canary, reading.baseline
        if not isinstance(canary, Counts) or not (alone or isinstance(baseline, Counts)):
            continue
        n_c += canary.total
        bad_c += canary.bad
        if isinstance(baseline, Counts):
            n_b += baseline.total
            bad_b += baseline.bad
    return _arm(n_c, bad_c), _arm(n_b, bad_b)


def baseline_alone(readings: Sequence[Reading]) -> ArmTotals:
    """The baseline's own sums, for showing its level while there is no canary to pair it with."""
    counts = [reading.baseline for reading in readings if isinstance(reading.baseline, Counts)]
    return _arm(sum(entry.total for entry in counts), sum(entry.bad for entry in counts))


def _arm(n: float, bad: float) -> ArmTotals:
    return ArmTotals(n, bad, bad / n if n > 0 else None)


def judge_counts(metric: Metric, readings: Sequence[Reading], *, min_requests: int, alone: bool) -> Verdict:
    """The verdict of fresh, whole data. `readings` are the ticks of the current stage."""
    canary, baseline = totals(readings, alone=alone)
    low, high = ratio_interval(canary.bad, canary.n, baseline.bad, baseline.n)
    ratio = _ratio(canary, baseline)

    def say(state: VerdictState, reason: str) -> Verdict:
        return Verdict(metric.name, state, reason, canary, baseline, ratio, low, high)

    if canary.value is None:
        return say(VerdictState.UNSURE, "no canary requests in this stage yet")
    share_low, share_high = share_interval(canary.bad, canary.n)
    if metric.limit is not None and share_low > metric.limit:
        return say(VerdictState.FAIL, f"{_share(canary.value)} is above the limit of {_share(metric.limit)}")
    if low > metric.tolerance and canary.bad >= 2 and canary.value >= metric.negligible:
        return say(VerdictState.FAIL, f"{_times(ratio)} baseline (99 %: {_span(low, high)})")
    if canary.n < max(1, min_requests):
        return say(VerdictState.UNSURE, f"{canary.n:.0f} of {min_requests} requests")
    if metric.limit is not None and canary.value > metric.limit:
        return say(VerdictState.UNSURE, f"{_share(canary.value)} may be above the limit of {_share(metric.limit)}")
    if high < metric.pass_below:
        return say(VerdictState.PASS, f"{_times(ratio)} (99 %: {_span(low, high)}), below {metric.pass_below:g}x")
    if share_high < metric.negligible:
        return say(VerdictState.PASS, f"share is below {_share(metric.negligible)}: negligible")
    if alone and metric.limit is not None and share_high < metric.limit:
        return say(VerdictState.PASS, f"no baseline at 100 %; below the limit of {_share(metric.limit)}")
    if alone:
        return say(VerdictState.UNSURE, "no baseline to compare with at 100 %")
    if ratio is None:
        return say(VerdictState.UNSURE, f"no errors yet; {_share(share_high)} cannot be excluded")
    return say(VerdictState.UNSURE, f"{_times(ratio)} ({_span(low, high)}): cannot exclude {metric.pass_below:g}x yet")


def _ratio(canary: ArmTotals, baseline: ArmTotals) -> float | None:
    if canary.value is None or baseline.value is None or (canary.bad == 0 and baseline.bad == 0):
        return None
    return canary.value / baseline.value if baseline.value > 0 else math.inf


def _share(value: float) -> str:
    percent = value * 100
    return f"{percent:.2g} %" if percent < 10 else f"{percent:.3g} %"


def _times(ratio: float | None) -> str:
    return "?" if ratio is None else "only the canary has errors;" if math.isinf(ratio) else f"{ratio:.2g}x"


def _span(low: float, high: float) -> str:
    return f"{low:.2g}-{'inf' if math.isinf(high) else format(high, '.2g')}"
