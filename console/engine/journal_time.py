"""The time of the journal's server, as far as it has one: the clock that all consoles of a room share."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from adapters.contract import Clock
from console.engine.clock import boottime
from console.engine.corrected_clock import CorrectedClock
from console.engine.workers import JournalThread
from console.journal.contract import Journal, JournalError, TimedJournal

SAME_CLOCK_S = 1.0
"""A clock that differs by more from the one that counts from the boot is simulated: a server says nothing about it."""


@dataclass(frozen=True, slots=True)
class JournalTime:
    """A server's time as it was read."""

    at: datetime
    trip_s: float
    """How long the answer took: the server read its clock some time before it came."""
    read_at: float
    """When the answer came, on the clock that counts from the boot."""


def read_journal_time(journal: Journal) -> JournalTime | None:
    """The journal's time; None for a journal without a server. Raises JournalUnavailable."""
    if not isinstance(journal, TimedJournal):
        return None
    sent_at = boottime()
    at, read_at = journal.server_time(), boottime()
    return None if at is None else JournalTime(at, read_at - sent_at, read_at)


def learn_journal_time(clock: Clock, found: JournalTime | None) -> None:
    """Have the clock take note of a server's time."""
    if found is None or not isinstance(clock, CorrectedClock) or abs(clock.monotonic() - boottime()) > SAME_CLOCK_S:
        return
    earliest = found.at + timedelta(seconds=boottime() - found.read_at)
    clock.learn_journal(earliest, earliest + timedelta(seconds=found.trip_s))


async def learn_first_time(clock: Clock, journal: Journal, thread: JournalThread, within_s: float) -> None:
    """Ask the journal's server for its time; one that is silent for `within_s` is not waited for."""
    if not isinstance(journal, TimedJournal):
        return
    call = thread.run(partial(read_journal_time, journal))
    await asyncio.wait({call}, timeout=within_s)
    if call.done() and call.exception() is None:
        learn_journal_time(clock, call.result())
    elif not call.done():
        call.add_done_callback(_retrieve)


def _retrieve(call: asyncio.Future[JournalTime | None]) -> None:
    """Retrieve the error of a call that is not awaited."""
    with contextlib.suppress(JournalError, asyncio.CancelledError):
        call.result()
