"""`backtest`: the judge over recorded data as if live. Prints every change of state; sends and records nothing."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from console.cli.exits import Exit
from console.cli.say import tell

if TYPE_CHECKING:
    from console.backtest.recording import Recording
    from console.plan.nouns import Plan


def backtest(options: argparse.Namespace) -> int:
    """`warroom backtest PLAN --series FILE`."""
    from console.backtest.recording import FileRecording
    from console.backtest.rows import SeriesError
    from console.plan.load import load
    from console.plan.problems import PlanError

    try:
        plan = load(options.plan, queried=False)
        recording = FileRecording.read(plan, options.series, lenient=options.lenient)
    except PlanError as error:
        tell(str(error))
        return Exit.USAGE
    except SeriesError as error:
        tell(f"warroom: {error}")
        return Exit.USAGE
    _print(plan, recording, as_json=options.json)
    return Exit.OK


def _print(plan: Plan, recording: Recording, *, as_json: bool) -> None:
    from console.backtest import report
    from console.backtest.replay import Replay
    from console.backtest.stages import exposures

    stages, span = exposures(plan), recording.span
    for note in recording.notes:
        tell(f"warroom: {note}")
    summaries: dict[str, report.Summary] = {}
    for name, planned in plan.metrics.items():
        metric = recording.metric(planned)
        if metric is None:
            summaries[name] = report.Summary()
            continue
        replay = Replay(metric, stages, span, recording.spacing_s(name))
        changes = replay.changes(recording.ticks(name))
        for line in map(report.change_json, changes) if as_json else report.change_lines(changes):
            print(line)
        summaries[name] = report.Summary(
            replay.first_fail_at, replay.first_pass_at, replay.ticks, recording.dirty(name)
        )
    for line in [report.summary_json(summaries)] if as_json else report.summary_lines(summaries):
        print(line)
