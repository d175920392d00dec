"""`warroom backtest`: judge recorded data as if it were live, and print every change. Sends and records nothing."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.sanitize import one_line
from console.cli.exits import Exit, with_exit_codes
from console.cli.output import print_err

if TYPE_CHECKING:
    from console.backtest.recording import Recording
    from console.plan.nouns import Plan


@with_exit_codes
def backtest_command(options: argparse.Namespace) -> int:
    """Run `warroom backtest PLAN --series FILE | --from T [--to T]`; a backend that cannot be read is exit 3."""
    recording, plan, faults = _from_file(options) if options.series is not None else _from_backends(options)
    for source, reason in faults.items():
        print_err(f"warroom: {source}: {reason}")
    _print(plan, recording, as_json=options.json)
    return Exit.REFUSED if faults else Exit.OK


def _from_file(options: argparse.Namespace) -> tuple[Recording, Plan, Mapping[str, str]]:
    from console.backtest.recording import FileRecording, with_stages
    from console.plan.loader import load

    if options.end is not None:
        raise ValueError("--to needs --from; with --series the whole file is judged")
    plan = with_stages(load(options.plan, queried=False))
    return FileRecording.read(plan, options.series, lenient=options.lenient), plan, {}


def _from_backends(options: argparse.Namespace) -> tuple[Recording, Plan, Mapping[str, str]]:
    from console.backtest.backend_recording import record_from_backends
    from console.backtest.recording import with_stages
    from console.plan.loader import load

    begin = _option_time("--from", options.begin)
    end = None if options.end is None else _option_time("--to", options.end)
    plan = with_stages(load(options.plan))
    with tempfile.TemporaryDirectory(prefix="warroom-") as folder:
        recording, faults = asyncio.run(record_from_backends(plan, begin, end, Path(folder)))
    return recording, plan, faults


def _option_time(option: str, given: str) -> float:
    """Unix seconds from an option's value. Raises ValueError with one plain line."""
    from console.backtest.moments import parse_moment

    try:
        return parse_moment(given)
    except (ValueError, OverflowError):
        way = "write 2026-03-02T12:00:00Z, or seconds since 1970"
        raise ValueError(f"{option}: '{one_line(given, 40)}' is not a time; {way}") from None


def _print(plan: Plan, recording: Recording, *, as_json: bool) -> None:
    from console.backtest import report
    from console.backtest.replay import Replay
    from console.plan.exposures import stage_exposures

    stages = stage_exposures(plan)
    for note in recording.notes:
        print_err(f"warroom: {note}")
    summaries: dict[str, report.Summary] = {}
    for name, planned in plan.metrics.items():
        metric = recording.metric(planned)
        if metric is None:
            summaries[name] = report.Summary(dirty=recording.dirty(name))
            continue
        replay = Replay(metric, stages, recording.span(name), recording.spacing_s(name))
        changes = replay.changes(recording.ticks(name))
        for line in map(report.change_json, changes) if as_json else report.change_lines(changes):
            print(line)
        summaries[name] = report.Summary(
            replay.first_fail_at, replay.first_pass_at, replay.ticks, recording.dirty(name)
        )
    for line in [report.summary_json(summaries)] if as_json else report.summary_lines(summaries):
        print(line)
