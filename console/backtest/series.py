"""Sort samples of any order into the ticks of a live ledger.

Rows are kept as plain numbers, 24 bytes each: whether a file is in order is known only after its last row. Ticks are
aligned to the epoch; a tick belongs to the stage that its first row names.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from math import floor, nan
from statistics import median
from typing import NamedTuple

from adapters.contract import Counts, Gauge, Sample, Shape
from console.judge.policy import is_judgeable
from console.plan.nouns import Metric

ARMS = ("canary", "baseline")
_SPACINGS = 5000
"""Gaps between samples that are measured for the usual spacing."""


class Tick(NamedTuple):
    """One tick of one metric, both arms."""

    at: float
    """Its start, unix seconds."""
    stage: int
    """1-based; 0: before the rollout, or after it."""
    canary: Sample | None
    baseline: Sample | None
    canary_at: float | None
    """Time of the canary's newest sample that can be counted; None where there is none."""
    baseline_at: float | None


class _ArmTick(NamedTuple):
    """One tick of one arm of a metric."""

    number: int
    """Ticks since the epoch."""
    stage: int
    sample: Sample | None
    at: float | None


class Column:
    """All samples of one arm of one metric, in file order."""

    __slots__ = ("at", "dirty", "first", "gauge", "metric", "second", "sorted", "stages")

    def __init__(self, metric: str, *, gauge: bool) -> None:
        self.metric = metric
        self.gauge = gauge
        self.at = array("d")
        self.first = array("d")
        """Totals, or a gauge's values."""
        self.second = array("d")
        """Bad events; empty for a gauge."""
        self.stages = array("H")
        self.sorted = True
        self.dirty = 0
        """Samples that cannot be counted; complete once `ticks` has been consumed."""

    def rows(self) -> Iterator[int]:
        """Indices of the rows by time; of several rows with one time, only the last."""
        at = self.at
        order: Sequence[int] = range(len(at)) if self.sorted else sorted(range(len(at)), key=at.__getitem__)
        for place, later in pairwise(order):
            if at[place] != at[later]:
                yield place
        if order:
            yield order[-1]

    def ticks(self, tick_s: float) -> Iterator[_ArmTick]:
        """The samples summed up per tick, oldest first."""
        for index, rows in groupby(self.rows(), key=lambda place: floor(self.at[place] / tick_s)):
            yield self._tick(index, list(rows))

    def _tick(self, index: int, rows: list[int]) -> _ArmTick:
        """One tick of `rows`: counts add up, unfit with one unfit row; of a gauge the last fit row counts."""
        fit: list[int] = []
        samples: list[Sample] = []
        for place in rows:
            value = self.first[place]
            sample = Gauge(value) if self.gauge else Counts(value, self.second[place])
            if is_judgeable(sample):
                fit.append(place)
                samples.append(sample)
        self.dirty += len(rows) - len(fit)
        whole = bool(fit) if self.gauge else len(fit) == len(rows)
        newest = self.at[fit[-1]] if whole else None
        stage = self.stages[rows[0]]
        if not whole:
            return _ArmTick(index, stage, Gauge(nan) if self.gauge else Counts(nan, nan), None)
        if self.gauge or len(samples) == 1:
            return _ArmTick(index, stage, samples[-1], newest)
        total, bad = sum(self.first[place] for place in rows), sum(self.second[place] for place in rows)
        return _ArmTick(index, stage, Counts(total, bad), newest)


class RecordedSeries:
    """Every sample of a file, by metric and arm."""

    def __init__(self, metrics: Mapping[str, Metric], numbers: Mapping[str, int], tick_s: float) -> None:
        self.tick_s = tick_s
        self.columns: dict[str, dict[str, Column]] = {
            name: {arm: Column(name, gauge=metric.query.shape is Shape.GAUGE) for arm in ARMS}
            for name, metric in metrics.items()
        }
        self.numbers = numbers
        """Stage name -> 1-based number; 0: a stage that exposes nothing, whose rows are history."""
        self.starts: dict[int, float] = {}
        """Stage number -> time of its first row."""
        self.rows = 0
        self._left_out = dict.fromkeys(metrics, 0)
        self.ended = float("-inf")
        """Time of the newest sample."""

    def add(self, column: Column, at: float, stage: int, first: float, second: float | None = None) -> None:
        """Add one row. `stage` is 0 where the row names none; `second` is None for a gauge."""
        if column.at and at < column.at[-1]:
            column.sorted = False
        column.at.append(at)
        column.first.append(first)
        if second is not None:
            column.second.append(second)
        column.stages.append(stage)
        if stage and at < self.starts.get(stage, float("inf")):
            self.starts[stage] = at
        if at > self.ended:
            self.ended = at
        self.rows += 1

    def count_left_out(self, metric: object) -> None:
        """Count a bad row for its metric, if the plan has that metric."""
        name = metric.strip() if isinstance(metric, str) else ""
        if name in self._left_out:
            self._left_out[name] += 1

    def put_in_first_stage(self) -> None:
        """Put every row into the plan's first stage: the file has no stages."""
        columns = [column for arms in self.columns.values() for column in arms.values()]
        for column in columns:
            column.stages = array("H", [1]) * len(column.at)
        if began := [min(column.at) for column in columns if column.at]:
            self.starts = {1: min(began)}

    @property
    def began(self) -> float | None:
        """Start of the first tick of the rollout; None where no row names a stage."""
        return self.start(min(self.starts, key=self.starts.__getitem__)) if self.starts else None

    def start(self, stage: int) -> float:
        """Start of the tick in which a stage is first named."""
        return floor(self.starts[stage] / self.tick_s) * self.tick_s

    @property
    def last(self) -> float:
        """Start of the newest tick of all."""
        return floor(self.ended / self.tick_s) * self.tick_s

    def has_rows_of(self, name: str) -> bool:
        """True where the file has any row of a metric."""
        return any(column.at for column in self.columns[name].values())

    def dirty(self, name: str) -> int:
        """Samples of a metric that could not be counted; complete once `ticks` has been consumed."""
        return self._left_out[name] + sum(column.dirty for column in self.columns[name].values())

    def spacing_s(self, name: str) -> float | None:
        """Median seconds between neighboring samples of an arm, from its first ones; None where no arm has two."""
        gaps: list[float] = []
        for column in self.columns[name].values():
            rows = column.rows()
            times = [column.at[place] for place, _ in zip(rows, range(_SPACINGS), strict=False)]
            gaps += [later - earlier for earlier, later in pairwise(times)]
        return median(gaps) if gaps else None

    def ticks(self, name: str) -> Iterator[Tick]:
        """The ticks of a metric, oldest first, without empty ones."""
        canary, baseline = (self.columns[name][arm].ticks(self.tick_s) for arm in ARMS)
        left, right = next(canary, None), next(baseline, None)
        while left is not None or right is not None:
            index = min(one.number for one in (left, right) if one is not None)
            c = left if left is not None and left.number == index else _ArmTick(index, 0, None, None)
            b = right if right is not None and right.number == index else _ArmTick(index, 0, None, None)
            yield Tick(index * self.tick_s, c.stage or b.stage, c.sample, b.sample, c.at, b.at)
            left = next(canary, None) if c is left else left
            right = next(baseline, None) if b is right else right
