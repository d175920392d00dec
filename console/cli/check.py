"""`check`: the plan alone. Exit 0, or 2 with every error, each with its line."""

from __future__ import annotations

import argparse
import sys

from console.cli.exits import Exit


def check(options: argparse.Namespace) -> int:
    """`warroom check PLAN`."""
    from console.plan.lint import warnings
    from console.plan.load import load
    from console.plan.problems import PlanError

    try:
        plan = load(options.plan)
    except PlanError as error:
        print(error, file=sys.stderr)
        return Exit.USAGE
    for line in warnings(plan):
        print(f"warning: {line}")
    counted = f"{len(plan.stages)} stages, {len(plan.targets)} targets, {len(plan.metrics)} metrics"
    print(f"{options.plan}: ok ({plan.rollout}: {counted})")
    return Exit.OK
