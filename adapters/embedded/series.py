"""The cached numbers of each second, and their sums over ticks.

`traffic` and the scenario make a second's numbers; this module only knows which arm had traffic at all. An arm without
exposure has none: None, never a zero.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from statistics import fmean
from typing import TypeVar

from adapters.contract import Buckets, Counts, Gauge, Reading
from adapters.embedded.exposure import ExposureHistory
from adapters.embedded.scenarios import Scenario
from adapters.embedded.traffic import EDGES, Family, TrafficModel

_REMEMBERED = 20_000
"""Seconds cached per series before it starts over: well above any window, well below a night's growth."""

_Requests = tuple[int, int]
"""(total, bad)"""
_Arms = tuple[_Requests | None, _Requests | None]
_Levels = tuple[float | None, tuple[float, ...] | None]
_Slower = tuple[tuple[int, ...] | None, tuple[int, ...] | None]
"""Per arm (total, slower than each edge)."""
_Numbers = TypeVar("_Numbers")


class SecondSeries:
    """Numbers by metric and second, (canary, baseline)."""

    def __init__(self, traffic: TrafficModel, scenario: Scenario) -> None:
        self._traffic = traffic
        self._scenario = scenario
        self._exposure = ExposureHistory()
        self._began = math.inf
        self._split: dict[int, tuple[int, int]] = {}
        self._counts: dict[tuple[str, Family], dict[int, _Arms]] = {}
        self._levels: dict[tuple[str, Family], dict[int, _Levels]] = {}
        self._slower: dict[tuple[str, Family], dict[int, _Slower]] = {}

    def redraw(self, exposure: ExposureHistory, began: float, since: float) -> None:
        """Take another exposure and scenario beginning. They differ from the last only from `since` on."""
        self._exposure, self._began = exposure, began
        if since == -math.inf:
            self._split, self._counts, self._levels, self._slower = {}, {}, {}, {}
            return
        self._split = _until(since, self._split)
        self._counts = {name: _until(since, series) for name, series in self._counts.items()}
        self._levels = {name: _until(since, series) for name, series in self._levels.items()}
        self._slower = {name: _until(since, series) for name, series in self._slower.items()}

    def counts(self, metric: str, family: Family, at: datetime, seconds: range) -> Reading:
        """Sum the counts of the tick of `seconds` that begins at `at`."""
        series = self._counts.setdefault((metric, family), {})
        if len(series) > _REMEMBERED:
            series.clear()
        totals, bads, has_traffic = [0, 0], [0, 0], [False, False]
        for second in seconds:
            arms = series.get(second)
            if arms is None:
                arms = series[second] = self._count(metric, family, second)
            for arm, requests in enumerate(arms):
                if requests is not None:
                    has_traffic[arm] = True
                    totals[arm] += requests[0]
                    bads[arm] += requests[1]
        canary, baseline = (Counts(totals[arm], bads[arm]) if has_traffic[arm] else None for arm in (0, 1))
        return Reading(at, canary, baseline)

    def histogram(self, metric: str, family: Family, at: datetime, seconds: range) -> Reading:
        """Sum the histogram of the tick of `seconds` that begins at `at`."""
        series = self._slower.setdefault((metric, family), {})
        if len(series) > _REMEMBERED:
            series.clear()
        sums: list[list[int] | None] = [None, None]
        for second in seconds:
            arms = series.get(second)
            if arms is None:
                arms = series[second] = self._slow(metric, family, second)
            for arm, numbers in enumerate(arms):
                if numbers is not None:
                    known = sums[arm]
                    sums[arm] = list(numbers) if known is None else [a + b for a, b in zip(known, numbers, strict=True)]
        canary, baseline = (None if numbers is None else _buckets(numbers) for numbers in sums)
        return Reading(at, canary, baseline)

    def gauge(self, metric: str, family: Family, at: datetime, seconds: range) -> Reading:
        """Take each arm's last value in the tick of `seconds` that begins at `at`."""
        series = self._levels.setdefault((metric, family), {})
        if len(series) > _REMEMBERED:
            series.clear()
        canary: Gauge | None = None
        baseline: Gauge | None = None
        for second in reversed(seconds):
            levels = series.get(second)
            if levels is None:
                levels = series[second] = self._level(metric, family, second)
            if canary is None and levels[0] is not None:
                canary = Gauge(levels[0])
            if baseline is None and levels[1] is not None:
                baseline = Gauge(fmean(levels[1]), levels[1])
            if (canary is not None and baseline is not None) or self._exposure.is_constant(seconds):
                break
        return Reading(at, canary, baseline)

    def _count(self, metric: str, family: Family, second: int) -> _Arms:
        percent, requests = self._requests(second)
        bad = self._traffic.bad(metric, family, second, requests, self._factor(family, second))
        canary = (requests[0], bad[0]) if percent > 0 else None
        return canary, (requests[1], bad[1]) if percent < 100 else None

    def _slow(self, metric: str, family: Family, second: int) -> _Slower:
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


def _buckets(numbers: list[int]) -> Buckets:
    total, *slower = numbers
    return Buckets(total, tuple((edge, total - slow) for edge, slow in zip(EDGES, slower, strict=True)))


def _until(since: float, series: Mapping[int, _Numbers]) -> dict[int, _Numbers]:
    return {second: numbers for second, numbers in series.items() if second < since}
