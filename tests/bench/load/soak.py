"""A console with a screen on a simulated world at many times the pace: what grows, and how fast.

A round is one rollout: promote, notes, a halt and its end, rollback, close. The console is closed and opened again in
the middle of each round.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from console.app import WarRoom
from console.engine.answer import Result
from console.engine.clock import FastClock
from console.events.evidence import Verb
from console.journal.sqlite import SqliteJournal
from console.state.intent import Intent
from console.state.values import Mode, State
from tests.bench.faults.engine_console import EngineConsole, open_console
from tests.bench.load.processes import process_cost
from tests.engine_port_fake import FakeEngine

PLAN = """\
warroom: 1
rollout: soak
timing: {poll: 5s, tick: 5s}
backends:
  edge: {adapter: embedded, world: shop, scenario: healthy, seed: 1, rps: 4000}
  flags: {adapter: embedded, world: shop}
  metrics: {adapter: embedded, world: shop}
targets:
  api: {backend: edge, name: checkout, kind: deploy}
  page: {backend: flags, name: new-page, kind: flag}
metrics:
  errors: {backend: metrics, shape: counts}
  latency: {backend: metrics, shape: histogram}
  page-errors: {backend: metrics, shape: counts, role: guard}
  cpu: {backend: metrics, shape: gauge, role: info}
stages:
  - {name: five, set: {api: 5}, bake: 5m}
  - {name: half, set: {api: 50, page: 10}, bake: 5m}
  - {name: full, set: {api: 100, page: 100}, bake: 5m}
"""
SAMPLE_S = 2.0
"""Seconds between two looks at the process."""
_ROUND_S = 2400.0
"""Length of a round in the world's seconds."""
_NOTE_S = 60.0
"""Between two notes, in the world's seconds."""


@dataclass(frozen=True, slots=True)
class SoakSample:
    """The process at one moment."""

    at_s: float
    """Seconds since the beginning, real ones."""
    rss_mib: float
    descriptors: int
    threads: int
    tasks: int
    journal_mib: float
    sizes: dict[str, int]
    """Entries of what the state and the engine keep."""


@dataclass(slots=True)
class SoakResult:
    """Everything that one run saw."""

    samples: list[SoakSample] = field(default_factory=list)
    done: dict[str, int] = field(default_factory=dict)
    """How often each thing was done."""

    def count(self, what: str) -> None:
        self.done[what] = self.done.get(what, 0) + 1


class _Soak:
    def __init__(self, folder: Path, minutes: float, speed: float) -> None:
        self.result = SoakResult()
        self._folder = folder
        self._journal = folder / "journal.db"
        self._began = time.monotonic()
        self._until = self._began + 60.0 * minutes
        self._clock = FastClock(speed)
        self._screen = FakeEngine(None)
        self._console: EngineConsole | None = None

    @property
    def _is_over(self) -> bool:
        return time.monotonic() > self._until

    async def run(self) -> None:
        looking = asyncio.create_task(self._look())
        async with WarRoom(self._screen, title="soak").run_test(size=(120, 40)):
            while not self._is_over:
                await self._round()
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking

    async def _round(self) -> None:
        ends = self._clock.monotonic() + _ROUND_S
        async with self._open() as console:
            await self._press(console, Verb.PROMOTE)
            await self._notes(console, ends - _ROUND_S / 2)
        async with self._open() as console:
            for verb in (Verb.HALT, Verb.RESUME, Verb.PROMOTE):
                await self._press(console, verb)
                await self._notes(console, self._clock.monotonic() + 3 * _NOTE_S)
            await self._notes(console, ends)
            await self._roll_back(console)
            await self._press(console, Verb.CLOSE)
            self.result.count("rounds")

    async def _roll_back(self, console: EngineConsole) -> None:
        """Press rollback, and again where a step was refused: on a busy machine its few seconds are over too soon."""
        while console.state.mode is not Mode.ROLLED_BACK:
            if not console.state.local.running:
                await self._press(console, Verb.ROLLBACK)
            await self._clock.sleep(5.0)

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[EngineConsole]:
        with closing(SqliteJournal(self._journal)) as journal:
            async with open_console(PLAN, journal, self._folder, self._clock) as console:
                self._console = console
                self.result.count("opened")
                yield console
            self._console = None

    async def _press(self, console: EngineConsole, verb: Verb) -> None:
        """Press a key, and again while its gates are closed, for half an hour of the world's time."""
        until = self._clock.monotonic() + 1800.0
        answer = await console.engine.act(console.intent(verb, reason="soak"))
        while answer.result is Result.REFUSED and self._clock.monotonic() < until and not self._is_over:
            await self._clock.sleep(10.0)
            answer = await console.engine.act(console.intent(verb, reason="soak"))
        self.result.count(f"{verb.value} {answer.result.value}")

    async def _notes(self, console: EngineConsole, until: float) -> None:
        while self._clock.monotonic() < until and not self._is_over:
            await console.engine.act(Intent(None, text=f"a note at {self._clock.now():%H:%M:%S}"))
            self.result.count("notes")
            await self._clock.sleep(_NOTE_S)

    async def _look(self) -> None:
        while True:
            if self._console is not None:
                self._screen.state = self._console.state
                self.result.samples.append(self._sample(self._console.engine.store.state))
            await asyncio.sleep(SAMPLE_S)

    def _sample(self, state: State) -> SoakSample:
        cost = process_cost(os.getpid())
        files = (self._journal, self._journal.with_name("journal.db-wal"))
        return SoakSample(
            at_s=time.monotonic() - self._began,
            rss_mib=cost.rss_mib,
            descriptors=cost.descriptors,
            threads=cost.threads,
            tasks=len(asyncio.all_tasks()),
            journal_mib=sum(file.stat().st_size for file in files if file.exists()) / 2**20,
            sizes={
                "log": len(state.log),
                "decisions": len(state.decisions),
                "requests": len(state.requests),
                "boundaries": len(state.boundaries),
                "overrides": sum(len(entry.overrides) for entry in state.metrics.values()),
                "ticks": sum(len(entry.ledger) for entry in state.metrics.values()),
                "plans": len(state.plans),
            },
        )


def soak(folder: Path, minutes: float, speed: float, *, progress: Callable[[str], None]) -> SoakResult:
    """Run for so many real minutes at `speed` times the pace."""
    running = _Soak(folder, minutes, speed)
    progress(f"{minutes:g} minutes at {speed:g} times the pace")
    asyncio.run(running.run())
    return running.result
