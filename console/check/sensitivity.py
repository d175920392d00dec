"""What one stage can find of one stream in its bake, and whether a healthy canary can pass in it. Pure, in words."""

from __future__ import annotations

import math
from dataclasses import dataclass

from console.check.flow import Stream
from console.judge.forecast import Flow, seconds_to_find, seconds_to_pass
from console.judge.policy import MetricPolicy
from console.judge.track import PASS_TICKS
from console.judge.wording import per_second, share
from console.plan.exposures import StageExposure
from console.plan.nouns import Metric, Role

LADDER = (1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0)
"""The regressions a stage is asked about."""
_PERCENTS: tuple[float, ...] = (0.1, 0.2, 0.5, *map(float, range(1, 51)))
"""Weights that may be advised: beyond a half, the baseline becomes what is short."""


@dataclass(frozen=True, slots=True)
class StageSensitivity:
    """One stream in one stage."""

    stream: Stream
    exposure: StageExposure

    @property
    def _metric(self) -> Metric:
        return self.stream.metric

    @property
    def percent(self) -> float:
        """The canary's share that is reckoned with, 0..100: the smallest of those given."""
        return self.exposure.smallest

    @property
    def _time_s(self) -> float:
        """What of the bake is judged."""
        return max(0.0, self.exposure.stage.bake_s - self._metric.warmup_s)

    def line(self) -> str:
        """`5 min at 1 % (4 req/s) finds 20x, not 5x; 2x needs 41 min or 6 %`."""
        if self._alone:
            return self._without_baseline()
        if self.exposure.smallest <= 0.0:
            steps = self.exposure.steps
            return f"what its step gives is known to {steps[0]} alone" if steps else "nothing is exposed: not judged"
        canary = per_second(self.stream.rate * self.percent / 100.0)
        where = f"at {_percent(self.percent)}{self._of_several} ({canary})"
        bake = lasting(self.exposure.stage.bake_s)
        if self.exposure.stage.bake_s <= 0.0:
            bake = "no bake"
        if self.stream.bad <= 0.0:
            return f"{bake} {where}: no bad events, so no ratio can be foretold"
        if self._time_s <= 0.0:
            warm = ", all of it warm-up," if self.exposure.stage.bake_s > 0.0 else ""
            return f"{bake}{warm} {where}; {self._needed_text()}"
        warm = f", {lasting(self._metric.warmup_s)} of it warm-up," if self._metric.warmup_s > 0.0 else ""
        return f"{bake}{warm} {where} {self._found()}"

    @property
    def _of_several(self) -> str:
        """Where the targets differ, which share this is."""
        smallest, largest = self.exposure.smallest, self.exposure.largest
        return "" if smallest == largest else f", the smallest of up to {_percent(largest)}"

    @property
    def _alone(self) -> bool:
        return self._metric.without_baseline or (
            self.exposure.common_share is not None and self.exposure.common_share >= 100.0
        )

    def _without_baseline(self) -> str:
        limit = self._metric.limit
        told = f"{'' if self._metric.without_baseline else '100 %: '}no baseline: only the limit can fail"
        return f"{told} ({share(limit)})" if limit is not None else f"{told}, and {self._metric.name} has none"

    def _found(self) -> str:
        """What the bake finds, what not, and what `pass_below` would need."""
        asked = self._metric.pass_below
        rungs = sorted({*LADDER, asked})
        rungs = [rung for rung in rungs if rung > self._metric.tolerance and self._possible(rung)]
        if not rungs:
            return f"finds nothing: with {share(self.stream.bad)} bad no ratio is left to find"
        place = next((place for place, rung in enumerate(rungs) if self.finds_s(rung) <= self._time_s), None)
        if place is None:
            told = f"finds nothing, not even {self._times(rungs[-1])}"
        else:
            told = f"finds {self._times(rungs[place])}"
            if place:
                told += f", not {self._times(rungs[place - 1])}"
        found = place is not None and rungs[place] <= asked
        return told if found else f"{told}; {self._needed_text()}"

    def _needed_text(self) -> str:
        """What it takes to find a regression of `pass_below`."""
        asked = self._metric.pass_below
        ratio = self._times(asked)
        if self._trifle(asked):
            return f"{ratio} is less than {share(self._metric.min_excess)} more: never called"
        if not self._possible(asked):
            return f"{ratio} cannot be with {share(self.stream.bad)} bad"
        seconds, weight = self.finds_s(asked), self._weight(asked)
        ways = [lasting(seconds + self._metric.warmup_s)] if not math.isinf(seconds) else []
        if weight is not None and weight > self.percent:
            ways.append(_percent(weight))
        if not ways:
            return f"{ratio} is out of sight at this traffic"
        return f"{ratio} needs {' or '.join(ways)}"

    def _times(self, ratio: float) -> str:
        """A regression as it would be read: `2x`, or `0.5x` where lower is worse."""
        return f"{1.0 / ratio if self._metric.falling else ratio:.3g}x"

    def _possible(self, ratio: float) -> bool:
        return self._metric.falling or self.stream.bad * ratio <= 1.0

    def _trifle(self, ratio: float) -> bool:
        less = 1.0 - 1.0 / ratio if self._metric.falling else ratio - 1.0
        return self.stream.bad * less < self._metric.min_excess

    def _flow(self, percent: float, ratio: float) -> Flow:
        """The flow as the engine sees it; where lower is worse it has the arms exchanged."""
        stream, weight = self.stream, percent / 100.0
        canary, baseline = stream.rate * weight, stream.rate * (1.0 - weight)
        if self._metric.falling:
            return Flow(baseline, canary, stream.bad / ratio, stream.tick_s, stream.phi)
        return Flow(canary, baseline, stream.bad, stream.tick_s, stream.phi)

    def finds_s(self, ratio: float, percent: float | None = None) -> float:
        """Seconds until a regression of this size is called; infinite if it never is."""
        flow = self._flow(self.percent if percent is None else percent, ratio)
        return seconds_to_find(flow, ratio, tolerance=self._metric.tolerance, min_excess=self._metric.min_excess)

    def _weight(self, ratio: float) -> float | None:
        """The smallest share, in percent, at which the bake finds a regression of this size."""
        if self._time_s <= 0.0:
            return None
        return next((percent for percent in _PERCENTS if self.finds_s(ratio, percent) <= self._time_s), None)

    def passes_s(self) -> float:
        """Seconds after the warm-up until a healthy canary passes; infinite if it does not."""
        metric = self._metric
        terms = MetricPolicy.of(metric)
        flow = self._flow(self.percent, 1.0)
        seconds = seconds_to_pass(flow, worse_by=metric.pass_below, negligible=terms.negligible)
        canary = self.stream.rate * self.percent / 100.0
        needed = self.exposure.stage.min_requests if metric.role is Role.CRITICAL else 0
        return max(seconds, PASS_TICKS * self.stream.tick_s, needed / canary if canary > 0.0 else math.inf)

    def warning(self) -> str | None:
        """Why a healthy canary cannot pass within the bake, where that holds the stage; None where it can."""
        stage, metric = self.exposure.stage, self._metric
        if metric.role is not Role.CRITICAL or self._alone or self.percent <= 0.0 or stage.bake_s <= 0.0:
            return None
        seconds = self.passes_s() + metric.warmup_s
        if seconds <= stage.bake_s:
            return None
        bake = lasting(stage.bake_s)
        if math.isinf(seconds):
            return f"stage {stage.name}: {metric.name} cannot pass at this traffic, however long it bakes (bake {bake})"
        return (
            f"stage {stage.name}: a healthy canary needs {lasting(seconds)} to pass {metric.name}, the bake is {bake}"
        )


def lasting(seconds: float) -> str:
    """A length of time, rounded up: `40 s`, `41 min`, `3 h`, `12 days`."""
    if math.isinf(seconds):
        return "longer than a month"
    for unit, name in ((1.0, "s"), (60.0, "min"), (3600.0, "h")):
        count = math.ceil(seconds / unit - 1e-9)
        if count < {"s": 90, "min": 180, "h": 48}[name]:
            return f"{count} {name}"
    return f"{math.ceil(seconds / 86400.0)} days"


def _percent(number: float) -> str:
    return f"{number:g} %"
