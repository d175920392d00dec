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


class FileRecording(RecordedSeries):
    """The samples of one file. Implements `Recording`."""

    notes: tuple[str, ...] = ()

    @classmethod
    def read(cls, plan: Plan, path: Path, *, lenient: bool) -> FileRecording:
        """Read all of `path`; `-` is standard input.

        Raises:
            SeriesError: it cannot be read or used; one plain line.
        """
        recording = cls(plan.metrics, stage_numbers(plan), plan.timing.tick_s or TICK_S)
        reader = RowReader(str(path), recording, lenient=lenient)
        try:
            if str(path) == "-":
                reader.read(sys.stdin.buffer)
            else:
                with path.open("rb") as file:
                    reader.read(file)
        except OSError as error:
            raise SeriesError(f"{one_line(path)}: cannot be read: {error.strerror or 'not a usable path'}") from None
        except SeriesError:
            raise
        except ValueError:  # a path with a NUL in it
            raise SeriesError(f"{one_line(path)}: not a usable path") from None
        notes = [reader.skipped_text] if reader.skipped else []
        alone = "gives the canary all the traffic: nothing is compared with its baseline"
        whole = [stage for number, stage in enumerate(stage_exposures(plan), 1) if number in recording.starts]
        notes += [f"stage {each.stage.name} {alone}" for each in whole if each.common_share == 100.0]
        notes += [f"{name}: not in the file" for name in plan.metrics if not recording.has_rows_of(name)]
        recording.notes = tuple(notes)
        return recording

    def span(self, name: str) -> Span:
        """The span of the file, the same for every metric."""
        began = self.began
        if began is None:
            raise AssertionError("the file has no stage to judge, and RowReader let it through")
        return Span(began, self.last, self.tick_s, {stage: self.start(stage) for stage in self.starts})

    def metric(self, metric: Metric) -> Metric | None:
        """See `Recording`. A histogram's rows hold total and bad already, so it is judged as counts."""
        if not self.has_rows_of(metric.name):
            return None
        if metric.query.shape is not Shape.HISTOGRAM:
            return metric
        return replace(metric, query=replace(metric.query, shape=Shape.COUNTS))
