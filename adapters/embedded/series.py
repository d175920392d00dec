"""The cached numbers of each second, and their sums over ticks.

`traffic` and the scenario make a second's numbers; this module only knows which arm had traffic at all. An arm without
exposure has none: None, never a zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime
from statistics import fmean
from typing import Generic, TypeVar

from adapters.contract import Buckets, Counts, Gauge, Reading
from adapters.embedded.exposure import ExposureHistory
from adapters.embedded.scenarios import Scenario
from adapters.embedded.traffic import EDGES, Family, TrafficModel

_REMEMBERED = 20_000
"""Seconds cached per series before it starts over: well above any window, well below a night's growth."""

_Numbers = tuple[int, ...] | None
"""Of one arm in one second: (total, bad) or (total, slower than each edge)."""
_Arms = tuple[_Numbers, _Numbers]
_Levels = tuple[float | None, tuple[float, ...] | None]
_T = TypeVar("_T")


class _Drawn(Generic[_T]):
    """Numbers of one kind by metric and second, each drawn once."""

    def __init__(self, draw: Callable[[str, Family, int], _T]) -> None:
        self._draw = draw
        self._series: dict[tuple[str, Family], dict[int, _T]] = {}

    def numbers(self, metric: str, family: Family, seconds: Sequence[int]) -> list[_T]:
        """The numbers of `seconds`, in their order."""
        series = self._series.setdefault((metric, family), {})
        if len(series) > _REMEMBERED:
            series.clear()
        for second in seconds:
            if second not in series:
                series[second] = self._draw(metric, family, second)
        return [series[second] for second in seconds]

    def forget(self, since: float) -> None:
        """Drop the numbers from `since` on."""
        for name, series in self._series.items():
            self._series[name] = _until(since, series)


class SecondSeries:
    """Numbers by metric and second, (canary, baseline)."""

    def __init__(self, traffic: TrafficModel, scenario: Scenario) -> None:
        self._traffic = traffic
        self._scenario = scenario
        self._exposure = ExposureHistory()
        self._began = math.inf
        self._split: dict[int, tuple[int, int]] = {}
        self._counts, self._slower, self._levels = _Drawn(self._count), _Drawn(self._slow), _Drawn(self._level)

    def redraw(self, exposure: ExposureHistory, began: float, since: float) -> None:
        """Take another exposure and scenario beginning. They differ from the last only from `since` on."""
        self._exposure, self._began = exposure, began
        self._split = _until(since, self._split)
        self._counts.forget(since)
        self._slower.forget(since)
        self._levels.forget(since)

    def counts(self, metric: str, family: Family, at: datetime, seconds: range) -> Reading:
        """Sum the counts of the tick of `seconds` that begins at `at`."""
        drawn = self._counts.numbers(metric, family, seconds)
        canary, baseline = (Counts(*sums) if (sums := _sums(drawn, arm)) else None for arm in (0, 1))
        return Reading(at, canary, baseline)

    def histogram(self, metric: str, family: Family, at: datetime, seconds: range) -> Reading:
        """Sum the histogram of the tick of `seconds` that begins at `at`."""
        drawn = self._slower.numbers(metric, family, seconds)
        canary, baseline = (_buckets(*sums) if (sums := _sums(drawn, arm)) else None for arm in (0, 1))
        return Reading(at, canary, baseline)

    def gauge(self, metric: str, family: Family, at: datetime, seconds: range) -> Reading:
        """Take each arm's last value in the tick of `seconds` that begins at `at`."""
        canary: Gauge | None = None
        baseline: Gauge | None = None
        for second in reversed(seconds):
            ((level, instances),) = self._levels.numbers(metric, family, [second])
            if canary is None and level is not None:
                canary = Gauge(level)
            if baseline is None and instances is not None:
                baseline = Gauge(fmean(instances), instances)
            if (canary is not None and baseline is not None) or self._exposure.is_constant(seconds):
                break
        return Reading(at, canary, baseline)

    def _count(self, metric: str, family: Family, second: int) -> _Arms:
        percent, requests = self._requests(second)
        bad = self._traffic.bad(metric, family, second, requests, self._factor(family, second))
        canary = (requests[0], bad[0]) if percent > 0 else None
        return canary, (requests[1], bad[1]) if percent < 100 else None

    def _slow(self, metric: str, family: Family, second: int) -> _Arms:
        percent, requests = self._requests(second)
        slower = self._traffic.slower(metric, second, requests, self._factor(family, second))
        canary = (requests[0], *slower[0]) if percent > 0 else None
        return canary, (requests[1], *slower[1]) if percent < 100 else None

    def _requests(self, second: int) -> tuple[float, tuple[int, int]]:
        """(the canary's percentage, requests of both arms). The same for every metric of the world."""
        percent = self._exposure.canary_percent(second)
        requests = self._split.get(second)
        if requests is None:
            if len(self._split) > _REMEMBERED:
                self._split.clear()
            requests = self._split[second] = self._traffic.requests(second, percent)
        return percent, requests

    def _level(self, metric: str, family: Family, second: int) -> _Levels:
        percent = self._exposure.canary_percent(second)
        canary, baseline = self._traffic.level(metric, family, second, self._factor(family, second))
        return canary if percent > 0 else None, baseline if percent < 100 else None

    def _factor(self, family: Family, second: int) -> float:
        return self._scenario.factor(family, second - self._began)


def _sums(drawn: list[_Arms], arm: int) -> list[int]:
    """Add up an arm's numbers, place by place. Empty where it had no traffic."""
    own = [numbers for arms in drawn if (numbers := arms[arm]) is not None]
    return [sum(place) for place in zip(*own, strict=True)]


def _buckets(total: int, *slower: int) -> Buckets:
    return Buckets(total, tuple((edge, total - slow) for edge, slow in zip(EDGES, slower, strict=True)))


def _until(since: float, series: dict[int, _T]) -> dict[int, _T]:
    return {second: numbers for second, numbers in series.items() if second < since}
