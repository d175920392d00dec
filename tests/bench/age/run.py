"""Run the benchmark of old rollouts: how long they take to open, and how soon the way back is taken."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.age.recordings import Recording, promoted_rollout, record_samples, store_checkpoint
from tests.bench.judge.tables import Findings, Goal, Table, goal_result
from tests.bench.report import BenchReport

OPENS_WITHIN = 1.2
"""How many times as long as an empty one an old rollout may take to open, `SLACK_S` aside."""
SLACK_S = 0.3
CALLS_WITHIN = 1.2
"""How many times the CPU time of an empty one its first call may take."""
FULL = {"1 h": 1.0, "1 d": 24.0, "7 d": 168.0}
QUICK = {"1 h": 1.0, "6 h": 6.0}
ROUNDS = 5
QUICK_ROUNDS = 2
EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing that is measured, and the figure of the probe that counts."""

    name: str
    figure: str
    is_call: bool
    command: Callable[[Recording], Sequence[str]]


MEASURES = (
    Measure("status", "cpu_s", False, lambda made: ["status", str(made.plan)]),
    Measure("log", "cpu_s", False, lambda _made: ["log"]),
    Measure("screen", "cpu_s", False, lambda made: ["screen", str(made.plan), str(made.journal)]),
    Measure("rollback", "call_s", True, lambda made: ["rollback", str(made.plan), "--reason", "measured"]),
    Measure("halt", "cpu_s", True, lambda made: ["halt", str(made.plan), "--reason", "measured"]),
)
"""A halt calls no backend that takes weights: all of it is measured."""


def run(folder: Path | None, seed: int, *, quick: bool, progress: Callable[[str], None]) -> BenchReport:
    """Measure in a new directory under `folder` (default: the system temporary directory)."""
    with tempfile.TemporaryDirectory(prefix="warroom-bench-", dir=folder) as made:
        recordings = _recordings(Path(made), QUICK if quick else FULL, seed, progress)
        taken: dict[tuple[str, str], list[float]] = {}
        for number in range(QUICK_ROUNDS if quick else ROUNDS):
            for measure in MEASURES:
                progress(f"round {number + 1}: {measure.name}")
                for name, recording in recordings.items():
                    copy = recording.copy_to(Path(made) / "copy")
                    taken.setdefault((measure.name, name), []).append(_cost(measure, copy))
                    shutil.rmtree(copy.folder)
        return BenchReport(_findings(list(recordings), taken))


def _recordings(
    base: Path, ages: Mapping[str, float], seed: int, progress: Callable[[str], None]
) -> dict[str, Recording]:
    empty = promoted_rollout(base / EMPTY)
    found = {EMPTY: empty}
    for name, hours in ages.items():
        bare = found[f"{name}, no checkpoint"] = empty.copy_to(base / f"{name} bare")
        count = record_samples(bare, hours, seed)
        progress(f"{name}: {count:,} samples are judged for the checkpoint")
        found[name] = bare.copy_to(base / name)
        size = store_checkpoint(found[name])
        progress(f"{name}: a checkpoint of {size:,} bytes")
    return found


def _cost(measure: Measure, recording: Recording) -> float:
    command = [sys.executable, "-m", "tests.bench.age.probe", *measure.command(recording)]
    done = subprocess.run(command, env=recording.environment, capture_output=True, text=True, check=False)
    figures = json.loads(done.stderr.splitlines()[-1])
    return float(figures[measure.figure])


def _findings(names: Sequence[str], taken: Mapping[tuple[str, str], list[float]]) -> Findings:
    middle = {key: statistics.median(values) for key, values in taken.items()}
    rows, goals = [], []
    cells: dict[str, dict[str, float | int | str | None]] = {}
    for measure in MEASURES:
        empty = middle[measure.name, EMPTY]
        cells[measure.name] = {name: middle[measure.name, name] for name in names}
        ratios = [f"{middle[measure.name, name] / empty:.2f}x" for name in names[1:]]
        rows.append((measure.name, f"{empty:.3f}", *ratios))
        for name in names[1:]:
            bound = CALLS_WITHIN * empty if measure.is_call else OPENS_WITHIN * empty + SLACK_S
            target = f"<= {CALLS_WITHIN}x" if measure.is_call else f"<= {OPENS_WITHIN}x + {SLACK_S} s"
            measured = f"{middle[measure.name, name]:.3f} s, {middle[measure.name, name] / empty:.2f}x"
            result = goal_result(middle[measure.name, name] <= bound)
            goals.append(Goal(f"{measure.name}, {name}", target, measured, result))
    note = (
        "CPU seconds, which a busy machine changes less than the time on the wall: status, log and halt as "
        "a whole, rollback until its first call to a backend; screen: its engine alone. In turns; ratios of medians."
    )
    table = Table("Old rollouts against an empty one", ("", "empty, s", *names[1:]), rows, note)
    return Findings([table], goals, cells)
