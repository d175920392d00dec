"""Faults of the journal, the host and other consoles: what goes on all the same, and what is written down late."""

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
from console.journal.unavailable import open_or_unavailable
from console.state.values import Mode as Stands
from console.state.values import StepMark
from tests.bench.faults.backend import Case
from tests.bench.faults.children import fork, reap
from tests.bench.faults.fake import Mode
from tests.bench.faults.ground import Ground, Row, locked, quiet, screen
from tests.bench.faults.room import SharedClock, quick
from tests.bench.postgres import Postgres

_NOBODY = 65534
_BOTH = (Verb.PROMOTE, Verb.ROLLBACK)


async def _locked(ground: Ground) -> Row:
    """Another program holds the write lock for longer than an append waits."""
    async with ground.console() as room:
        await room.engine.act(room.intent(Verb.PROMOTE))
        await room.until(lambda state: state.reached == 1)
        with locked(ground.file):
            forward = await room.engine.act(room.intent(Verb.PROMOTE))
            await room.engine.act(room.intent(Verb.ROLLBACK))
            await room.until(lambda state: state.targets["api"].reading and state.targets["api"].reading.percent == 0)
            seen = screen(room)
        await room.until(lambda state: state.mode is Stands.ROLLED_BACK and not state.local.journal.held)
    lost = ground.lost(calls=[10, 0], decisions=_BOTH)
    return Row("journal locked", f"{forward.line} | {seen}", tuple(lost))


@contextlib.contextmanager
def _full_disk(folder: Path) -> Iterator[Callable[[bool], None]]:
    """A place for a journal whose disk can be filled and freed: a tmpfs as root, else a limit on files' size."""
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


async def _full(ground: Ground) -> Row:
    """Not a byte can be written any more, until there is room again."""
    with _full_disk(ground.folder) as fill:
        async with ground.console(journal=ground.place.open()) as room:
            await room.engine.act(room.intent(Verb.PROMOTE))
            await room.until(lambda state: state.reached == 1)
            fill(True)
            forward = await room.engine.act(room.intent(Verb.PROMOTE))
            await room.engine.act(room.intent(Verb.ROLLBACK))
            await room.until(lambda state: state.checklist[0].mark is StepMark.DONE)
            seen = screen(room)
            fill(False)
            await room.until(lambda state: not state.local.journal.held and not state.local.journal.broken)
        lost = tuple(ground.lost(calls=[10, 0], decisions=_BOTH))
    return Row("disk full", f"{forward.line} | {seen}", lost)


async def _read_only(ground: Ground) -> Row:
    """The file may be read and not written: as a user who is not root when root, who may write anything."""
    async with ground.console() as room:
        await room.engine.act(room.intent(Verb.PROMOTE))
        await room.until(lambda state: state.reached == 1)
    (ground.folder / "acknowledged").unlink()
    root = os.geteuid() == 0
    if root:
        ground.folder.parent.chmod(0o755)
        for path in (ground.folder, *ground.folder.iterdir()):
            os.chown(path, _NOBODY, _NOBODY)
        os.setegid(_NOBODY)
        os.seteuid(_NOBODY)
    try:
        ground.file.chmod(0o400)
        ground.folder.chmod(0o500)
        journal = open_or_unavailable(ground.place.open, ground.place.open_to_read)
        async with ground.console(journal=journal) as room:
            forward = await room.engine.act(room.intent(Verb.PROMOTE))
            await room.engine.act(room.intent(Verb.ROLLBACK))
            await room.until(lambda state: state.checklist[0].mark is StepMark.DONE)
            seen, held = screen(room), room.state.local.journal.held
            ground.folder.chmod(0o700)
            ground.file.chmod(0o600)
            await room.until(lambda state: not state.local.journal.held and not state.local.journal.broken)
        lost = [*ground.lost(calls=[10, 0], decisions=_BOTH), *([] if held else ["nothing was held in memory"])]
    finally:
        if root:
            os.seteuid(0)
            os.setegid(0)
    return Row("read-only file", f"{forward.line} | {seen}", tuple(lost))


class _JumpingClock(SharedClock):
    """A clock that somebody sets."""

    ahead_s = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.ahead_s)


async def _jumping(ground: Ground) -> Row:
    """The host's clock jumps an hour forward in a promote's call, and two back in a rollback."""
    clock = _JumpingClock(ground.zero, 8.0)
    async with ground.console(clock=clock) as room:
        ground.misbehave(Mode.HANG)
        promote = asyncio.create_task(room.engine.act(room.intent(Verb.PROMOTE)))
        await room.until(lambda state: state.in_flight)
        clock.ahead_s = 3600.0
        answer = await promote
        ground.misbehave(Mode.FINE)
        seen = screen(room)
        await quiet(room)
        await room.until(lambda state: state.next is not None and state.next.trouble)
        await room.engine.act(room.intent(Verb.PROMOTE))
        await room.until(lambda state: state.reached == 1)
        await room.engine.act(room.intent(Verb.ROLLBACK))
        clock.ahead_s = -3600.0
        await room.until(lambda state: state.mode is Stands.ROLLED_BACK)
        end = screen(room)
    lost = ground.lost(calls=[10, 10, 0], decisions=[Verb.PROMOTE, Verb.PROMOTE, Verb.ROLLBACK])
    return Row("clock +1 h in a call, -2 h in a rollback", f"{answer.line} | {seen} | {end}", tuple(lost))


async def _stopped(ground: Ground) -> Row:
    """The console that polls is stopped just before its call leaves, and wakes after another one has taken over."""
    report = ground.folder / "woken"
    pid = fork(lambda: asyncio.run(_stops(ground, report)))
    try:
        await asyncio.to_thread(os.waitpid, pid, os.WUNTRACED)
        async with ground.console() as room:
            waiting = screen(room)
            await room.until(lambda state: state.local.poller is not None and state.local.poller.here)
            await quiet(room)
            await room.until(lambda state: state.next is not None and state.next.trouble)
            await room.engine.act(room.intent(Verb.PROMOTE))
            await room.until(lambda state: state.reached == 1)
            os.kill(pid, signal.SIGCONT)
            await asyncio.to_thread(os.waitpid, pid, 0)
            pid = 0
            ended = screen(room)
    finally:
        if pid:
            reap(pid)
    answer, samples = report.read_text(encoding="utf-8").split("\n")[:2]
    lost = list(ground.lost(calls=[10], decisions=[Verb.PROMOTE, Verb.PROMOTE]))
    if samples != "0":
        lost.append(f"it wrote {samples} samples after it was overtaken")
    return Row("lease holder stopped, woken after takeover", f"{waiting} | {ended} | woken: {answer}", tuple(lost))


async def _stops(ground: Ground, report: Path) -> None:
    """A console that stops itself at the moment its call begins, and says what became of it."""
    quick()
    state = {"stopped": False, "samples": 0}

    def stop(point: str) -> None:
        if point == "call begins" and not state["stopped"]:
            state["stopped"] = True
            os.kill(os.getpid(), signal.SIGSTOP)
        elif point == "samples committed" and state["stopped"]:
            state["samples"] += 1

    with observing(stop):
        async with ground.console() as room:
            answer = await room.engine.act(room.intent(Verb.PROMOTE))
            await asyncio.sleep(0.5)  # long enough for a poll to be written, if it were
    report.write_text(f"{answer.line}\n{state['samples']}\n", encoding="utf-8")  # noqa: ASYNC240 - it is through


async def restarted(ground: Ground, server: Postgres) -> Row:
    """PostgreSQL is restarted while a call is in flight, and again just before a key is pressed."""
    async with ground.console() as room:
        ground.misbehave(Mode.SLOW)
        promote = asyncio.create_task(room.engine.act(room.intent(Verb.PROMOTE)))
        await room.until(lambda state: state.in_flight)
        await asyncio.to_thread(server.stop)
        answer = await promote
        seen = screen(room)
        await asyncio.to_thread(server.start)
        await room.until(
            lambda state: state.reached == 1 and not state.local.journal.broken and not state.local.journal.held
        )
        ground.misbehave(Mode.FINE)
        await asyncio.to_thread(server.stop)
        second = asyncio.create_task(room.engine.act(room.intent(Verb.PROMOTE)))
        await asyncio.to_thread(server.start)
        again = await second
        await quiet(room)
        reached = (again.result == "accepted") + 1
        await room.until(lambda state: state.reached == reached and not state.local.journal.held)
    verbs = [Verb.PROMOTE] * reached
    lost = ground.lost(calls=[10, 100][:reached], decisions=verbs)
    return Row("PostgreSQL restarted mid-decision", f"{answer.line} | {seen} | {again.line}", tuple(lost))


async def silent(ground: Ground, server: Postgres) -> Row:
    """PostgreSQL takes what is sent to it and does not answer, while somebody promotes and then rolls back."""
    async with ground.console() as room:
        await room.engine.act(room.intent(Verb.PROMOTE))
        await room.until(lambda state: state.reached == 1)
        with server.silent():
            forward = await room.engine.act(room.intent(Verb.PROMOTE))
            await room.engine.act(room.intent(Verb.ROLLBACK))
            await room.until(lambda state: state.checklist[0].mark is StepMark.DONE)
            seen = screen(room)
        await room.until(lambda state: state.mode is Stands.ROLLED_BACK and not state.local.journal.held)
    lost = ground.lost(calls=[10, 0], decisions=_BOTH)
    return Row("PostgreSQL does not answer, and then does", f"{forward.line} | {seen}", tuple(lost))


CASES: Mapping[str, Case] = {
    "locked": _locked,
    "full": _full,
    "read-only": _read_only,
    "clock": _jumping,
    "stopped": _stopped,
}
ServerCase = Callable[[Ground, Postgres], Coroutine[Any, Any, Row]]
SERVER_CASES: Mapping[str, ServerCase] = {
    "PostgreSQL restarted mid-decision": restarted,
    "PostgreSQL does not answer, and then does": silent,
}
"""Of a journal in PostgreSQL, each by the name of its row."""
