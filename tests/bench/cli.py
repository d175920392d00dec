"""The benchmarks' command line: `python -m tests.bench BENCHMARK`. Only `judge` needs numpy."""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from console.cli.commands import GC_THRESHOLDS
from console.cli.exits import Exit
from console.cli.output import print_err
from tests.bench.judge.tables import Findings, GoalResult, goals_table

FAULTS_PARTS = ("sweep", "race", "table", "exits", "speed")
JUDGE_PARTS = ("null", "alt", "mid", "ready", "gauge", "dirty", "real", "cost")
JOURNALS = ("sqlite", "postgresql")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one benchmark; return its exit code, 1 when a goal is missed."""
    gc.set_threshold(*GC_THRESHOLDS)  # as in a console: the garbage collector takes part in every figure
    options = _parser().parse_args(argv)
    try:
        return BENCHMARKS[options.benchmark](options)
    except KeyboardInterrupt:
        print_err("bench: interrupted")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure warroom itself.")
    benchmarks = parser.add_subparsers(dest="benchmark", metavar="BENCHMARK", required=True)
    faults = benchmarks.add_parser("faults", help="crashes, races and faults: nothing is lost, doubled or forged")
    faults.add_argument("--quick", action="store_true", help="60 kills a journal and 20 rounds: minutes")
    faults.add_argument("--seed", type=int, default=1, metavar="N", help="which kills (default: 1)")
    faults.add_argument(
        "--only", action="append", type=_faults_part, choices=FAULTS_PARTS, help="a part; may be given again"
    )
    faults.add_argument("--journal", dest="journals", action="append", choices=JOURNALS)
    faults.add_argument("--json", action="store_true", help="everything, as one JSON object")
    faults.add_argument("--write", type=Path, metavar="FILE", help="the tables as a page too")
    judge = benchmarks.add_parser("judge", help="the verdicts: false halts, delays, peers' rules, goals; needs numpy")
    judge.add_argument("--quick", action="store_true", help="fewer stages: a minute instead of six")
    judge.add_argument("--seed", type=int, default=1, metavar="N", help="the same seed, the same figures (default: 1)")
    judge.add_argument("--only", choices=JUDGE_PARTS, metavar="PART", help=f"one of {', '.join(JUDGE_PARTS)}")
    judge.add_argument("--json", action="store_true", help="everything, as one JSON object")
    judge.add_argument("--write", type=Path, metavar="FILE", help="the tables as a page too")
    log = benchmarks.add_parser("log", help="the journal: appends, opening a large one, edits found")
    log.add_argument("--quick", action="store_true", help="a tenth of the size")
    log.add_argument("--seed", type=int, default=1, metavar="N", help="of the random edits (default: 1)")
    log.add_argument("--journal", dest="journals", action="append", choices=JOURNALS, help="to be edited")
    log.add_argument("--folder", type=Path, metavar="DIR", help="on the disk to be measured (default: temporary)")
    log.add_argument("--json", action="store_true", help="the numbers, as one JSON object")
    age = benchmarks.add_parser("age", help="old rollouts: opening, and the first call of a way back")
    age.add_argument("--quick", action="store_true", help="an hour and six, instead of up to seven days")
    age.add_argument("--seed", type=int, default=1, metavar="N", help="of the recorded numbers (default: 1)")
    age.add_argument("--folder", type=Path, metavar="DIR", help="on the disk to be measured (default: temporary)")
    age.add_argument("--json", action="store_true", help="the numbers, as one JSON object")
    watchers = benchmarks.add_parser("watchers", help="many `warroom watch` on one journal: CPU, memory, waits")
    watchers.add_argument("--count", type=int, default=50, metavar="N", help="watchers beside one that polls")
    watchers.add_argument("--idle", type=float, default=60.0, metavar="S", help="seconds measured (default: 60)")
    watchers.add_argument("--journal", dest="journals", action="append", choices=JOURNALS)
    watchers.add_argument("--json", action="store_true", help="the numbers, as one JSON object")
    soak = benchmarks.add_parser("soak", help="a console for hours of its world's time: what grows")
    soak.add_argument("--minutes", type=float, default=10.0, metavar="N", help="real minutes (default: 10)")
    soak.add_argument("--speed", type=float, default=20.0, metavar="N", help="times the pace (default: 20)")
    soak.add_argument("--json", action="store_true", help="the numbers, as one JSON object")
    fuzz = benchmarks.add_parser("fuzz", help="hostile input at every door")
    fuzz.add_argument("--count", type=int, default=1000, metavar="N", help="cases at each door (default: 1000)")
    fuzz.add_argument("--seed", type=int, default=0, metavar="N", help="of the first case (default: 0)")
    fuzz.add_argument("--only", action="append", metavar="DOOR", help="a part of a door's name; may be given again")
    fuzz.add_argument("--at-once", type=int, default=2, metavar="N", help="processes (default: 2)")
    fuzz.add_argument("--json", action="store_true", help="the numbers, as one JSON object")
    memory = benchmarks.add_parser("memory", help="a console with many metrics after a day")
    memory.add_argument("--metrics", type=int, default=200, metavar="N")
    memory.add_argument("--hours", type=float, default=24.0, metavar="N")
    memory.add_argument("--json", action="store_true", help="the numbers, as one JSON object")
    _add_rows(benchmarks)
    return parser


def _add_rows(benchmarks: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    rows = benchmarks.add_parser("rows", help="mutated rows of a journal: it opens, shows everything and rolls back")
    rows.add_argument("--count", type=int, default=1000, metavar="N", help="rows (default: 1000)")
    rows.add_argument("--seed", type=int, default=1, metavar="N", help="which rows (default: 1)")
    rows.add_argument(
        "--roll-back-every", type=int, default=20, metavar="N", help="one journal of N is rolled back (default: 20)"
    )


def _faults_part(word: str) -> str:
    """The part of that name; `ends` is an earlier name of `exits`."""
    return "exits" if word == "ends" else word


def judge(options: argparse.Namespace) -> int:
    """Measure the verdicts over simulated rollouts, beside the rules of other tools."""
    if importlib.util.find_spec("numpy") is None:
        print_err("bench: judge needs numpy: python -m pip install numpy")
        return Exit.USAGE
    from tests.bench.judge.run import run

    report = run(options.seed, quick=options.quick, only=options.only, progress=_progress)
    if options.write is not None:
        options.write.write_text(report.markdown(datetime.now(UTC).date().isoformat()), encoding="utf-8")
    print(report.json() if options.json else report.text())
    for goal in report.missed:
        print_err(f"bench: goal missed: {goal.name}: target {goal.target}, measured {goal.measured}")
    return Exit.FAULT if report.missed else Exit.OK


def log(options: argparse.Namespace) -> int:
    """Measure the journal: cost of an append, opening a large journal, detected edits."""
    from tests.bench.log.run import run

    report = run(
        options.folder,
        options.seed,
        quick=options.quick,
        journals=options.journals or JOURNALS,
        progress=_progress,
    )
    print(report.json() if options.json else report.text())
    for goal in report.missed:
        print_err(f"bench: goal missed: {goal.name}: target {goal.target}, measured {goal.measured}")
    return Exit.FAULT if report.missed else Exit.OK


def age(options: argparse.Namespace) -> int:
    """Measure how long old rollouts take to open, and how soon a rollback calls."""
    from tests.bench.age.run import run

    report = run(options.folder, options.seed, quick=options.quick, progress=_progress)
    print(report.json() if options.json else report.text())
    for goal in report.missed:
        print_err(f"bench: goal missed: {goal.name}: target {goal.target}, measured {goal.measured}")
    return Exit.FAULT if report.missed else Exit.OK


def faults(options: argparse.Namespace) -> int:
    """Provoke crashes, races and faults; measure a key press under load."""
    from tests.bench.faults.run import run

    report = run(
        options.seed,
        small=options.quick,
        only=options.only or FAULTS_PARTS,
        journals=options.journals or JOURNALS,
        progress=_progress,
    )
    if options.write is not None:
        options.write.write_text(report.markdown(), encoding="utf-8")
    print(report.json() if options.json else report.text())
    for goal in report.missed:
        print_err(f"bench: goal missed: {goal.name}: target {goal.target}, measured {goal.measured}")
    return Exit.FAULT if report.missed else Exit.OK


def watchers(options: argparse.Namespace) -> int:
    """Measure many watchers on one journal beside a single one."""
    from tests.bench.load.watchers_run import run

    findings = run(options.count, options.idle, journals=options.journals or JOURNALS, progress=_progress)
    return _print_findings(findings, as_json=options.json)


def soak(options: argparse.Namespace) -> int:
    """Run a console at many times the pace and report what grows."""
    from tests.bench.load.soak_run import run

    return _print_findings(run(options.minutes, options.speed, progress=_progress), as_json=options.json)


def fuzz(options: argparse.Namespace) -> int:
    """Run generated cases of hostile input."""
    from tests.bench.load.fuzz_run import run
    from tests.fuzz.doors import DOORS

    doors = [name for name in DOORS if options.only is None or any(part in name for part in options.only)]
    found = run(options.count, options.seed, doors, at_once=options.at_once, progress=_progress)
    return _print_findings(found, as_json=options.json)


def memory(options: argparse.Namespace) -> int:
    """Measure the memory of a console with many metrics."""
    from tests.bench.load.memory import run

    return _print_findings(run(options.metrics, options.hours), as_json=options.json)


def _print_findings(findings: Findings, *, as_json: bool) -> int:
    """Print tables and goals, or the figures; the exit code."""
    tables = [*findings.tables, goals_table(findings.goals)]
    print(json.dumps(findings.cells) if as_json else "\n\n\n".join(table.text() for table in tables))
    missed = [goal for goal in findings.goals if goal.result is GoalResult.MISS]
    for goal in missed:
        print_err(f"bench: goal missed: {goal.name}: target {goal.target}, measured {goal.measured}")
    return Exit.FAULT if missed else Exit.OK


def rows(options: argparse.Namespace) -> int:
    """Open journals with mutated rows in them, show everything, and roll some of them back."""
    from tests.bench.rows import run

    report = run(options.count, options.seed, options.roll_back_every, _progress)
    print(report.text())
    return Exit.FAULT if report.faults else Exit.OK


def _progress(line: str) -> None:
    if sys.stderr is not None and sys.stderr.isatty():
        print_err(line)


BENCHMARKS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "age": age,
    "faults": faults,
    "fuzz": fuzz,
    "judge": judge,
    "log": log,
    "memory": memory,
    "rows": rows,
    "soak": soak,
    "watchers": watchers,
}
