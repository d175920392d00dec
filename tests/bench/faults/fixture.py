"""Fixture of a fault: a plan, its journal and the fake backend, with a check for losses."""

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
from tests.bench.faults.engine_console import ClockOrigin, EngineConsole, SharedClock, open_console, with_ack_log
from tests.bench.faults.fake_backend import FakeBackend, ReplyMode
from tests.bench.faults.pace import PACES
from widgets.advice import advice_for

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
_rollout_numbers = count(1)


@dataclass(frozen=True, slots=True)
class FaultResult:
    """One fault and its outcome."""

    fault: str
    screen: str
    """Answers and advice line, as the operator reads them."""
    lost: tuple[str, ...]
    """Everything lost, doubled or forged; empty when all is well."""
    skipped: str = ""
    """Reason the fault was not provoked, or empty."""


class Fixture:
    """One rollout with its journal, its folder and its world at the fake backend."""

    def __init__(
        self, fake: FakeBackend, folder: Path, place: JournalLocation | None = None, *, pace: float = PACES[0]
    ) -> None:
        self.world = f"fault-{os.getpid()}-{next(_rollout_numbers)}"
        self.folder = folder / self.world
        self.folder.mkdir()
        self.fake = fake
        self.file = self.folder / "journal.db"
        self.place: JournalLocation = place or FileLocation(self.file)
        self.plan = PLAN.replace("NAME", self.world).replace("URL", f"{fake.url}/{self.world}")
        self.origin = ClockOrigin()
        self.pace = pace

    def clock(self) -> SharedClock:
        """A new clock with this fixture's origin."""
        return SharedClock(self.origin, self.pace)

    def set_backend_url(self, url: str) -> None:
        """Point the plan's backend at another URL."""
        self.plan = self.plan.replace(f"{self.fake.url}/{self.world}", url)

    def misbehave(self, mode: ReplyMode, *, reads: bool = False) -> None:
        """Let the backend reply in this mode from now on."""
        self.fake.configure(self.world, mode=mode.value, reads=reads)

    @asynccontextmanager
    async def console(
        self, *, clock: Clock | None = None, journal: Journal | None = None
    ) -> AsyncIterator[EngineConsole]:
        """Open a console on the fixture that logs its acknowledged events."""
        kept = journal or with_ack_log(self.place.open(), self.folder / "acknowledged")
        try:
            spool = Spool([self.file])
            async with open_console(self.plan, kept, self.folder, clock or self.clock(), spool=spool) as console:
                yield console
        finally:
            kept.close()

    def events(self) -> list[Event]:
        """Every event of the rollout."""
        journal = self.place.open()
        try:
            return [entry.event for entry in journal.tail(f"{self.world}/1", 0)]
        finally:
            journal.close()

    def losses(self, *, calls: Sequence[float] = (), decisions: Sequence[Verb] = ()) -> Iterator[str]:
        """Lost events, repeated or unrecorded calls, missing decisions.

        Args:
            calls: percentages that must have arrived, each once, in order.
            decisions: verbs that must have been recorded, in order.
        """
        events = self.events()
        written = {event.id for event in events}
        file = self.folder / "acknowledged"
        acknowledged = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        if gone := [event for event in acknowledged if event not in written]:
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
            yield f"recorded decisions: {[str(verb) for verb in taken]}"
        requested = [event.id for event in events if isinstance(event, RequestMade)]
        settled = Counter(event.request for event in events if isinstance(event, RequestSettled))
        if len(requested) < len(arrived):
            yield "a call without a recorded request"
        if open_ := [request for request in requested if not settled[request]]:
            yield f"{len(open_)} calls without an outcome"


@contextmanager
def hold_write_lock(file: Path) -> Iterator[None]:
    """Hold the journal's write lock within the block, as another program would."""
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield
        database.execute("ROLLBACK")


def advice_line(console: EngineConsole) -> str:
    """The advice line of the console's current state."""
    return advice_for(console.state)[1]


async def wait_until_settled(console: EngineConsole) -> None:
    """Wait until nothing is in flight or in doubt."""
    await console.until(lambda state: not state.in_flight and not state.in_doubt)
    await asyncio.sleep(0)
