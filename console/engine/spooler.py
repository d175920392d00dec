"""Puts aside what the journal cannot take yet, in a thread of its own: neither file nor journal holds up a rollback."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from datetime import datetime
from queue import SimpleQueue

from console.events.evidence import Actor
from console.events.kinds import Event
from console.journal.contract import Journal, JournalUnavailable
from console.journal.spool import Spool

_log = logging.getLogger("warroom.engine.spool")

ASIDE_S = 0.5
"""How long an event is waited for that is put aside: a disk that hangs holds a rollback up once, and for no longer."""


class _Worker:
    """Does one thing after the other in a thread that the process does not wait for: a disk may hang for ever."""

    def __init__(self) -> None:
        self._work: SimpleQueue[tuple[Future[None], Callable[[], None]] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def do(self, work: Callable[[], None]) -> asyncio.Future[None]:
        """Have `work` done, to be awaited in the loop that is running; whether there was room for it is not said."""
        made: Future[None] = Future()
        self._work.put((made, work))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)
            self._thread.start()
        return asyncio.wrap_future(made)

    def end(self, within_s: float | None = 0.0) -> None:
        """Do what was handed over, then nothing more; waited for no longer than `within_s`."""
        self._work.put(None)
        if self._thread is not None:
            self._thread.join(within_s)

    def _run(self) -> None:
        while (given := self._work.get()) is not None:
            made, work = given
            if not made.set_running_or_notify_cancel():
                continue
            try:
                with contextlib.suppress(OSError):  # no room there either: it is in memory
                    work()
                made.set_result(None)
            except BaseException as error:  # belongs to whoever awaits it
                made.set_exception(error)


class SpoolWriter:
    """The spool of one console, or none: then what the journal cannot take is in memory alone."""

    def __init__(self, spool: Spool | None) -> None:
        self._spool = spool
        self._hand = _Worker()
        self._asked: dict[str, asyncio.Future[None]] = {}
        """Id of an event that is to be aside until the journal has it -> the call that puts it there."""
        self._hangs = False
        """A call has not come back in time: until it does nobody waits for the others."""

    @property
    def is_available(self) -> bool:
        """Whether it has somewhere to put things."""
        return self._spool is not None

    def begin(self) -> None:
        """Have its file made, without waiting for it."""
        if self._spool is not None:
            self._hand.do(self._spool.begin)

    async def keep(self, rollout: str, event: Event) -> None:
        """Put an event aside: within ASIDE_S, or as soon as it can be; not at all where there is no room."""
        spool = self._spool
        if spool is None:
            return
        call = self._asked.get(event.id)
        if call is None:
            _log.info("%s waits in the spool", event.kind, extra={"event": event.kind, "file": str(spool.path)})
            call = self._asked[event.id] = self._hand.do(lambda: spool.keep(rollout, event))
        await asyncio.wait({call}, timeout=0 if self._hangs else ASIDE_S)
        if not call.done():
            self._hangs = True
            call.add_done_callback(self._back)

    def _back(self, _call: asyncio.Future[None]) -> None:
        self._hangs = False

    def mark_written(self, event_id: str) -> None:
        """The journal has it by now."""
        spool = self._spool
        if spool is None or event_id not in self._asked:
            return
        del self._asked[event_id]
        self._hand.do(lambda: spool.mark_written(event_id))

    def holds(self, events: Iterable[Event]) -> bool:
        """Whether all of these are in the file."""
        spool = self._spool
        return spool is not None and all(spool.holds(event.id) for event in events)

    def adopt(self, journal: Journal, at: datetime, who: Actor) -> int:
        """What consoles that are gone left waiting is written into `journal`, whose thread this is; how many events."""
        if self._spool is None:
            return 0
        with contextlib.suppress(JournalUnavailable, OSError):  # it stays where it is, and is tried again
            adopted = self._spool.adopt(journal, at, who)
            if adopted:
                _log.info("%d events of other consoles written from the spool", adopted, extra={"adopted": adopted})
            return adopted
        return 0

    def pending_notices(self) -> list[str]:
        """What was put away instead of written, in words that nobody has been told yet; told from here on."""
        if self._spool is None or not self._spool.pending_notices:
            return []
        found, self._spool.pending_notices = self._spool.pending_notices, []
        return found

    @property
    def path(self) -> str | None:
        """Where what waits is kept; None while nothing is."""
        return str(self._spool.path) if self._spool is not None and self._spool.has_waiting else None

    async def close(self) -> None:
        """Nothing is put aside any more; the file goes, unless something waits in it."""
        if self._spool is not None:
            await asyncio.wait({self._hand.do(self._spool.close)}, timeout=ASIDE_S)
        self._hand.end()
