"""Cost of the product's judge in units of the same machine: an empty Python, 100 calls of math.exp.

This is the only part whose figures are not a function of the seed.
"""

from __future__ import annotations

import functools
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from adapters.contract import Counts, Reading
from console.judge.policy import MetricPolicy
from console.judge.track import Track
from tests.bench.judge.cells import Scale
from tests.bench.judge.shares import seeded_rng
from tests.bench.judge.tables import Findings, Goal, Table, goal_result
from tests.bench.judge.ticks import TICK_S
from tests.bench.judge.worlds import HOUR, Regime, World, simulate

METRICS = 20
RUNS = 20


def run(_: Scale, seed: int) -> Findings:
    """Measure the import, one tick of a metric, and an hour of twenty metrics."""
    codes = ("pass", "import console.judge.split", "import console.judge.rule")
    with (
        tempfile.TemporaryDirectory() as compiled
    ):  # as installed, with byte code, even where the environment forbids it
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = compiled
        tasks = [functools.partial(_python, code, environment) for code in codes]
        _fastest(tasks, 1)
        empty, engine, everything = _fastest(tasks, RUNS)
    hour = _hour(seed)
    exps, replay = _fastest([_exps, lambda: _replay(hour)], 2 * RUNS)
    tick = replay / HOUR
    added, package = (engine - empty) / empty, (everything - empty) / empty
    ticks, hours = tick / exps, tick * HOUR * METRICS / empty
    table = Table(
        "Cost of the product's judge",
        ["step", "on this machine", "in units"],
        [
            ["python -c pass", f"{empty * 1e3:.1f} ms", ""],
            ["import of the engine for counts, beyond that", f"{(engine - empty) * 1e3:.1f} ms", f"{added:.2f} of it"],
            [
                "import of the whole package with the types it reads",
                f"{(everything - empty) * 1e3:.1f} ms",
                f"{package:.2f}",
            ],
            ["100 calls of math.exp", f"{exps * 1e6:.1f} us", ""],
            ["a metric's tick", f"{tick * 1e6:.0f} us", f"{ticks:.1f} times that"],
            [f"an hour of {METRICS} metrics replayed", f"{tick * HOUR * METRICS:.2f} s", f"{hours:.0f} empty Pythons"],
        ],
        "Processor time, fastest of several runs on one machine; not a function of the seed.",
    )
    return Findings(
        [table],
        [
            Goal(
                "import of the engine for counts",
                "<= 0.5 of python -c pass",
                f"{added:.2f}; the whole package with the plan's and the adapters' types {package:.2f}",
                goal_result(added <= 0.5),
            ),
            Goal("a metric's tick", "<= 12 times 100 math.exp", f"{ticks:.1f}", goal_result(ticks <= 12)),
            Goal(
                "an hour of 20 metrics replayed", "<= 40 times python -c pass", f"{hours:.0f}", goal_result(hours <= 40)
            ),
        ],
    )


def _fastest(tasks: Sequence[Callable[[], object]], runs: int) -> list[float]:
    """Processor seconds of each task's fastest run; the tasks take turns."""
    best = [math.inf] * len(tasks)
    for _ in range(runs):
        for place, task in enumerate(tasks):
            began = _processor_s()
            task()
            best[place] = min(best[place], _processor_s() - began)
    return best


def _processor_s() -> float:
    """Processor seconds of this process and of its finished children."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _python(code: str, environment: Mapping[str, str]) -> None:
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def _exps() -> None:
    exp = math.exp
    for i in range(100):
        exp(i * 0.01)


def _hour(seed: int) -> list[Reading]:
    ticks = simulate(World(Regime(20, 0.005)), 1, seeded_rng(seed, "cost"))
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        Reading(
            at + timedelta(seconds=TICK_S * t),
            Counts(total=float(ticks.nc[t, 0]), bad=float(ticks.kc[t, 0])),
            Counts(total=float(ticks.nb[t, 0]), bad=float(ticks.kb[t, 0])),
        )
        for t in range(HOUR)
    ]


def _replay(hour: list[Reading]) -> None:
    track = Track.begin(MetricPolicy(), [], 1)
    for reading in hour:
        track = track.after(reading, 1)
