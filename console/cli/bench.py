"""`bench WHAT`: benchmarks of the product, one function each. `judge` needs numpy, which the product does not."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from console.cli.exits import Exit
from console.cli.output import print_err


def bench(options: argparse.Namespace) -> int:
    """`warroom bench WHAT`."""
    return BENCHES[options.what](options)


def judge(options: argparse.Namespace) -> int:
    """`warroom bench judge`: simulated rollouts, the peers' rules, the goals; exit 1 when a goal is missed."""
    if importlib.util.find_spec("numpy") is None:
        print_err("warroom: bench judge needs numpy: python -m pip install numpy")
        return Exit.USAGE
    from console.bench.judge.run import run

    report = run(options.seed, quick=options.quick, only=options.only, progress=_progress)
    if options.write is not None:
        options.write.write_text(report.markdown(datetime.now(UTC).date().isoformat()), encoding="utf-8")
    print(report.json() if options.json else report.text())
    for goal in report.missed:
        print_err(f"warroom: goal missed: {goal.name}: asked {goal.asked}, measured {goal.measured}")
    return Exit.FAULT if report.missed else Exit.OK


def log(options: argparse.Namespace) -> int:
    """`warroom bench log`: what an append costs, how a large journal opens, whether edits of it are found."""
    from console.bench.log.run import JOURNALS, run

    report = run(
        options.folder,
        options.seed,
        quick=options.quick,
        journals=options.journals or JOURNALS,
        progress=_progress,
    )
    print(report.json() if options.json else report.text())
    for goal in report.missed:
        print_err(f"warroom: goal missed: {goal.name}: asked {goal.asked}, measured {goal.measured}")
    return Exit.FAULT if report.missed else Exit.OK


def faults(options: argparse.Namespace) -> int:
    """`warroom bench faults`: crashes, races, faults, and a key press under load; exit 1 when something was lost."""
    from console.bench.faults.run import JOURNALS, PARTS, run

    report = run(
        options.seed,
        small=options.quick,
        only=options.only or PARTS,
        journals=options.journals or JOURNALS,
        progress=_progress,
    )
    if options.write is not None:
        options.write.write_text(report.markdown(), encoding="utf-8")
    print(report.json() if options.json else report.text())
    for goal in report.missed:
        print_err(f"warroom: goal missed: {goal.name}: asked {goal.asked}, measured {goal.measured}")
    return Exit.FAULT if report.missed else Exit.OK


def _progress(line: str) -> None:
    if sys.stderr is not None and sys.stderr.isatty():
        print_err(line)


BENCHES: Mapping[str, Callable[[argparse.Namespace], int]] = {"faults": faults, "judge": judge, "log": log}
