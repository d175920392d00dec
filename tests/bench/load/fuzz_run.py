"""Many generated cases of hostile input at every door; each problem with the seed that makes it again."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.judge.tables import Findings, Goal, Table, goal_result
from tests.bench.load.processes import process_cost
from tests.fuzz.doors import DOORS

_BATCH = 50
MOST_GROWN_MIB = 120.0
"""By how much a process may grow over its cases: the largest body is 10 MiB."""


@dataclass(slots=True)
class DoorResult:
    """What the cases at one door came to."""

    cases: int = 0
    seconds: float = 0.0
    slowest_s: float = 0.0
    grown_mib: float = 0.0
    """Of the memory of the process with the largest growth."""
    problems: dict[int, str] = field(default_factory=dict)


def run(count: int, first: int, doors: Sequence[str], *, at_once: int, progress: Callable[[str], None]) -> Findings:
    """Run `count` cases at each door, from seed `first` on."""
    found: dict[str, DoorResult] = {}
    with ProcessPoolExecutor(at_once) as pool:
        for name in doors:
            found[name] = whole = DoorResult()
            batches = [range(seed, min(seed + _BATCH, first + count)) for seed in range(first, first + count, _BATCH)]
            for part in pool.map(_run_batch, [name] * len(batches), batches):
                whole.cases += part.cases
                whole.seconds += part.seconds
                whole.slowest_s = max(whole.slowest_s, part.slowest_s)
                whole.grown_mib = max(whole.grown_mib, part.grown_mib)
                whole.problems |= part.problems
            progress(f"{name}: {whole.cases} cases, {len(whole.problems)} problems")
    return _findings(found)


def _run_batch(name: str, seeds: range) -> DoorResult:
    result = DoorResult()
    before = process_cost(os.getpid()).rss_mib
    with tempfile.TemporaryDirectory(prefix="warroom-fuzz-") as folder:
        for seed in seeds:
            began = time.monotonic()
            problem = DOORS[name].problem(seed, Path(folder))
            took_s = time.monotonic() - began
            result.cases, result.seconds = result.cases + 1, result.seconds + took_s
            result.slowest_s = max(result.slowest_s, took_s)
            if problem is not None:
                result.problems[seed] = problem
    result.grown_mib = process_cost(os.getpid()).rss_mib - before
    return result


def _findings(found: dict[str, DoorResult]) -> Findings:
    rows = [
        (
            name,
            str(each.cases),
            str(len(each.problems)),
            f"{1000 * each.seconds / max(each.cases, 1):.0f} ms",
            f"{each.slowest_s:.1f} s",
            f"{each.grown_mib:.0f} MiB",
        )
        for name, each in found.items()
    ]
    problems = [
        f"{name} {seed}: {problem.strip().splitlines()[-1][:300]}"
        for name, each in found.items()
        for seed, problem in list(each.problems.items())[:20]
    ]
    table = Table(
        "Hostile input",
        ("door", "cases", "problems", "a case", "slowest", "grown by"),
        rows,
        "\n".join(["Grown by: the most that a process grew over 50 cases.", *problems]),
    )
    bad = sum(len(each.problems) for each in found.values())
    grown = max((each.grown_mib for each in found.values()), default=0.0)
    goals = [
        Goal("hostile input", "0 problems", str(bad), goal_result(bad == 0)),
        Goal("memory", f"<= {MOST_GROWN_MIB:g} MiB more", f"{grown:.0f} MiB", goal_result(grown <= MOST_GROWN_MIB)),
    ]
    cells = {name: {"cases": each.cases, "problems": len(each.problems)} for name, each in found.items()}
    return Findings([table], goals, cells)
