"""Many `warroom watch` processes on one journal: the cost of each while idle, and the wait of an append."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from console.cli.paths import engine_config
from console.engine.engine import Engine
from console.engine.identity import actor
from console.events.kinds import Noted
from console.journal.contract import Journal
from console.journal.location import JournalLocation, journal_location
from console.plan.loader import load
from tests.bench.load.processes import process_cost

ROLLOUT = "watched"
PLAN = f"""\
warroom: 1
rollout: {ROLLOUT}
timing: {{poll: 5s, tick: 10s}}
backends:
  edge: {{adapter: embedded, world: shop, scenario: healthy, seed: 1}}
  metrics: {{adapter: embedded, world: shop}}
targets:
  api: {{backend: edge, name: checkout, kind: deploy}}
metrics:
  errors: {{backend: metrics, shape: counts}}
  latency: {{backend: metrics, shape: histogram}}
  page-errors: {{backend: metrics, shape: counts, role: guard}}
  cpu: {{backend: metrics, shape: gauge, role: info}}
stages:
  - {{name: five, set: {{api: 5}}, bake: 10m}}
  - {{name: full, set: {{api: 100}}, bake: 10m}}
"""
_ARRIVAL_S = 0.02
"""Pause between two looks at who has arrived."""
_ARRIVED_WITHIN_S = 120.0
_SETTLE_S = 8.0
"""Rest between the last arrival and the measurement: caches fill, the first samples are judged."""
_BETWEEN_APPENDS_S = 0.4


@dataclass(frozen=True, slots=True)
class WatchersSize:
    """Amount of work of a run."""

    count: int
    """Watchers beside the one that polls."""
    idle_s: float
    appends: int


@dataclass(frozen=True, slots=True)
class WatchersResult:
    """The figures of one group of watchers."""

    count: int
    cpu: Sequence[float]
    """Share of a core of each that does not poll, while nothing but polls happens."""
    poller_cpu: float
    pss_mib: Sequence[float]
    appends_s: Sequence[float]
    """Duration of each append by another process."""
    arrived_s: float
    """From the first start until all are present."""


def measure(
    folder: Path, location: str | None, size: WatchersSize, *, progress: Callable[[str], None]
) -> WatchersResult:
    """Run the watchers on a new journal, or on the one at `location`, and measure them from the outside."""
    folder.mkdir(parents=True)
    where = journal_location(location or str(folder / "journal.db"))
    plan = folder / "plan.yaml"
    plan.write_text(PLAN, encoding="utf-8")
    began = time.monotonic()
    with _watchers(folder, plan, location or str(folder / "journal.db"), 1) as first:
        asyncio.run(_open_rollout(plan, where))
        with closing(where.open()) as journal:
            _wait_for(journal, 1)
            with _watchers(folder, plan, location or str(folder / "journal.db"), size.count) as others:
                _wait_for(journal, size.count + 1)
                arrived_s = time.monotonic() - began
                progress(f"{size.count} watchers have arrived")
                time.sleep(_SETTLE_S)
                pids = [*first, *others]
                pollers = {_poller_pid(journal)}
                before = {pid: process_cost(pid).cpu_s for pid in pids}
                time.sleep(size.idle_s)
                after = {pid: process_cost(pid) for pid in pids}
                pollers.add(poller := _poller_pid(journal))
                cpu = {pid: (after[pid].cpu_s - before[pid]) / size.idle_s for pid in pids}
                appends_s = [_append(journal) for _ in range(size.appends)]
    idle = [pid for pid in pids if pid not in pollers]
    return WatchersResult(
        count=size.count,
        cpu=[cpu[pid] for pid in idle],
        poller_cpu=math.nan if poller is None else cpu.get(poller, math.nan),
        pss_mib=[after[pid].pss_mib for pid in idle],
        appends_s=appends_s,
        arrived_s=arrived_s,
    )


@contextlib.contextmanager
def _watchers(folder: Path, plan: Path, location: str, count: int) -> Iterator[list[int]]:
    command = [sys.executable, "-m", "console", "watch", str(plan)]
    environ = {**os.environ, "WARROOM_JOURNAL": location, "XDG_STATE_HOME": str(folder / "state")}
    running: list[subprocess.Popen[bytes]] = []
    try:
        with (folder / "watch.log").open("ab") as output:
            for _ in range(count):
                running.append(
                    subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
                )
        yield [process.pid for process in running]
    finally:
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            try:
                process.wait(30.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


async def _open_rollout(plan: Path, where: JournalLocation) -> None:
    loaded = load(plan)
    with closing(where.open()) as journal:
        engine = await Engine.open(engine_config(loaded, journal, where), lambda _state: None)
        await engine.close()


def _wait_for(journal: Journal, count: int) -> None:
    """Wait until `count` consoles are present."""
    until = time.monotonic() + _ARRIVED_WITHIN_S
    while len(journal.present(f"{ROLLOUT}/1", 3600.0)) < count:
        if time.monotonic() > until:
            raise TimeoutError(f"fewer than {count} watchers are present after {_ARRIVED_WITHIN_S:g} s")
        time.sleep(_ARRIVAL_S)


def _poller_pid(journal: Journal) -> int | None:
    lease = journal.current_lease(f"{ROLLOUT}/1")
    present = journal.present(f"{ROLLOUT}/1", 3600.0)
    return next((one.actor.pid for one in present if lease is not None and one.session == lease.holder), None)


def _append(journal: Journal) -> float:
    time.sleep(_BETWEEN_APPENDS_S)
    event = Noted(at=datetime.now(UTC), who=actor(), text="a note")
    began = time.monotonic()
    journal.append(f"{ROLLOUT}/1", event)
    return time.monotonic() - began
