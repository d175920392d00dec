"""Faults of the journal, the host and other consoles: work goes on, and its events are written later."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import subprocess
from collections.abc import Callable, Coroutine, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from adapters.failpoints import observing
from console.events.evidence import Verb
from console.journal.location import FileLocation
from console.journal.unavailable import open_or_unavailable
from console.state.values import Mode, StepMark
from tests.bench.faults.backend_faults import Case
from tests.bench.faults.children import fork, reap
from tests.bench.faults.engine_console import SharedClock, shorten_beats
from tests.bench.faults.fake_backend import ReplyMode
from tests.bench.faults.fixture import FaultResult, Fixture, advice_line, hold_write_lock, wait_until_settled
from tests.bench.postgres import Postgres

_NOBODY = 65534
_BOTH = (Verb.PROMOTE, Verb.ROLLBACK)


async def _journal_locked(fixture: Fixture) -> FaultResult:
    """Another program holds the write lock longer than an append waits."""
    async with fixture.console() as console:
        await console.engine.act(console.intent(Verb.PROMOTE))
        await console.until(lambda state: state.reached == 1)
        with hold_write_lock(fixture.file):
            forward = await console.engine.act(console.intent(Verb.PROMOTE))
            await console.engine.act(console.intent(Verb.ROLLBACK))
            await console.until(
                lambda state: state.targets["api"].reading and state.targets["api"].reading.percent == 0
            )
            seen = advice_line(console)
        await console.until(lambda state: state.mode is Mode.ROLLED_BACK and not state.local.journal.held)
    lost = fixture.losses(calls=[10, 0], decisions=_BOTH)
    return FaultResult("journal locked", f"{forward.line} | {seen}", tuple(lost))


@contextlib.contextmanager
def _full_disk(folder: Path) -> Iterator[Callable[[bool], None]]:
    """A folder whose disk can be filled and freed: a tmpfs as root, else a limit on file sizes."""
    mounted = os.geteuid() == 0 and _mount(folder)

    def fill(full: bool) -> None:
        if not mounted:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (0 if full else most, most))
            return
        filler = folder / "filler"
        if not full:
            filler.unlink()
            return
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 4096)

    try:
        yield fill
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True, timeout=10)


def _mount(folder: Path) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    return subprocess.run(command, check=False, capture_output=True, timeout=10).returncode == 0


async def _disk_full(fixture: Fixture) -> FaultResult:
    """No byte can be written until there is room again."""
    with _full_disk(fixture.folder) as fill:
        async with fixture.console(journal=fixture.place.open()) as console:
            await console.engine.act(console.intent(Verb.PROMOTE))
            await console.until(lambda state: state.reached == 1)
            fill(True)
            forward = await console.engine.act(console.intent(Verb.PROMOTE))
            await console.engine.act(console.intent(Verb.ROLLBACK))
            await console.until(lambda state: state.checklist[0].mark is StepMark.DONE)
            seen = advice_line(console)
            fill(False)
            await console.until(lambda state: not state.local.journal.held and not state.local.journal.broken)
        lost = tuple(fixture.losses(calls=[10, 0], decisions=_BOTH))
    return FaultResult("disk full", f"{forward.line} | {seen}", lost)


async def _read_only_file(fixture: Fixture) -> FaultResult:
    """The file may be read but not written; as root, which may write anything, become another user."""
    async with fixture.console() as console:
        await console.engine.act(console.intent(Verb.PROMOTE))
        await console.until(lambda state: state.reached == 1)
    (fixture.folder / "acknowledged").unlink()
    root = os.geteuid() == 0
    if root:
        fixture.folder.parent.chmod(0o755)
        for path in (fixture.folder, *fixture.folder.iterdir()):
            os.chown(path, _NOBODY, _NOBODY)
        os.setegid(_NOBODY)
        os.seteuid(_NOBODY)
    try:
        fixture.file.chmod(0o400)
        fixture.folder.chmod(0o500)
        journal = open_or_unavailable(fixture.place.open, FileLocation(fixture.file).open_to_read)
        async with fixture.console(journal=journal) as console:
            forward = await console.engine.act(console.intent(Verb.PROMOTE))
            await console.engine.act(console.intent(Verb.ROLLBACK))
            await console.until(lambda state: state.checklist[0].mark is StepMark.DONE)
            seen, held = advice_line(console), console.state.local.journal.held
            fixture.folder.chmod(0o700)
            fixture.file.chmod(0o600)
            await console.until(lambda state: not state.local.journal.held and not state.local.journal.broken)
        lost = [*fixture.losses(calls=[10, 0], decisions=_BOTH), *([] if held else ["no event was held in memory"])]
    finally:
        if root:
            os.seteuid(0)
            os.setegid(0)
    return FaultResult("read-only file", f"{forward.line} | {seen}", tuple(lost))


class _JumpingClock(SharedClock):
    """A wall clock that the case moves by `ahead_s`."""

    ahead_s = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.ahead_s)


async def _clock_jumps(fixture: Fixture) -> FaultResult:
    """The host's clock jumps an hour ahead during a promote's call, and two back during a rollback."""
    clock = _JumpingClock(fixture.origin, fixture.pace)
    async with fixture.console(clock=clock) as console:
        fixture.misbehave(ReplyMode.HANG)
        promote = asyncio.create_task(console.engine.act(console.intent(Verb.PROMOTE)))
        await console.until(lambda state: state.in_flight)
        clock.ahead_s = 3600.0
        answer = await promote
        fixture.misbehave(ReplyMode.FINE)
        seen = advice_line(console)
        await wait_until_settled(console)
        await console.until(lambda state: state.next is not None and state.next.trouble)
        await console.engine.act(console.intent(Verb.PROMOTE))
        await console.until(lambda state: state.reached == 1)
        await console.engine.act(console.intent(Verb.ROLLBACK))
        clock.ahead_s = -3600.0
        await console.until(lambda state: state.mode is Mode.ROLLED_BACK)
        end = advice_line(console)
    lost = fixture.losses(calls=[10, 10, 0], decisions=[Verb.PROMOTE, Verb.PROMOTE, Verb.ROLLBACK])
    return FaultResult("clock +1 h in a call, -2 h in a rollback", f"{answer.line} | {seen} | {end}", tuple(lost))


async def _holder_stopped(fixture: Fixture) -> FaultResult:
    """The polling console is stopped before its call leaves and wakes after another took over."""
    report = fixture.folder / "woken"
    pid = fork(lambda: asyncio.run(_run_and_stop(fixture, report)))
    try:
        await asyncio.to_thread(os.waitpid, pid, os.WUNTRACED)
        async with fixture.console() as console:
            waiting = advice_line(console)
            await console.until(lambda state: state.local.poller is not None and state.local.poller.here)
            await wait_until_settled(console)
            await console.until(lambda state: state.next is not None and state.next.trouble)
            await console.engine.act(console.intent(Verb.PROMOTE))
            await console.until(lambda state: state.reached == 1)
            os.kill(pid, signal.SIGCONT)
            await asyncio.to_thread(os.waitpid, pid, 0)
            pid = 0
            ended = advice_line(console)
    finally:
        if pid:
            reap(pid)
    answer, samples = report.read_text(encoding="utf-8").split("\n")[:2]
    lost = list(fixture.losses(calls=[10], decisions=[Verb.PROMOTE, Verb.PROMOTE]))
    if samples != "0":
        lost.append(f"it wrote {samples} samples after the takeover")
    return FaultResult(
        "lease holder stopped, woken after takeover", f"{waiting} | {ended} | woken: {answer}", tuple(lost)
    )


async def _run_and_stop(fixture: Fixture, report: Path) -> None:
    """Run a console that stops itself when its call begins; write its answer to `report`."""
    shorten_beats()
    state = {"stopped": False, "samples": 0}

    def stop(point: str) -> None:
        if point == "call begins" and not state["stopped"]:
            state["stopped"] = True
            os.kill(os.getpid(), signal.SIGSTOP)
        elif point == "samples committed" and state["stopped"]:
            state["samples"] += 1

    with observing(stop):
        async with fixture.console() as console:
            answer = await console.engine.act(console.intent(Verb.PROMOTE))
            await asyncio.sleep(0.5)  # long enough for a poll to be written, if it were
    report.write_text(f"{answer.line}\n{state['samples']}\n", encoding="utf-8")  # noqa: ASYNC240 - the console is closed


async def _server_restarted(fixture: Fixture, server: Postgres) -> FaultResult:
    """PostgreSQL restarts while a call is in flight, and again before a key is pressed."""
    async with fixture.console() as console:
        fixture.misbehave(ReplyMode.SLOW)
        promote = asyncio.create_task(console.engine.act(console.intent(Verb.PROMOTE)))
        await console.until(lambda state: state.in_flight)
        await asyncio.to_thread(server.stop)
        answer = await promote
        seen = advice_line(console)
        await asyncio.to_thread(server.start)
        await console.until(
            lambda state: state.reached == 1 and not state.local.journal.broken and not state.local.journal.held
        )
        fixture.misbehave(ReplyMode.FINE)
        await asyncio.to_thread(server.stop)
        second = asyncio.create_task(console.engine.act(console.intent(Verb.PROMOTE)))
        await asyncio.to_thread(server.start)
        again = await second
        await wait_until_settled(console)
        reached = (again.result == "accepted") + 1
        await console.until(lambda state: state.reached == reached and not state.local.journal.held)
    verbs = [Verb.PROMOTE] * reached
    lost = fixture.losses(calls=[10, 100][:reached], decisions=verbs)
    return FaultResult("PostgreSQL restarted mid-decision", f"{answer.line} | {seen} | {again.line}", tuple(lost))


async def _server_silent(fixture: Fixture, server: Postgres) -> FaultResult:
    """PostgreSQL accepts requests without answering during a promote and a rollback."""
    async with fixture.console() as console:
        await console.engine.act(console.intent(Verb.PROMOTE))
        await console.until(lambda state: state.reached == 1)
        with server.paused():
            forward = await console.engine.act(console.intent(Verb.PROMOTE))
            await console.engine.act(console.intent(Verb.ROLLBACK))
            await console.until(lambda state: state.checklist[0].mark is StepMark.DONE)
            seen = advice_line(console)
        await console.until(lambda state: state.mode is Mode.ROLLED_BACK and not state.local.journal.held)
    lost = fixture.losses(calls=[10, 0], decisions=_BOTH)
    return FaultResult("PostgreSQL does not answer, and then does", f"{forward.line} | {seen}", tuple(lost))


CASES: Mapping[str, Case] = {
    "locked": _journal_locked,
    "full": _disk_full,
    "read-only": _read_only_file,
    "clock": _clock_jumps,
    "stopped": _holder_stopped,
}
ServerCase = Callable[[Fixture, Postgres], Coroutine[Any, Any, FaultResult]]
SERVER_CASES: Mapping[str, ServerCase] = {
    "PostgreSQL restarted mid-decision": _server_restarted,
    "PostgreSQL does not answer, and then does": _server_silent,
}
"""Cases of a journal in PostgreSQL, by the name of their row."""
