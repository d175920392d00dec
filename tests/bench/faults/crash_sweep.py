"""The crash sweep: kill a console at its n-th write or call, for every n, and let the next console finish.

The console sends SIGKILL to itself at a numbered `adapters.failpoints` point, so no timing is involved. Children are
forked from a parent that has imported everything. The fake backend applies a write after a delay, so that a console
which sends again too early is caught: the adapter is declared not repeatable.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import signal
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from adapters.failpoints import observing
from console.engine import store
from console.events.kinds import DecisionTaken, Event, RequestMade
from console.journal.chain import walk_rollout
from console.journal.contract import Journal
from console.journal.location import JournalLocation
from console.journal.spool import Spool
from tests.bench.faults.adapter import register_adapter
from tests.bench.faults.children import CaseSteps, call_in_child, fork, run_concurrently
from tests.bench.faults.engine_console import (
    ClockOrigin,
    EngineConsole,
    SharedClock,
    Stuck,
    open_console,
    shorten_beats,
    state_line,
    with_ack_log,
    with_slow_appends,
)
from tests.bench.faults.fake_backend import FakeBackend, Write
from tests.bench.faults.pace import PACES, StallMeter, measure_stalls
from tests.bench.faults.sweep_tasks import TARGETS, TASKS, Task

MAX_SIDE_KILLS = 40
"""Most kills beside the decision path, per task."""
LAG_S = 0.06
"""How long after a write the fake backend applies it."""
_SIDE_POINTS = ("samples", "lease", "spool")
"""Points beside the decision path; their number depends on how long the run takes."""
SLOW_APPEND_S = 0.06
"""Length of each append of a slow journal; its consoles wait a third of that before they go ahead."""


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill and its outcome."""

    task: str
    number: int
    point: str
    """The point's name, such as "journal committed"."""
    faults: tuple[str, ...]
    """Everything lost, doubled or stuck; empty when all is well."""


@dataclass(frozen=True, slots=True)
class CrashSweep:
    """All kills of one sweep."""

    journal: str
    kills: tuple[Kill, ...]

    @property
    def faults(self) -> list[str]:
        """Every fault, with its kill."""
        return [f"{kill.task} {kill.number} ({kill.point}): {fault}" for kill in self.kills for fault in kill.faults]

    def points(self) -> Mapping[str, int]:
        """Kills per point name."""
        return Counter(kill.point for kill in self.kills)


class _Killer:
    """Kills this process at its n-th point and writes the point's name; 0: only counts.

    Points on the decision path are numbered from 1 up, those beside it from -1 down.
    """

    def __init__(self, at: int, file: Path) -> None:
        self._at = at
        self._file = file
        self._lock = threading.Lock()
        self.on_path = self.beside = 0

    def __call__(self, point: str) -> None:
        with self._lock:
            if point.startswith(_SIDE_POINTS):
                self.beside += 1
            else:
                self.on_path += 1
            if self._at and self._at == (-self.beside if point.startswith(_SIDE_POINTS) else self.on_path):
                self._file.write_text(point, encoding="utf-8")
                os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class _Case:
    """A kill to carry out: its plan, files and clock."""

    task: Task
    number: int
    folder: Path
    plan: str
    world: str
    origin: ClockOrigin
    place: JournalLocation
    slow_journal: bool
    pace: float

    def clock(self) -> SharedClock:
        """The clock of this case."""
        return SharedClock(self.origin, self.pace)

    def journal(self) -> Journal:
        """Open the journal, with a log of acknowledged events."""
        opened = with_ack_log(self.place.open(), self.folder / "acknowledged")
        return with_slow_appends(opened, SLOW_APPEND_S) if self.slow_journal else opened

    def begin(self) -> None:
        """Shorten the intervals of this console's process, and its patience with a slow journal."""
        shorten_beats()
        if self.slow_journal:
            store.PATIENCE_S = SLOW_APPEND_S / 3


def run_crash_sweep(
    fake: FakeBackend,
    place: Callable[[Path], JournalLocation],
    name: str,
    *,
    kills: int | None,
    seed: int = 1,
    slow_journal: bool = False,
    at_once: int = 3,
    progress: Callable[[str], None] = lambda _: None,
) -> CrashSweep:
    """Kill at every point of every task, or at `kills` points chosen by `seed`.

    Args:
        fake: the backend.
        place: returns the journal location of a case, given its folder; cases may share one.
        name: the journal's name in the report.
        kills: how many; None: every point.
        seed: chooses the points.
        slow_journal: an append takes longer than a halt or a rollback waits for it.
        at_once: cases that run at the same time.
        progress: called with a line every 20 kills.
    """
    found: list[Kill] = []
    with (
        register_adapter(),
        tempfile.TemporaryDirectory(prefix="warroom-sweep-") as base,
        measure_stalls() as stalls,
    ):
        cases = _CaseFactory(fake, place, Path(base), slow_journal)
        wanted: list[tuple[Task, int]] = []
        for task in TASKS:
            on_path, beside = _points(cases, task, stalls)
            wanted += [(task, number) for number in range(1, on_path + 1)]
            wanted += [(task, -number) for number in range(1, min(beside, MAX_SIDE_KILLS) + 1)]
        if kills is not None:
            random.Random(seed).shuffle(wanted)
        for killed in run_concurrently((_carry_out(cases, task, number, stalls) for task, number in wanted), at_once):
            if killed is not None:
                found.append(killed)
                if len(found) % 20 == 0:
                    bad = sum(bool(kill.faults) for kill in found)
                    progress(f"{name}: {len(found)} of {len(wanted)} kills, {bad} bad")
            if kills is not None and len(found) >= kills:
                break
    return CrashSweep(name, tuple(found[:kills]))


@dataclass
class _CaseFactory:
    fake: FakeBackend
    place: Callable[[Path], JournalLocation]
    base: Path
    slow_journal: bool
    made: int = 0
    tag: str = field(default_factory=lambda: secrets.token_hex(3))
    """Names this sweep: several sweeps share one fake backend."""

    def make(self, task: Task, number: int, pace: float) -> _Case:
        """A case with a new world and a new rollout."""
        self.made += 1
        world = f"{task.name}-{number}-{self.made}-{self.tag}"
        folder = self.base / world
        folder.mkdir()
        plan = task.plan.replace("NAME", world).replace("URL", f"{self.fake.url}/{world}")
        for target in TARGETS:
            self.fake.configure(world, target=target, percent=task.before)
        self.fake.configure(world, lag_s=LAG_S)
        return _Case(task, number, folder, plan, world, ClockOrigin(), self.place(folder), self.slow_journal, pace)


def _points(cases: _CaseFactory, task: Task, stalls: StallMeter) -> tuple[int, int]:
    """Points that a run without a kill passes. Raises Stuck if it does not finish."""
    for pace in PACES:
        since = time.monotonic()
        if (points := call_in_child(partial(_count, cases.make(task, 0, pace)))) is not None:
            return points[0], points[1]
        if not stalls.stalled_since(since):
            break
    raise Stuck("a run without a kill does not finish")


def _carry_out(cases: _CaseFactory, task: Task, number: int, stalls: StallMeter) -> CaseSteps[Kill | None]:
    """Carry out one kill; again, and slower, if it shows a fault while the machine stalled."""
    for pace in PACES:
        since = time.monotonic()
        killed = yield from _kill_and_finish(cases.make(task, number, pace), cases.fake)
        if killed is None or not killed.faults or not stalls.stalled_since(since):
            break
    return killed


def _kill_and_finish(case: _Case, fake: FakeBackend) -> CaseSteps[Kill | None]:
    """Kill one console and let the next one finish; None when it finished before that point."""
    status = yield fork(lambda: _run(case, case.number))
    if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
        return None if status == 0 else _failed(case, f"ended with {status}: {_error_text(case)}")
    status = yield fork(lambda: _run(case, 0))
    if status != 0:
        return _failed(case, f"could not be finished: {_error_text(case)}")
    return Kill(case.task.name, case.number, _point(case), tuple(_faults_after(case, fake)))


def _failed(case: _Case, fault: str) -> Kill:
    return Kill(case.task.name, case.number, _point(case), (fault,))


def _point(case: _Case) -> str:
    file = case.folder / "point"
    return file.read_text(encoding="utf-8") if file.exists() else "?"


def _error_text(case: _Case) -> str:
    file = case.folder / "stuck"
    return file.read_text(encoding="utf-8") if file.exists() else "no message"


# -- in a child --------------------------------------------------------------------------------------------------


def _run(case: _Case, at: int) -> None:
    """Press keys until the goal is reached, or die at point `at` (0: never)."""
    case.begin()
    with observing(_Killer(at, case.folder / "point")):
        try:
            asyncio.run(_finish(case))
        except Exception as error:
            message = str(error) if isinstance(error, Stuck) else traceback.format_exc()
            (case.folder / "stuck").write_text(message, encoding="utf-8")
            raise


def _count(case: _Case) -> tuple[int, int]:
    """Points that a run without a kill passes: (on the decision path, beside it)."""
    case.begin()
    killer = _Killer(0, case.folder / "point")
    with observing(killer):
        asyncio.run(_finish(case))
    return killer.on_path, killer.beside


async def _finish(case: _Case) -> None:
    journal = case.journal()
    spool = Spool([case.folder / "journal"])
    async with open_console(case.plan, journal, case.folder, case.clock(), spool=spool) as console:
        answer = "none pressed"
        for _ in range(40):
            state = await console.until(lambda state: case.task.goal(state) or case.task.next_key(state) is not None)
            if case.task.goal(state):
                break
            answer = await _press(console, case.task)
        else:
            raise Stuck(f"the goal is not reached after 40 keys, the last {answer}: {state_line(console.state)}")
    journal.close()


async def _press(console: EngineConsole, task: Task) -> str:
    """Press the next key; returns the answer to it."""
    key = task.next_key(console.state)
    if key is None:
        return "not needed"
    answer = await console.engine.act(console.intent(*key))
    with suppress(Stuck):
        await console.until(lambda state: task.goal(state) or task.next_key(state) is None, within_s=0.2)
    return f"{answer.result}: {answer.line}"


# -- checks --------------------------------------------------------------------------------------------------


def _faults_after(case: _Case, fake: FakeBackend) -> Iterator[str]:
    """Faults in the journal and at the backend after a kill and a finish."""
    journal = case.place.open()
    try:
        rollout = f"{case.world}/1"
        events = [entry.event for entry in journal.tail(rollout, 0)]
        flaw = walk_rollout(lambda after: journal.rows(rollout, after)).flaw
    finally:
        journal.close()
    written = [event.id for event in events]
    acknowledged = (case.folder / "acknowledged").read_text(encoding="utf-8").splitlines()
    if lost := [event for event in acknowledged if event not in set(written)]:
        yield f"{len(lost)} acknowledged events are not in the journal"
    if len(set(written)) != len(written):
        yield "an event is in the journal twice"
    if flaw is not None:
        yield f"the chain is broken: {flaw}"
    writes = fake.writes(case.world)
    for (target, percent), count in Counter((write.target, write.percent) for write in writes).items():
        if count > 1:
            yield f"{target} -> {percent:g} % was sent {count} times{_moments(case, target, events, writes)}"
    decided = {event.trace.split("-")[1] for event in events if isinstance(event, DecisionTaken) and event.trace}
    if any(write.trace not in decided for write in writes):
        yield "a call belongs to no recorded decision"
    requested = Counter(event.target for event in events if isinstance(event, RequestMade))
    for target, count in Counter(write.target for write in writes).items():
        if count > requested[target]:
            yield f"{target} was called without a recorded request"


def _moments(case: _Case, target: str, events: Sequence[Event], writes: Sequence[Write]) -> str:
    """When the requests of a target were recorded and its calls arrived, in real seconds since the case began."""
    requests = [event.at for event in events if isinstance(event, RequestMade) and event.target == target]
    made = [f"{(at - case.origin.wall).total_seconds() / case.pace:.3f}" for at in requests]
    arrived = [f"{write.at - case.origin.wall.timestamp():.3f}" for write in writes if write.target == target]
    return f", requested at {', '.join(made)} s, arrived at {', '.join(arrived)} s"
