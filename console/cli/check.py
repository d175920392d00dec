"""`warroom check`: check a plan and its adapters, or its backends too. Exit 0, or 2 with every error and its line."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from console.cli.exits import Exit
from console.cli.output import print_err

if TYPE_CHECKING:
    from console.check.live import LastHour
    from console.plan.nouns import Plan

T = TypeVar("T")


def check_command(options: argparse.Namespace) -> int:
    """Run `warroom check PLAN [--live]`; with --live, each backend that cannot be read is a line and exit 3."""
    from adapters.registry import ConnectError, UnknownAdapter
    from console.check.adapters import contract_mismatches
    from console.check.live import fetch_last_hour
    from console.plan.loader import load
    from console.plan.problems import PlanError

    try:
        plan = load(options.plan)
        mismatches = _run_in_folder(contract_mismatches, plan)
        hour = _run_in_folder(fetch_last_hour, plan) if options.live and not mismatches else None
    except PlanError as error:
        print(error, file=sys.stderr)
        return Exit.USAGE
    except (ConnectError, UnknownAdapter) as error:
        print_err(f"warroom: {error}")
        return Exit.USAGE
    if mismatches:
        for line in mismatches:
            print_err(f"warroom: {line}")
        return Exit.USAGE
    _print(plan, hour)
    if hour is None or not hour.faults:
        return Exit.OK
    for source, reason in hour.faults.items():
        print_err(f"warroom: {source}: {reason}")
    return Exit.REFUSED


def _run_in_folder(work: Callable[[Plan, Path], Coroutine[None, None, T]], plan: Plan) -> T:
    with tempfile.TemporaryDirectory(prefix="warroom-") as folder:
        return asyncio.run(work(plan, Path(folder)))


def _print(plan: Plan, hour: LastHour | None) -> None:
    from console.check import live as last_hour
    from console.check import reach
    from console.check.flow import planned_streams
    from console.plan.lint import warnings

    metrics = plan.metrics.values()
    notes = list(warnings(plan))
    facts: dict[str, list[str]] = {}
    if hour is None:
        streams = {metric.name: planned_streams(metric, plan.timing) for metric in metrics}
    else:
        streams = {metric.name: last_hour.hour_streams(metric, hour) for metric in metrics}
        facts = {metric.name: list(last_hour.facts(metric, hour)) for metric in metrics}
        notes += [line for metric in metrics for line in last_hour.warnings(plan, metric, hour)]
    for line in (*notes, *reach.warnings(plan, streams)):
        print(f"warning: {line}")
    for line in reach.lines(plan, streams, facts):
        print(line)
    counted = ", ".join(
        f"{len(what)} {noun}{'s' * (len(what) != 1)}"
        for what, noun in ((plan.stages, "stage"), (plan.targets, "target"), (plan.metrics, "metric"))
    )
    print(f"{plan.path}: ok ({plan.rollout}: {counted})")
