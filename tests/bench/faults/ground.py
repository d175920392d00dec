"""What a fault is provoked on: a plan, its journal, the fake backend; and how it is told whether anything was lost."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from adapters.contract import Clock
from console.events.evidence import Verb
from console.events.kinds import DecisionTaken, Event, RequestMade, RequestSettled
from console.journal.chain import walk_rollout
from console.journal.contract import Journal
from console.journal.location import FileLocation, JournalLocation
from console.journal.spool import Spool
from tests.bench.faults.fake import Fake, Mode
from tests.bench.faults.room import Console, SharedClock, Zero, console, witnessed
from widgets.advice import advice_for

SPEED = 8.0
PLAN = """\
warroom: 1
rollout: NAME
timing: {poll: 400ms, tick: 1s, read_deadline: 2s, write_deadline: 500ms}
backends: {edge: {adapter: counting, url: URL}}
targets: {api: {backend: edge}}
stages:
  - {name: ten, set: {api: 10}}
  - {name: full, set: {api: 100}}
"""
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Row:
    """One fault, as it went."""

    fault: str
    sees: str
    """The product's own words."""
    lost: tuple[str, ...]
    """What was lost, doubled or forged; nothing, if all is well."""
    skipped: str = ""
    """Why it could not be provoked here."""


class Ground:
    """One rollout of one plan, with its journal and its world at the fake backend."""

    def __init__(self, fake: Fake, folder: Path, place: JournalLocation | None = None) -> None:
        self.world = f"fault-{os.getpid()}-{next(_numbers)}"
        self.folder = folder / self.world
        self.folder.mkdir()
        self.fake = fake
        self.file = self.folder / "journal.db"
        self.place: JournalLocation = place or FileLocation(self.file)
        self.plan = PLAN.replace("NAME", self.world).replace("URL", f"{fake.url}/{self.world}")
        self.zero = Zero()

    def clock(self) -> SharedClock:
        return SharedClock(self.zero, SPEED)

    def elsewhere(self, url: str) -> None:
        """The plan's backend is at another URL."""
        self.plan = self.plan.replace(f"{self.fake.url}/{self.world}", url)

    def misbehave(self, mode: Mode, *, reads: bool = False) -> None:
        """Let the backend answer like that from now on."""
        self.fake.tell(self.world, mode=mode.value, reads=reads)

    @asynccontextmanager
    async def console(self, *, clock: Clock | None = None, journal: Journal | None = None) -> AsyncIterator[Console]:
        """A console on it, whose acknowledged events are kept in mind."""
        kept = journal or witnessed(self.place.open(), self.folder / "acknowledged")
        try:
            spool = Spool([self.file])
            async with console(self.plan, kept, self.folder, clock or self.clock(), spool=spool) as room:
                yield room
        finally:
            kept.close()

    def events(self) -> list[Event]:
        journal = self.place.open()
        try:
            return [entry.event for entry in journal.tail(f"{self.world}/1", 0)]
        finally:
            journal.close()

    def lost(self, *, calls: Sequence[float] = (), decisions: Sequence[Verb] = ()) -> Iterator[str]:
        """What is wrong in the end: acknowledged events gone, calls made twice or without a record, decisions missing.

        Args:
            calls: the percentages that had to arrive, each once, in order.
            decisions: that had to be recorded, in order.
        """
        events = self.events()
        written = {event.id for event in events}
        file = self.folder / "acknowledged"
        said = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        if gone := [event for event in said if event not in written]:
            yield f"{len(gone)} acknowledged events"
        journal = self.place.open()
        try:
            flaw = walk_rollout(lambda after: journal.rows(f"{self.world}/1", after)).flaw
        finally:
            journal.close()
        if flaw is not None:
            yield f"the chain: {flaw.what}"
        arrived = [write.percent for write in self.fake.writes(self.world)]
        if arrived != list(calls):
            yield f"calls that arrived: {arrived}, not {list(calls)}"
        taken = [event.verb for event in events if isinstance(event, DecisionTaken)]
        if taken != list(decisions):
            yield f"decisions that are recorded: {[str(verb) for verb in taken]}"
        asked = [event.id for event in events if isinstance(event, RequestMade)]
        settled = Counter(event.request for event in events if isinstance(event, RequestSettled))
        if len(asked) < len(arrived):
            yield "a call without a recorded request"
        if open_ := [request for request in asked if not settled[request]]:
            yield f"{len(open_)} calls without an outcome"


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Another program holds the journal's write lock."""
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield
        database.execute("ROLLBACK")


def screen(room: Console) -> str:
    """The advice line as it stands."""
    return advice_for(room.state)[1]


async def quiet(room: Console) -> None:
    """Wait until nothing is in flight or in doubt."""
    await room.until(lambda state: not state.in_flight and not state.in_doubt)
    await asyncio.sleep(0)
