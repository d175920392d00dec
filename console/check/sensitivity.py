"""Compute the regressions that a stage finds, and the time to pass. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from console.check.flow import Stream
from console.judge.forecast import PERCENTS, Flow, seconds_to_find, seconds_to_pass
from console.judge.policy import MetricPolicy
from console.judge.track import PASS_TICKS
from console.judge.wording import per_second, share
from console.plan.exposures import StageExposure
from console.plan.nouns import Metric, Role

LADDER = (1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0)
"""Ratios of regressions that a stage is tried with."""


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
        """The canary's share of the computation, 0..100: the smallest of those given."""
        return self.exposure.smallest

    @property
    def _judged_s(self) -> float:
        """Seconds of the bake that are judged: all but the warm-up."""
        return max(0.0, self.exposure.stage.bake_s - self._metric.warmup_s)

    def line(self) -> str:
        """The stage in a line: `5 min at 1 % (4 req/s) finds 20x, not 5x; 2x needs 41 min or 6 %`."""
        if self._has_no_baseline:
            return self._without_baseline()
        if self.exposure.smallest <= 0.0:
            steps = self.exposure.steps
            return f"only {steps[0]} knows the share of its step" if steps else "nothing is exposed: not judged"
        canary = per_second(self.stream.rate * self.percent / 100.0)
        smallest, largest = self.exposure.smallest, self.exposure.largest
        of_several = "" if smallest == largest else f", the smallest of up to {_percent(largest)}"
        where = f"at {_percent(self.percent)}{of_several} ({canary})"
        bake = duration_text(self.exposure.stage.bake_s) if self.exposure.stage.bake_s > 0.0 else "no bake"
        if self.stream.bad <= 0.0:
            return f"{bake} {where}: no bad events, so no ratio can be predicted"
        if self._judged_s <= 0.0:
            warm = ", all of it warm-up," if self.exposure.stage.bake_s > 0.0 else ""
            return f"{bake}{warm} {where}; {self._needed_text()}"
        warm = f", {duration_text(self._metric.warmup_s)} of it warm-up," if self._metric.warmup_s > 0.0 else ""
        return f"{bake}{warm} {where} {self._found_text()}"

    @property
    def _has_no_baseline(self) -> bool:
        return self._metric.without_baseline or (self.exposure.common_share or 0.0) >= 100.0

    def _without_baseline(self) -> str:
        limit = self._metric.limit
        cause = f"{'' if self._metric.without_baseline else '100 %: '}no baseline: only the limit can fail"
        return f"{cause} ({share(limit)})" if limit is not None else f"{cause}, and {self._metric.name} has none"

    def _found_text(self) -> str:
        """Ratios that the bake finds and misses, and the time or share that `pass_below` needs."""
        pass_below = self._metric.pass_below
        possible = sorted(rung for rung in {*LADDER, pass_below} if self._is_possible(rung))
        rungs = [rung for rung in possible if rung > self._metric.tolerance]
        if not rungs:
            return f"finds nothing: with {share(self.stream.bad)} bad no ratio is left to find"
        place = next((place for place, rung in enumerate(rungs) if self.find_time_s(rung) <= self._judged_s), None)
        if place is None:
            text = f"finds nothing, not even {self._ratio_text(rungs[-1])}"
        else:
            missed = f", not {self._ratio_text(rungs[place - 1])}" if place else ""
            text = f"finds {self._ratio_text(rungs[place])}{missed}"
        found = place is not None and rungs[place] <= pass_below
        return text if found else f"{text}; {self._needed_text()}"

    def _needed_text(self) -> str:
        """The bake or the share that finds a regression of `pass_below`, or why none does."""
        pass_below = self._metric.pass_below
        ratio = self._ratio_text(pass_below)
        excess = 1.0 - 1.0 / pass_below if self._metric.falling else pass_below - 1.0
        if self.stream.bad * excess < self._metric.min_excess:
            return f"{ratio} is less than {share(self._metric.min_excess)} more: too little to fail"
        if not self._is_possible(pass_below):
            return f"{ratio} is impossible with {share(self.stream.bad)} bad"
        seconds, weight = self.find_time_s(pass_below), self._weight(pass_below)
        ways = [duration_text(seconds + self._metric.warmup_s)] if not math.isinf(seconds) else []
        if weight is not None and weight > self.percent:
            ways.append(_percent(weight))
        if not ways:
            return f"{ratio} cannot be found at this traffic"
        return f"{ratio} needs {' or '.join(ways)}"

    def _ratio_text(self, ratio: float) -> str:
        """A ratio as the metric shows it: `2x`, or `0.5x` where lower is worse."""
        return f"{1.0 / ratio if self._metric.falling else ratio:.3g}x"

    def _is_possible(self, ratio: float) -> bool:
        return self._metric.falling or self.stream.bad * ratio <= 1.0

    def _flow(self, percent: float, ratio: float) -> Flow:
        """The flow as the judge sees it; where lower is worse, with the arms exchanged."""
        stream, weight = self.stream, percent / 100.0
        canary, baseline = stream.rate * weight, stream.rate * (1.0 - weight)
        if self._metric.falling:
            return Flow(baseline, canary, stream.bad / ratio, stream.tick_s, stream.phi)
        return Flow(canary, baseline, stream.bad, stream.tick_s, stream.phi)

    def find_time_s(self, ratio: float, percent: float | None = None) -> float:
        """Seconds until a regression of this ratio fails the canary; infinite if it never does."""
        flow = self._flow(self.percent if percent is None else percent, ratio)
        return seconds_to_find(flow, ratio, tolerance=self._metric.tolerance, min_excess=self._metric.min_excess)

    def _weight(self, ratio: float) -> float | None:
        """The smallest share, in percent, at which the bake finds a regression of this ratio; None: at none."""
        if self._judged_s <= 0.0:
            return None
        return next((percent for percent in PERCENTS if self.find_time_s(ratio, percent) <= self._judged_s), None)

    def pass_time_s(self) -> float:
        """Seconds after the warm-up until a healthy canary passes; infinite if it does not."""
        metric = self._metric
        terms = MetricPolicy.of(metric)
        flow = self._flow(self.percent, 1.0)
        seconds = seconds_to_pass(flow, worse_by=metric.pass_below, negligible=terms.negligible)
        canary = self.stream.rate * self.percent / 100.0
        needed = self.exposure.stage.min_requests if metric.role is Role.CRITICAL else 0
        return max(seconds, PASS_TICKS * self.stream.tick_s, needed / canary if canary > 0.0 else math.inf)

    def warning(self) -> str | None:
        """Why a healthy canary cannot pass within the bake; None where it can, or where the metric does not decide."""
        stage, metric = self.exposure.stage, self._metric
        if metric.role is not Role.CRITICAL or self._has_no_baseline or self.percent <= 0.0 or stage.bake_s <= 0.0:
            return None
        seconds = self.pass_time_s() + metric.warmup_s
        if seconds <= stage.bake_s:
            return None
        bake = duration_text(stage.bake_s)
        if math.isinf(seconds):
            return f"stage {stage.name}: {metric.name} cannot pass at this traffic, however long it bakes (bake {bake})"
        needed_time = duration_text(seconds)
        return f"stage {stage.name}: a healthy canary needs {needed_time} to pass {metric.name}, the bake is {bake}"


def duration_text(seconds: float) -> str:
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
