"""Turn measurements of AnalysisRuns into a metric's reply. Pure.

The controller keeps the newest measurements of each metric of a run (ten, where no `measurementRetention` says more;
Argo Rollouts 1.9), as text, each with its own time. A run ends with its step or its rollout and then measures no more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from adapters.contract import MetricQuery, MetricReply, Window
from adapters.deploy.argo.wire import AnalysisRun, Measurement
from adapters.metrics.counters import RawSeries, Ticks
from adapters.metrics.reading import QueryAnswer, dropped_note, gauge_reply
from adapters.sanitize import one_line

_UNDER_WAY = ("", "Pending", "Running")
"""Phases of a measurement that has no result yet."""


def reply_of(query: MetricQuery, runs: Sequence[AnalysisRun], window: Window) -> MetricReply:
    """Collect the measurements named `query.value` of one version's runs, within `window`.

    A measurement that ended in an error, or whose value is not one finite number, is dropped and counted as dirty; it
    makes nothing look fresh. Where no run measures it (yet), the reply's problem says so.
    """
    found = [run for run in runs if any(result.name == query.value for result in run.metrics)]
    if not found:
        return MetricReply(query.metric, problem=_unmeasured_problem(query, runs))
    series, dirty = [], 0
    for run in found:
        samples, spoiled = _samples(run, query.value or "", Ticks(window))
        series.append(RawSeries({"run": run.meta.name}, samples))
        dirty += spoiled
    return gauge_reply(query, QueryAnswer(tuple(series), dropped_note(dirty)), window)


def _unmeasured_problem(query: MetricQuery, runs: Sequence[AnalysisRun]) -> str:
    names = dict.fromkeys(result.name for run in runs for result in run.metrics)
    if not names:
        return "no analysis of this version has measured anything yet"
    return one_line(f"no analysis of this version measures {query.value} (there are: {', '.join(names)})", 200)


def _samples(run: AnalysisRun, metric: str, ticks: Ticks) -> tuple[list[tuple[float, float]], int]:
    """(unix seconds and value of each measurement, oldest first; how many in these ticks were dirty)."""
    samples, dirty = [], 0
    for result in run.metrics:
        for one in result.measurements if result.name == metric else ():
            if one.phase in _UNDER_WAY:
                continue
            value, at = _number(one), one.finished or one.started
            if value is not None and at is not None:
                samples.append((at.timestamp(), value))
            elif at is None or ticks.index(at.timestamp()) is not None:
                dirty += 1
    return sorted(samples), dirty


def _number(one: Measurement) -> float | None:
    """Parse "0.97", or Prometheus' list of one: "[0.97]". None where it is no finite number."""
    if one.phase == "Error":
        return None
    try:
        value = float(one.value.strip().removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
