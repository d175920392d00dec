"""The crash sweep: a console is killed at its n-th write or call, for every n; the next one finishes what it began.

A kill is SIGKILL to itself at a numbered point (`adapters.failpoints`), so no timing is involved. Children are forked from
a parent that has imported everything. The backend is the fake; it takes effect late, so that a console which sends
again too early is caught: the adapter is declared not repeatable.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import signal
import tempfile
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from adapters.failpoints import observing
from console.engine import store
from console.events.evidence import Verb
from console.events.kinds import DecisionTaken, RequestMade
from console.journal.chain import walk_rollout
from console.journal.contract import Journal
from console.journal.location import JournalLocation
from console.journal.spool import Spool
from console.state.values import Mode, StageMark, State, StepMark
from tests.bench.faults.adapter import registered
from tests.bench.faults.children import Steps, call, fork, side_by_side
from tests.bench.faults.fake import Fake
from tests.bench.faults.room import Console, SharedClock, Stuck, Zero, console, late, quick, told, witnessed

SPEED = 8.0
"""How much faster the consoles' clock runs."""
MOST_BESIDE = 40
"""Kills beside the decision path, of each task, at most."""
LAG_S = 0.06
"""How late the fake backend takes effect."""
_TARGETS = ("a", "b", "c", "d", "e", "f", "g")
_TIMING = "timing: {poll: 400ms, tick: 1s, read_deadline: 2s, write_deadline: 2s}"
_PROMOTE = f"""\
warroom: 1
rollout: NAME
{_TIMING}
backends: {{edge: {{adapter: counting, url: URL}}}}
targets: {{a: {{backend: edge}}, b: {{backend: edge}}, c: {{backend: edge}}, d: {{backend: edge}}}}
stages:
  - {{name: ten, set: {{a: 10, b: 10, c: 10, d: 10}}}}
  - {{name: full, set: {{a: 100, b: 100, c: 100, d: 100}}}}
"""
_ROLLBACK = f"""\
warroom: 1
rollout: NAME
{_TIMING}
backends: {{edge: {{adapter: counting, url: URL}}}}
targets: {{{", ".join(f"{name}: {{backend: edge}}" for name in _TARGETS)}}}
stages: [{{name: full, set: {{{", ".join(f"{name}: 100" for name in _TARGETS)}}}}}]
rollback:
  - {{id: a-back, set: {{a: 0}}}}
  - {{id: b-back, set: {{b: 0}}}}
  - {{id: c-back, set: {{c: 0}}, needs: [a-back]}}
  - {{id: d-back, set: {{d: 0}}, needs: [a-back, b-back]}}
  - {{id: e-back, set: {{e: 0}}, needs: [d-back]}}
  - {{id: f-back, set: {{f: 0}}, needs: [d-back]}}
  - {{id: tell, manual: "say so in #incidents", needs: [c-back]}}
  - {{id: g-back, set: {{g: 0}}, needs: [tell]}}
"""


@dataclass(frozen=True, slots=True)
class Task:
    """What a console is doing when it is killed."""

    name: str
    plan: str
    before: float
    """Where the targets stand."""
    goal: Callable[[State], bool]
    next: Callable[[State], tuple[Verb, str | None] | None]
    """The key that an operator presses as things stand, and what it is about; None: wait."""


def _promote_key(state: State) -> tuple[Verb, str | None] | None:
    coming = state.next
    waiting = state.in_flight or state.in_doubt or (coming is not None and coming.mark is StageMark.REQUESTED)
    return None if waiting else (Verb.PROMOTE, None)


def _rollback_key(state: State) -> tuple[Verb, str | None] | None:
    manual = next((entry.step.id for entry in state.checklist if entry.mark is StepMark.WAITING), None)
    if state.rollback is not None and manual is not None:
        return Verb.CONFIRM, manual
    if state.local.running:
        return None
    return Verb.ROLLBACK, None


TASKS = (
    Task("promote", _PROMOTE, 0.0, lambda state: state.reached == 1, _promote_key),
    Task("rollback", _ROLLBACK, 100.0, lambda state: state.mode is Mode.ROLLED_BACK, _rollback_key),
)


@dataclass(frozen=True, slots=True)
class Killed:
    """One kill and what became of it."""

    task: str
    number: int
    point: str
    """Where: "journal committed"."""
    faults: tuple[str, ...]
    """What was lost, doubled or stuck; nothing, if all is well."""


@dataclass(frozen=True, slots=True)
class Swept:
    """A whole sweep."""

    journal: str
    kills: tuple[Killed, ...]

    @property
    def faults(self) -> list[str]:
        return [f"{kill.task} {kill.number} ({kill.point}): {fault}" for kill in self.kills for fault in kill.faults]

    def points(self) -> Mapping[str, int]:
        """How many kills at each sort of point."""
        return Counter(kill.point for kill in self.kills)


_BESIDE = ("samples", "lease", "spool")
"""Writes beside the decision path: how many there are depends on how long things take."""
LATE_S = 0.06
"""How long each append of a late journal takes; its consoles wait a third of that before they go ahead."""


class _Killer:
    """Ends this process at its n-th point, and writes down which it was; counts only, if `at` is 0.

    Points on the decision path are numbered from 1 up, those beside it from -1 down.
    """

    def __init__(self, at: int, file: Path) -> None:
        self._at = at
        self._file = file
        self._lock = threading.Lock()
        self.main = self.beside = 0

    def __call__(self, point: str) -> None:
        with self._lock:
            if point.startswith(_BESIDE):
                self.beside += 1
            else:
                self.main += 1
            if self._at and self._at == (-self.beside if point.startswith(_BESIDE) else self.main):
                self._file.write_text(point, encoding="utf-8")
                os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class _Case:
    """One kill to be: where its things are."""

    task: Task
    number: int
    folder: Path
    plan: str
    world: str
    zero: Zero
    place: JournalLocation
    late: bool

    def clock(self) -> SharedClock:
        return SharedClock(self.zero, SPEED)

    def journal(self) -> Journal:
        opened = witnessed(self.place.open(), self.folder / "acknowledged")
        return late(opened, LATE_S) if self.late else opened

    def begin(self) -> None:
        """In the console's process: its beats, and how long what may not wait does wait for a late journal."""
        quick()
        if self.late:
            store.PATIENCE_S = LATE_S / 3


def sweep(
    fake: Fake,
    place: Callable[[Path], JournalLocation],
    name: str,
    *,
    kills: int | None,
    seed: int = 1,
    late: bool = False,
    at_once: int = 3,
    progress: Callable[[str], None] = lambda _: None,
) -> Swept:
    """Kill at every point of every task, or at `kills` of them chosen by `seed`.

    Args:
        fake: the backend.
        place: the journal of a case, given the case's folder; one that several share is fine.
        name: of the journal, for the report.
        kills: how many; None: every one.
        seed: which.
        late: the journal is slower than a halt or a rollback waits for it.
        at_once: cases that run beside each other.
        progress: told now and then.
    """
    found: list[Killed] = []
    with registered(), tempfile.TemporaryDirectory(prefix="warroom-sweep-") as base:
        rooms = _Rooms(fake, place, Path(base), late)
        wanted: list[tuple[Task, int]] = []
        for task in TASKS:
            points = call(partial(_count, rooms.case(task, 0)))
            if points is None:
                raise Stuck("a run that nobody kills does not come to its end")
            main, beside = points
            wanted += [(task, number) for number in range(1, main + 1)]
            wanted += [(task, -number) for number in range(1, min(beside, MOST_BESIDE) + 1)]
        if kills is not None:
            random.Random(seed).shuffle(wanted)
        for killed in side_by_side((_killed(rooms.case(task, number), fake) for task, number in wanted), at_once):
            if killed is not None:
                found.append(killed)
                if len(found) % 20 == 0:
                    bad = sum(bool(kill.faults) for kill in found)
                    progress(f"{name}: {len(found)} of {len(wanted)} kills, {bad} bad")
            if kills is not None and len(found) >= kills:
                break
    return Swept(name, tuple(found[:kills]))


@dataclass
class _Rooms:
    fake: Fake
    place: Callable[[Path], JournalLocation]
    base: Path
    late: bool
    made: int = 0
    tag: str = field(default_factory=lambda: secrets.token_hex(3))
    """Of this sweep: the fake backend is that of the others too."""

    def case(self, task: Task, number: int) -> _Case:
        """A fresh case: a world of its own at the fake, a rollout of its own in the journal."""
        self.made += 1
        world = f"{task.name}-{number}-{self.made}-{self.tag}"
        folder = self.base / world
        folder.mkdir()
        plan = task.plan.replace("NAME", world).replace("URL", f"{self.fake.url}/{world}")
        for target in _TARGETS:
            self.fake.tell(world, target=target, percent=task.before)
        self.fake.tell(world, lag_s=LAG_S)
        return _Case(task, number, folder, plan, world, Zero(), self.place(folder), self.late)


def _killed(case: _Case, fake: Fake) -> Steps[Killed | None]:
    """Kill one console and let the next one finish. None: it came to its end before that point."""
    status = yield fork(lambda: _run(case, case.number))
    if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
        return None if status == 0 else _fault(case, f"ended with {status}: {_words(case)}")
    status = yield fork(lambda: _run(case, 0))
    if status != 0:
        return _fault(case, f"could not be finished: {_words(case)}")
    return Killed(case.task.name, case.number, _point(case), tuple(_checked(case, fake)))


def _fault(case: _Case, words: str) -> Killed:
    return Killed(case.task.name, case.number, _point(case), (words,))


def _point(case: _Case) -> str:
    file = case.folder / "point"
    return file.read_text(encoding="utf-8") if file.exists() else "?"


def _words(case: _Case) -> str:
    file = case.folder / "stuck"
    return file.read_text(encoding="utf-8") if file.exists() else "no word"


# -- in a child --------------------------------------------------------------------------------------------------


def _run(case: _Case, at: int) -> None:
    """Open a console and press keys until the goal is reached; killed at point `at`, unless that is 0."""
    case.begin()
    with observing(_Killer(at, case.folder / "point")):
        try:
            asyncio.run(_finish(case))
        except Exception as error:
            words = str(error) if isinstance(error, Stuck) else traceback.format_exc()
            (case.folder / "stuck").write_text(words, encoding="utf-8")
            raise


def _count(case: _Case) -> tuple[int, int]:
    """How many points a run that is not killed passes: on the decision path, beside it."""
    case.begin()
    killer = _Killer(0, case.folder / "point")
    with observing(killer):
        asyncio.run(_finish(case))
    return killer.main, killer.beside


async def _finish(case: _Case) -> None:
    journal = case.journal()
    spool = Spool([case.folder / "journal"])
    async with console(case.plan, journal, case.folder, case.clock(), spool=spool) as room:
        for _ in range(40):
            state = await room.until(lambda state: case.task.goal(state) or case.task.next(state) is not None)
            if case.task.goal(state):
                break
            await _press(room, case.task)
        else:
            raise Stuck(f"40 keys did not do it: {told(room.state)}")
    journal.close()


async def _press(room: Console, task: Task) -> None:
    key = task.next(room.state)
    if key is None:
        return
    await room.engine.act(room.intent(*key))
    with suppress(Stuck):
        await room.until(lambda state: task.goal(state) or task.next(state) is None, within_s=0.2)


# -- what must hold --------------------------------------------------------------------------------------------------


def _checked(case: _Case, fake: Fake) -> Iterator[str]:
    """What is wrong after a kill and a finish."""
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
            yield f"{target} -> {percent:g} % was called {count} times"
    decided = {event.trace.split("-")[1] for event in events if isinstance(event, DecisionTaken) and event.trace}
    if any(write.trace not in decided for write in writes):
        yield "a call belongs to no recorded decision"
    asked = Counter(event.target for event in events if isinstance(event, RequestMade))
    for target, count in Counter(write.target for write in writes).items():
        if count > asked[target]:
            yield f"{target} was called without a recorded request"
