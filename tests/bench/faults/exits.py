"""Consoles that get a termination signal or lose their terminal: how soon they exit, and in which state.

Meanwhile a promote's call is in flight, which the backend never answers, or a rollback is under way; the screen's loop
runs, or is blocked on a terminal whose output is not read.
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
from tests.bench.faults.engine_console import Stuck
from tests.bench.faults.fake_backend import FakeBackend, ReplyMode
from tests.bench.faults.pty_console import PATIENCE_S, PtyConsole, open_pty_console

WITHIN_S = 2.0
"""Longest time until a console without a rollback under way exits."""
READING_S, RETRY_S = 0.4, 3.0
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
class ExitCase:
    """How a console is ended, and during which work."""

    trigger: str
    """SIGTERM, SIGHUP, or "terminal gone" (no signal)."""
    rolling_back: bool
    blocked: bool
    """Whether the screen's loop is blocked."""

    def __str__(self) -> str:
        doing = "rollback under way" if self.rolling_back else "call in flight"
        return f"{self.trigger}, {doing}{', screen blocked' if self.blocked else ''}"


CASES = tuple(
    ExitCase(trigger, rolling_back, blocked)
    for rolling_back in (False, True)
    for trigger in ("SIGTERM", "SIGHUP", "terminal gone")
    for blocked in (False, True)
)
FEW = (CASES[3], CASES[4], CASES[5], CASES[11])
"""One of each sort, for CI."""


@dataclass(frozen=True, slots=True)
class ExitResult:
    """One exit and what was left."""

    case: ExitCase
    took_s: float
    code: int
    calls: tuple[str, ...]
    """Each call's outcome in the journal, or "open"."""
    steps: int
    """Rollback steps done."""
    left: int
    """Processes of its session still running."""

    @property
    def faults(self) -> Iterator[str]:
        """Deviations from a clean exit."""
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


def run_exit_case(fake: FakeBackend, case: ExitCase) -> ExitResult:
    """Start a console, end it as `case` says, check the remains. Raises Stuck."""
    world = f"exit-{os.getpid()}-{time.monotonic_ns()}"
    text = (_ROLLBACK if case.rolling_back else _PROMOTE).replace("NAME", world).replace("URL", f"{fake.url}/{world}")
    with tempfile.TemporaryDirectory(prefix="warroom-exit-") as folder:
        plan, journal = Path(folder) / "plan.yaml", Path(folder) / "journal.db"
        plan.write_text(text, encoding="utf-8")
        for target in "abc" if case.rolling_back else "":
            fake.configure(world, target=target, percent=100)
        fake.configure(world, mode=(ReplyMode.SLOW if case.rolling_back else ReplyMode.HANG).value)
        with open_pty_console(plan, journal, controls=case.trigger != "terminal gone") as pty:
            _start_work(fake, world, pty, case)
            if case.blocked:
                pty.stall()
            began = time.monotonic()
            if case.trigger == "terminal gone":
                pty.hang_up()
            else:
                pty.process.send_signal(signal.Signals[case.trigger])
            code = pty.wait_for_exit()
            took_s = time.monotonic() - began
            left = _processes_in_session(pty.process.pid)
        return ExitResult(case, took_s, code, *_recorded(journal, world), left)


def _start_work(fake: FakeBackend, world: str, pty: PtyConsole, case: ExitCase) -> None:
    """Press keys until the first call reaches the backend."""
    pty.wait_for(b"COMPLETE" if case.rolling_back else b"p promotes to ten")
    time.sleep(READING_S)
    pty.press(b"r" if case.rolling_back else b"p")
    pty.wait_for(b"as of")
    confirm = b"\r" if case.rolling_back else b"y"
    until = time.monotonic() + PATIENCE_S
    while not fake.writes(world):  # a loaded machine drops a key that comes before the card could be read
        if time.monotonic() > until:
            raise Stuck(f"no call: {pty.tail()}")
        time.sleep(READING_S)
        pty.press(confirm)
        again = time.monotonic() + RETRY_S
        while time.monotonic() < again and not fake.writes(world):
            pty.read(0.02)


def _recorded(journal: Path, world: str) -> tuple[tuple[str, ...], int]:
    """(outcome of each call, rollback steps done), from the journal."""
    opened = SqliteJournal(journal)
    try:
        events = [entry.event for entry in opened.tail(f"{world}/1", 0)]
    finally:
        opened.close()
    settled = {event.request: event.outcome.value for event in events if isinstance(event, RequestSettled)}
    calls = tuple(settled.get(event.id, "open") for event in events if isinstance(event, RequestMade))
    return calls, sum(isinstance(event, StepDone) for event in events)


def _processes_in_session(leader: int) -> int:
    """Number of processes in the session of `leader`, from field 6 of /proc/PID/stat (proc(5))."""
    found = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            except OSError:
                continue
            found += int(fields[3]) == leader
    return found
