"""Two real processes at one journal: the one that polls is stopped, the other takes over, the first is woken again."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from adapters.contract import Reading
from console.engine.membership import LEASE_S
from console.events.kinds import SourceRead
from console.journal.sqlite import SqliteJournal
from tests.cli_rig import Shell, shell
from tests.terminal import WARROOM

PLAN = """\
warroom: 1
rollout: one
timing: {poll: 500ms, tick: 1s, read_deadline: 2s, write_deadline: 1s}
backends: {world: {adapter: embedded}}
targets: {api: {backend: world, kind: deploy}}
metrics: {errors: {backend: world}}
stages:
  - {name: five, set: {api: 5}}
  - {name: full, set: {api: 100}}
"""


class Guard:
    """One `warroom watch`, and what it has said."""

    def __init__(self, process: asyncio.subprocess.Process, said: Path) -> None:
        self.process = process
        self._said = said

    @classmethod
    async def posted(cls, sh: Shell, name: str) -> Guard:
        said = sh.folder / f"{name}.out"
        with said.open("wb") as out:
            process = await asyncio.create_subprocess_exec(*WARROOM, *sh.arguments("watch"), stdout=out)
        return cls(process, said)

    def says(self, words: str) -> bool:
        return words in self._said.read_text()

    async def until(self, words: str, within_s: float = 30.0) -> None:
        async with asyncio.timeout(within_s):
            while not self.says(words):  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.05)

    def signal(self, signum: signal.Signals) -> None:
        os.kill(self.process.pid, signum)


def ticks(sh: Shell) -> list[Reading]:
    """Every tick that the journal holds, in the order in which they were written; twice if they are."""
    journal = SqliteJournal(sh.journal)
    found = [
        reading
        for entry in journal.tail_samples("one/1", 0)
        if isinstance(entry.event, SourceRead)
        for reply in entry.event.replies
        for reading in reply.readings
    ]
    journal.close()
    return found


async def test_a_poller_that_is_stopped_is_replaced_within_the_lease_and_woken_again_does_no_harm(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sh = shell(tmp_path, capsys, PLAN)
    promoting = await asyncio.create_subprocess_exec(
        *WARROOM, *sh.arguments("promote", "--override", "--reason", "nothing is exposed yet"), stdout=-3, stderr=-3
    )
    assert await promoting.wait() == 0
    first = await Guard.posted(sh, "first")
    await first.until("polls")
    second = await Guard.posted(sh, "second")
    await second.until("polled by")
    try:
        first.signal(signal.SIGSTOP)
        await second.until("  polls", within_s=LEASE_S + 10)
        known = len(ticks(sh))
        async with asyncio.timeout(20):
            while len(ticks(sh)) < known + 3:  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.1)
        first.signal(signal.SIGCONT)
        await first.until("polled by")
        await asyncio.sleep(1.5)
    finally:
        for guard in (first, second):
            guard.signal(signal.SIGCONT)
            guard.process.terminate()
            await guard.process.wait()
    found = ticks(sh)
    starts = sorted({reading.at for reading in found})
    assert {later - earlier for earlier, later in pairwise(starts)} == {timedelta(seconds=1)}
    # A young tick is written again when it has changed; as it was it is never written twice.
    assert max(Counter(found).values()) == 1
