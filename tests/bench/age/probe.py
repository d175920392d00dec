"""Run one command in this process and print what it has cost: `python -m tests.bench.age.probe KIND ARGUMENT..`.

For a verb that is the CPU time until its first call to a backend; for `screen` the opening of a screen's engine; for
any other command the whole of it. One line of JSON, on stderr's last line.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import sys
import time
from contextlib import closing
from pathlib import Path

from adapters.failpoints import observing
from console.cli import main
from console.engine.clock import SystemClock
from console.engine.config import EngineConfig
from console.engine.engine import Engine
from console.journal.sqlite import SqliteJournal
from console.plan.loader import load

CALLS = ("call begins",)
"""The point that a verb passes just before its first call."""


def cost_of_opening(plan: Path, journal: Path) -> dict[str, float]:
    """Seconds, wall and CPU, that a screen's engine takes to open."""

    async def open_engine() -> dict[str, float]:
        with closing(SqliteJournal(journal)) as opened:
            config = EngineConfig(load(plan), opened, SystemClock(), journal.parent, "bench")
            began, cpu = time.perf_counter(), time.process_time()
            engine = await Engine.open(config, lambda _state: None)
            engine.state()
            cost = {"wall_s": time.perf_counter() - began, "cpu_s": time.process_time() - cpu}
            await engine.close()
        return cost

    return asyncio.run(open_engine())


def cost_of_command(arguments: list[str]) -> dict[str, float]:
    """Seconds of a whole command, and of its process until its first call to a backend."""
    cost: dict[str, float] = {}

    def note(point: str) -> None:
        if point in CALLS and "call_s" not in cost:
            cost["call_s"] = time.process_time()

    began = time.perf_counter()
    with observing(note), contextlib.redirect_stdout(io.StringIO()):
        main(arguments)
    return {**cost, "wall_s": time.perf_counter() - began, "cpu_s": time.process_time()}


def probe(arguments: list[str]) -> int:
    """Measure, and print."""
    is_screen = arguments[0] == "screen"
    cost = cost_of_opening(Path(arguments[1]), Path(arguments[2])) if is_screen else cost_of_command(arguments)
    sys.stderr.write(f"{json.dumps(cost)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(probe(sys.argv[1:]))
