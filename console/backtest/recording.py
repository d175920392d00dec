"""The input of a backtest: each metric's ticks, span and spacing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from adapters.contract import Shape
from adapters.sanitize import one_line
from console.backtest.replay import Span
from console.backtest.rows import RowReader, SeriesError
from console.backtest.series import RecordedSeries, Tick
from console.plan.exposures import stage_exposures
from console.plan.nouns import TICK_S, Metric, Plan, Stage


def with_stages(plan: Plan) -> Plan:
    """The plan, with a stage `steps` where only the backend knows its stages."""
    if plan.stages:
        return plan
    taken = plan.stages_from
    bake_s, min_requests = (taken.bake_s, taken.min_requests) if taken is not None else (0.0, 0)
    return replace(plan, stages=(Stage("steps", bake_s=bake_s, min_requests=min_requests),))


def stage_numbers(plan: Plan) -> dict[str, int]:
    """Stage name -> 1-based number; 0 for a stage that exposes nothing, which is not judged live either."""
    stages = stage_exposures(plan)
    none = not any(exposure.exposing for exposure in stages)
    return {one.stage.name: number if one.exposing or none else 0 for number, one in enumerate(stages, 1)}


class Recording(Protocol):
    """Recorded samples of a plan's metrics. Times are unix seconds."""

    def span(self, name: str) -> Span:
        """The recorded span, in a metric's own ticks."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks that the reader of the result needs, one line each."""

    def metric(self, metric: Metric) -> Metric | None:
        """The metric as the replay judges it; None where the recording has no samples of it."""

    def ticks(self, name: str) -> Iterator[Tick]:
        """A metric's ticks, oldest first, without empty ones."""

    def spacing_s(self, name: str) -> float | None:
        """Usual seconds between samples of an arm; None where that is not known."""

    def dirty(self, name: str) -> int:
        """Samples that could not be counted; complete once `ticks` has been consumed."""


class FileRecording:
    """The samples of one file. Implements `Recording`."""

    def __init__(self, series: RecordedSeries, notes: tuple[str, ...]) -> None:
        self._series = series
        self.notes = notes

    @classmethod
    def read(cls, plan: Plan, path: Path, *, lenient: bool) -> FileRecording:
        """Read all of `path`; `-` is standard input.

        Raises:
            SeriesError: it cannot be read or used; one plain line.
        """
        series = RecordedSeries(plan.metrics, stage_numbers(plan), plan.timing.tick_s or TICK_S)
        reader = RowReader(str(path), series, lenient=lenient)
        try:
            if str(path) == "-":
                reader.read(sys.stdin.buffer)
            else:
                with path.open("rb") as file:
                    reader.read(file)
        except OSError as error:
            raise SeriesError(f"{one_line(path)}: cannot be read: {error.strerror or 'not a usable path'}") from None
        except ValueError as error:  # a path with a NUL in it
            raise (
                error if isinstance(error, SeriesError) else SeriesError(f"{one_line(path)}: not a usable path")
            ) from None
        notes = [reader.skipped_text] if reader.skipped else []
        notes += [
            f"stage {exposure.stage.name} gives the canary all the traffic: nothing is compared with its baseline"
            for number, exposure in enumerate(stage_exposures(plan), 1)
            if number in series.starts and exposure.common_share == 100.0
        ]
        notes += [f"{name}: not in the file" for name in plan.metrics if not series.has_rows_of(name)]
        return cls(series, tuple(notes))

    def span(self, name: str) -> Span:
        """The span of the file, the same for every metric."""
        series = self._series
        began = series.began
        if began is None:
            raise AssertionError("the file has no stage to judge, and RowReader let it through")
        return Span(began, series.last, series.tick_s, {stage: series.start(stage) for stage in series.starts})

    def metric(self, metric: Metric) -> Metric | None:
        """See `Recording`. A histogram's rows hold total and bad already, so it is judged as counts."""
        if not self._series.has_rows_of(metric.name):
            return None
        if metric.query.shape is not Shape.HISTOGRAM:
            return metric
        return replace(metric, query=replace(metric.query, shape=Shape.COUNTS))

    def ticks(self, name: str) -> Iterator[Tick]:
        """See `Recording`."""
        return self._series.ticks(name)

    def spacing_s(self, name: str) -> float | None:
        """See `Recording`."""
        return self._series.spacing_s(name)

    def dirty(self, name: str) -> int:
        """See `Recording`."""
        return self._series.dirty(name)
