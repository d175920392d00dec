"""Consoles that are told to end, or whose terminal is gone: how soon they do, and what becomes of what they had begun.

A promote's call is in flight that nobody will answer, or a rollback is under way; the screen's loop goes on, or is
blocked on a terminal that nobody reads.
"""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from console.events.kinds import RequestMade, RequestSettled, StepDone
from console.journal.sqlite import SqliteJournal
from tests.bench.faults.fake import Fake, Mode
from tests.bench.faults.room import Stuck
from tests.bench.faults.seat import PATIENCE_S, Seat, seated

WITHIN_S = 2.0
"""How soon a console ends that has no rollback under way."""
READING_S, AGAIN_S = 0.4, 3.0
_PROMOTE = """\
warroom: 1
rollout: NAME
timing: {poll: 300ms, tick: 1s, write_deadline: 50s}
backends: {edge: {adapter: counting, url: "URL"}}
targets: {a: {backend: edge}}
stages: [{name: ten, set: {a: 10}}, {name: full, set: {a: 100}}]
"""
_ROLLBACK = """\
warroom: 1
rollout: NAME
timing: {poll: 300ms, tick: 1s, write_deadline: 4s}
backends: {edge: {adapter: counting, url: "URL"}}
targets: {a: {backend: edge}, b: {backend: edge}, c: {backend: edge}}
stages: [{name: full, set: {a: 100, b: 100, c: 100}}]
rollback: [{id: c-back, set: {c: 0}}, {id: b-back, set: {b: 0}}, {id: a-back, set: {a: 0}}]
rollback_order: listed
"""


@dataclass(frozen=True, slots=True)
class Case:
    """How a console is ended, and while it does what."""

    how: str
    """SIGTERM, SIGHUP, or "terminal gone", without a signal."""
    rolling_back: bool
    blocked: bool
    """The screen's loop."""

    def __str__(self) -> str:
        doing = "rollback under way" if self.rolling_back else "call in flight"
        return f"{self.how}, {doing}{', screen blocked' if self.blocked else ''}"


CASES = tuple(
    Case(how, rolling_back, blocked)
    for rolling_back in (False, True)
    for how in ("SIGTERM", "SIGHUP", "terminal gone")
    for blocked in (False, True)
)


FEW = (CASES[3], CASES[4], CASES[5], CASES[11])
"""One of each sort, for CI."""


@dataclass(frozen=True, slots=True)
class End:
    """One end."""

    case: Case
    took_s: float
    code: int
    calls: tuple[str, ...]
    """How each call stands in the journal: its outcome, or "open"."""
    steps: int
    """Rollback steps that are done."""
    left: int
    """Processes of its session that are still there."""

    @property
    def faults(self) -> Iterator[str]:
        """What should not be so."""
        if self.left:
            yield f"{self.left} processes left behind"
        if self.case.rolling_back:
            if self.steps != 3:
                yield f"{self.steps} of 3 steps done"
            if self.calls != ("accepted",) * 3:
                yield f"calls {self.calls}"
            return
        if self.calls not in (("unknown",), ("open",)):
            yield f"calls {self.calls}"


def end(fake: Fake, case: Case) -> End:
    """Bring one about. Raises Stuck."""
    world = f"end-{os.getpid()}-{time.monotonic_ns()}"
    text = (_ROLLBACK if case.rolling_back else _PROMOTE).replace("NAME", world).replace("URL", f"{fake.url}/{world}")
    with tempfile.TemporaryDirectory(prefix="warroom-end-") as folder:
        plan, journal = Path(folder) / "plan.yaml", Path(folder) / "journal.db"
        plan.write_text(text, encoding="utf-8")
        for target in "abc" if case.rolling_back else "":
            fake.tell(world, target=target, percent=100)
        fake.tell(world, mode=(Mode.SLOW if case.rolling_back else Mode.HANG).value)
        with seated(plan, journal, controls=case.how != "terminal gone") as seat:
            _begin(fake, world, seat, case)
            if case.blocked:
                seat.stall()
            began = time.monotonic()
            if case.how == "terminal gone":
                seat.hang_up()
            else:
                seat.process.send_signal(signal.Signals[case.how])
            code = seat.ended()
            took_s = time.monotonic() - began
            left = _session(seat.process.pid)
        return End(case, took_s, code, *_recorded(journal, world), left)


def _begin(fake: Fake, world: str, seat: Seat, case: Case) -> None:
    """Press the keys, until the backend has got the first call."""
    seat.until(b"COMPLETE" if case.rolling_back else b"p promotes to ten")
    time.sleep(READING_S)
    seat.press(b"r" if case.rolling_back else b"p")
    seat.until(b"as of")
    confirm = b"\r" if case.rolling_back else b"y"
    until = time.monotonic() + PATIENCE_S
    while not fake.writes(world):  # on a busy machine a key may come before the card could be read: then it is dropped
        if time.monotonic() > until:
            raise Stuck(f"no call: {seat.tail()}")
        time.sleep(READING_S)
        seat.press(confirm)
        again = time.monotonic() + AGAIN_S
        while time.monotonic() < again and not fake.writes(world):
            seat.read(0.02)


def _recorded(journal: Path, world: str) -> tuple[tuple[str, ...], int]:
    """(each call's outcome, steps done)."""
    opened = SqliteJournal(journal)
    try:
        events = [entry.event for entry in opened.tail(f"{world}/1", 0)]
    finally:
        opened.close()
    settled = {event.request: event.outcome.value for event in events if isinstance(event, RequestSettled)}
    calls = tuple(settled.get(event.id, "open") for event in events if isinstance(event, RequestMade))
    return calls, sum(isinstance(event, StepDone) for event in events)


def _session(leader: int) -> int:
    """How many processes there are in the session that `leader` began."""
    found = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            except OSError:
                continue
            found += int(fields[3]) == leader
    return found
