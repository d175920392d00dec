"""Summarize AnalysisRuns in lines, and find those that were cut short. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from adapters.deploy.argo.wire import HASH_LABEL, AnalysisRun, MetricResult, Rollout
from adapters.sanitize import one_line

STEP_LABEL, TYPE_LABEL = "step-index", "rollout-type"
_SHOWN = 4
"""Most lines of one Rollout's analyses; the newest first."""


def runs_of(rollout: Rollout, runs: Iterable[AnalysisRun]) -> tuple[AnalysisRun, ...]:
    """Select the runs of a Rollout's present version, newest last.

    Sorted by resourceVersion, because names end in the revision and the step.
    """
    ours = [
        run
        for run in runs
        if any(owner.uid == rollout.meta.uid for owner in run.meta.owners)
        and run.meta.labels.get(HASH_LABEL) == rollout.status.hash
    ]
    return tuple(sorted(ours, key=lambda run: (len(run.meta.version), run.meta.version)))


def lines(runs: Sequence[AnalysisRun]) -> tuple[str, ...]:
    """Format one line per metric of each run, the newest runs first.

    "analysis step 2 success-rate: Running, 3 ok, 1 failed, last 0.97".
    """
    found = [line for run in reversed(runs) for line in _lines(run)]
    return tuple(found[:_SHOWN])


def _lines(run: AnalysisRun) -> list[str]:
    kind = run.meta.labels.get(TYPE_LABEL, "")
    known = {"Background": "background", "Step": f"step {run.meta.labels.get(STEP_LABEL, '?')}"}
    where = known.get(kind, one_line(kind, 30))
    begun = " ".join(part for part in ("analysis", where) if part)
    if not run.metrics:
        return [one_line(f"{begun}: {run.phase or 'not begun'} {run.message}", 160)]
    return [one_line(f"{begun} {_result(result)}", 160) for result in run.metrics]


def _result(result: MetricResult) -> str:
    words = ("ok", "failed", "inconclusive", "errors")
    counts = (result.successful, result.failed, result.inconclusive, result.error)
    counted = [f"{count} {word}" for count, word in zip(counts, words, strict=True) if count]
    parts = [result.phase or "not begun", *counted]
    last = result.measurements[-1] if result.measurements else None
    if last is not None and (last.value or last.message):
        parts.append(f"last {last.value}" if last.value else last.message)
    return f"{result.name}: {', '.join(parts)}"


def cut_short(rollout: Rollout, runs: Sequence[AnalysisRun]) -> str | None:
    """Name the step whose analysis was ended early. None if none was.

    The controller ends a run itself when the rollout is aborted or promoted in full; otherwise only because the rollout
    was moved off its step by hand.
    """
    status = rollout.status
    if status.abort or status.promote_full or rollout.is_promoted:
        return None
    for run in runs:
        step = run.meta.labels.get(STEP_LABEL, "")
        ended = run.terminate is True and step.isdigit() and run.meta.labels.get(TYPE_LABEL) == "Step"
        if ended and status.index is not None and status.index > int(step):
            return f"the analysis of step {step} was cut short: the step was skipped"
    return None
