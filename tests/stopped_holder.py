"""A console that polls, as a process of its own that a test stops and wakes; what becomes of what it then writes."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from multiprocessing.connection import Connection

from console.journal.contract import Fenced, Journal
from console.journal.location import journal_location
from tests.journal_rig import RUN, note, sample

PATIENCE_S = 60.0
TTL_S = 0.5


def _poll(where: str, pipe: Connection) -> None:
    """Hold the lease and write under it; then, on a word, write as if no time had passed, and say what became of it."""
    journal = journal_location(where).open()
    fence = journal.lease(RUN, "stopped", TTL_S).fence
    journal.append(RUN, note("in time"), fence=fence)
    journal.append_samples(RUN, [sample("in time")], fence=fence)
    pipe.send(fence)
    pipe.recv()
    answers = []
    for number in range(3):
        for write in (
            lambda number=number: journal.append(RUN, note(f"late {number}"), fence=fence),
            lambda number=number: journal.append_samples(RUN, [sample(f"late {number}")], fence=fence),
        ):
            try:
                write()
                answers.append("written")
            except Fenced:
                answers.append("fenced")
    answers.append(journal.lease(RUN, "stopped", TTL_S).holder)
    pipe.send(answers)
    journal.close()


def check(where: str, journal: Journal) -> None:
    """A holder that is stopped, taken over from, and woken gets nothing through. `journal`: another console's."""
    context = multiprocessing.get_context("forkserver")
    mine, its = context.Pipe()
    holder = context.Process(target=_poll, args=(where, its))
    holder.start()
    assert holder.pid is not None
    try:
        assert mine.poll(PATIENCE_S)
        fence = mine.recv()
        os.kill(holder.pid, signal.SIGSTOP)
        until = time.monotonic() + PATIENCE_S
        while (lease := journal.lease(RUN, "next", PATIENCE_S)).holder != "next":
            assert time.monotonic() < until
            time.sleep(lease.left_s + 0.01)
        assert lease.fence == fence + 1
        journal.append(RUN, note("taken over"), fence=lease.fence)
        os.kill(holder.pid, signal.SIGCONT)
        mine.send("go on")
        assert mine.poll(PATIENCE_S)
        assert mine.recv() == ["fenced"] * 6 + ["next"]
    finally:
        with contextlib.suppress(ProcessLookupError):  # it has said all it had to say, and ended
            os.kill(holder.pid, signal.SIGCONT)
        holder.join(PATIENCE_S)
    texts = [getattr(entry.event, "text", getattr(entry.event, "source", "")) for entry in journal.history(RUN)]
    assert texts == ["in time", "in time", "taken over"]
