"""Spool events the journal cannot take, without delaying a rollback."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from console.engine.workers import DaemonWorker
from console.events.evidence import Actor
from console.events.kinds import Event
from console.journal.contract import Journal, JournalUnavailable
from console.journal.spool import Spool

_log = logging.getLogger("warroom.engine.spool")

SPOOL_WAIT_S = 0.5
"""How long the write of one event is waited for: a disk that hangs holds a rollback up once, and for no longer."""


class SpoolWriter:
    """The spool of one console; without one, events wait in memory."""

    def __init__(self, spool: Spool | None) -> None:
        self._spool = spool
        self._worker = DaemonWorker("spool")
        self._writes: dict[str, asyncio.Future[None]] = {}
        """Id of an event that is to be in the file until the journal has it -> the write."""
        self._hangs = False
        """A write has not returned in time: until it does, the others are not waited for."""

    @property
    def is_available(self) -> bool:
        """Whether there is a spool file to write to."""
        return self._spool is not None

    def begin(self) -> None:
        """Create the spool file, without waiting for it."""
        if self._spool is not None:
            self._run(self._spool.begin)

    async def keep(self, rollout: str, event: Event) -> None:
        """Write an event to the file, waiting at most SPOOL_WAIT_S."""
        spool = self._spool
        if spool is None:
            return
        write = self._writes.get(event.id)
        if write is None:
            _log.info("%s waits in the spool", event.kind, extra={"event": event.kind, "file": str(spool.path)})
            write = self._writes[event.id] = self._run(lambda: spool.keep(rollout, event))
        await asyncio.wait({write}, timeout=0 if self._hangs else SPOOL_WAIT_S)
        if not write.done():
            self._hangs = True
            write.add_done_callback(self._note_return)

    def _run(self, work: Callable[[], None]) -> asyncio.Future[None]:
        def without_room_errors() -> None:
            with contextlib.suppress(OSError):  # a full disk is no error: the event stays in memory
                work()

        return self._worker.run(without_room_errors)

    def _note_return(self, _write: asyncio.Future[None]) -> None:
        self._hangs = False

    def mark_written(self, event_id: str) -> None:
        """Note that the journal has an event by now."""
        spool = self._spool
        if spool is None or event_id not in self._writes:
            return
        del self._writes[event_id]
        self._run(lambda: spool.mark_written(event_id))

    def holds(self, events: Iterable[Event]) -> bool:
        """Whether all of these are in the file."""
        spool = self._spool
        return spool is not None and all(spool.holds(event.id) for event in events)

    def adopt(self, journal: Journal, at: datetime, who: Actor) -> int:
        """Write into `journal` what consoles that are gone left in their spools.

        Returns the number of events.

        To be called in the journal's thread. What cannot be written stays where it is and is tried again.
        """
        if self._spool is None:
            return 0
        with contextlib.suppress(JournalUnavailable, OSError):
            adopted = self._spool.adopt(journal, at, who)
            if adopted:
                _log.info("%d events of other consoles written from the spool", adopted, extra={"adopted": adopted})
            return adopted
        return 0

    def pending_notices(self) -> list[str]:
        """Take, once, the notices about events that were set aside."""
        if self._spool is None or not self._spool.pending_notices:
            return []
        notices, self._spool.pending_notices = self._spool.pending_notices, []
        return notices

    @property
    def path(self) -> str | None:
        """The file, while something waits in it, or None."""
        return str(self._spool.path) if self._spool is not None and self._spool.has_waiting else None

    async def close(self) -> None:
        """Stop; the file is removed unless something waits in it."""
        if self._spool is not None:
            await asyncio.wait({self._run(self._spool.close)}, timeout=SPOOL_WAIT_S)
        self._worker.end()


@dataclass(frozen=True, slots=True)
class UnwrittenEvent:
    """One event that the journal could not take yet."""

    event: Event
    is_observation: bool = False
    """By polling: not worth writing once another console polls, and never spooled."""


class UnwrittenEvents:
    """The unwritten events of one console.

    Args:
        spooler: keeps all but the observations in a file.
        held: events that could not be written before.
    """

    def __init__(self, spooler: SpoolWriter, held: Sequence[Event]) -> None:
        self._spooler = spooler
        self.held: list[UnwrittenEvent] = [UnwrittenEvent(event) for event in held]
        """Events that the journal refused, to be retried in order."""
        self.overdue: dict[asyncio.Task[None], UnwrittenEvent] = {}
        """Appends that take longer than they are waited for, and are still under way."""

    @property
    def count(self) -> int:
        """Number of events that are in memory alone now."""
        return len(self.held) + len(self.overdue)

    @property
    def is_spooled(self) -> bool:
        """Whether events wait for the journal, all decisions and calls in the spool."""
        waiting = [each.event for each in (*self.held, *self.overdue.values()) if not each.is_observation]
        return bool(waiting) and self._spooler.holds(waiting)

    async def spool(self, rollout: str, entry: UnwrittenEvent) -> None:
        """Put an event into the spool file, before anything is done on the strength of it."""
        if not entry.is_observation:
            await self._spooler.keep(rollout, entry.event)

    async def spool_held(self, rollout: str) -> None:
        """Spool the events that were held from the beginning."""
        for entry in self.held:
            await self.spool(rollout, entry)

    def mark_written(self, event: Event) -> None:
        """Note that the journal has an event: it need not stay in the spool."""
        self._spooler.mark_written(event.id)
