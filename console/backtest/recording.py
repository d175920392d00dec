"""What a backtest runs over: ticks per metric with what is known about them, wherever they came from."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from adapters.contract import Shape
from adapters.sanitize import one_line
from console.backtest.replay import Span
from console.backtest.rows import Reader, SeriesError
from console.backtest.series import Series, Tick
from console.plan.exposures import stage_exposures
from console.plan.nouns import TICK_S, Metric, Plan, Stage


def staged(plan: Plan) -> Plan:
    """The plan with a stage to judge in: one named `steps` where the stages are a backend's own, and not known here."""
    if plan.stages:
        return plan
    taken = plan.stages_from
    bake_s, min_requests = (taken.bake_s, taken.min_requests) if taken is not None else (0.0, 0)
    return replace(plan, stages=(Stage("steps", bake_s=bake_s, min_requests=min_requests),))


def numbered(plan: Plan) -> dict[str, int]:
    """Stage name -> 1-based number; 0 for what comes before anything is exposed, which is not judged live either."""
    stages = stage_exposures(plan)
    none = not any(exposure.exposing for exposure in stages)
    return {one.stage.name: number if one.exposing or none else 0 for number, one in enumerate(stages, 1)}


class Recording(Protocol):
    """Recorded samples of a plan's metrics."""

    def span(self, name: str) -> Span:
        """What of time it is about, in a metric's own ticks."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What somebody who reads the result should know: one line each."""

    def metric(self, metric: Metric) -> Metric | None:
        """The metric as it is to be judged; None where nothing was recorded of it."""

    def ticks(self, name: str) -> Iterator[Tick]:
        """A metric's ticks by time, without empty ones."""

    def spacing_s(self, name: str) -> float | None:
        """Usual seconds between samples of an arm, where that can be told."""

    def dirty(self, name: str) -> int:
        """Samples that could not be counted; known once `ticks` was run through."""


class FileRecording:
    """The samples of one file."""

    def __init__(self, series: Series, notes: tuple[str, ...]) -> None:
        self._series = series
        self.notes = notes

    @classmethod
    def read(cls, plan: Plan, path: Path, *, lenient: bool) -> FileRecording:
        """Read all of `path`; `-` is standard input.

        Raises:
            SeriesError: it cannot be read, or not be used; one plain line.
        """
        series = Series(plan.metrics, numbered(plan), plan.timing.tick_s or TICK_S)
        reader = Reader(str(path), series, lenient=lenient)
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
        notes = [reader.left_out] if reader.skipped else []
        notes += [
            f"stage {exposure.stage.name} gives the canary all the traffic: nothing is compared with its baseline"
            for number, exposure in enumerate(stage_exposures(plan), 1)
            if number in series.starts and exposure.common_share == 100.0
        ]
        notes += [f"{name}: not in the file" for name in plan.metrics if not series.mentions(name)]
        return cls(series, tuple(notes))

    def span(self, name: str) -> Span:
        """What of time the file is about, the same for every metric."""
        series = self._series
        began = series.began
        if began is None:
            raise AssertionError("a file in which nothing is judged was not refused")
        return Span(began, series.last, series.tick_s, {stage: series.start(stage) for stage in series.starts})

    def metric(self, metric: Metric) -> Metric | None:
        """A histogram's rows hold total and bad already, so it is judged as counts."""
        if not self._series.mentions(metric.name):
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
