"""Consoles over one journal and one world: real engines with short timings, waited for by condition, never by time."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

import pytest

from adapters import registry
from adapters.contract import Clock
from console.engine import engine as engine_module
from console.engine import journal_follower, lease, plan_file_watch
from console.engine import membership as membership_module
from console.engine import rollback as rollback_module
from console.engine import store as store_module
from console.engine.answer import Answer
from console.engine.clock import SystemClock
from console.engine.config import EngineConfig
from console.engine.engine import Engine
from console.engine.supervisor import cancel_and_wait
from console.events.evidence import Actor, Verb
from console.events.kinds import Event
from console.journal.contract import Journal
from console.journal.spool import Spool
from console.journal.sqlite import SqliteJournal
from console.plan.loader import load
from console.state.card import card_for
from console.state.gates import typed_word
from console.state.intent import Intent
from console.state.values import State
from tests import scripted_adapter
from tests.scripted_adapter import World

PATIENCE_S = 60.0
"""How long a condition may take on a machine that is busy with other things; a test that passes never waits for it."""

JOURNAL_PATIENCE_S = 3.0
"""How long a halt waits for its journal here: the product's own is too short for a machine that is busy."""
PRODUCT_PATIENCE_S = store_module.PATIENCE_S

TIMING = "timing: {poll: 50ms, tick: 1s, read_deadline: 2s, write_deadline: 400ms}"

ONE = f"""\
warroom: 1
rollout: one
{TIMING}
backends: {{edge: {{adapter: scripted}}}}
targets: {{api: {{backend: edge, kind: deploy}}}}
stages:
  - {{name: five, set: {{api: 5}}}}
  - {{name: half, set: {{api: 50}}}}
  - {{name: full, set: {{api: 100}}}}
"""
"""One deploy target, three stages, no metrics: nothing but the rules of acting."""

TWO = f"""\
warroom: 1
rollout: two
{TIMING}
backends: {{edge: {{adapter: scripted}}, flags: {{adapter: scripted}}}}
targets:
  api: {{backend: edge, kind: deploy}}
  page: {{backend: flags, kind: flag}}
stages:
  - {{name: ten, set: {{api: 10, page: 10}}}}
  - {{name: full, set: {{api: 100, page: 100}}}}
"""
"""A deploy and a flag that move together."""


MANUAL = f"""\
warroom: 1
rollout: manual
{TIMING}
backends: {{edge: {{adapter: scripted}}}}
targets: {{api: {{backend: edge, kind: deploy}}}}
stages:
  - {{name: five, set: {{api: 5}}}}
  - {{name: migrate, manual: "run migration 042", one_way: true}}
  - {{name: full, set: {{api: 100}}}}
rollback:
  - {{id: traffic, set: {{api: 0}}}}
  - {{id: tell, manual: "say so in #incidents", needs: [traffic]}}
"""
"""A stage that only a person can vouch for, past which there is no way back, and a rollback that ends with one."""


class Console:
    """One engine, as its operator uses it."""

    def __init__(self, engine: Engine, journal: Journal, clock: Clock | None = None) -> None:
        self.engine = engine
        self.journal = journal
        self.clock = clock or SystemClock()
        """The engine's own, where one was given."""
        self.closed = False

    @property
    def state(self) -> State:
        return self.engine.state()

    def intent(self, verb: Verb, **more: object) -> Intent:
        """What pressing the key of `verb` asks for now, its typed word typed."""
        state, subject = self.state, more.get("subject")
        wish: dict[str, object] = {
            "card": card_for(state, verb, subject if isinstance(subject, str) else None),
            "stage": state.reached,
            "move": state.move,
            "typed": typed_word(state, verb, subject if isinstance(subject, str) else None) or "",
            "seen": state.last_seq,
            **more,
        }
        return Intent(verb, **wish)  # type: ignore[arg-type]

    async def act(self, verb: Verb, **more: object) -> Answer:
        return await self.engine.act(self.intent(verb, **more))

    async def note(self, text: str) -> Answer:
        return await self.engine.act(Intent(None, text=text))

    async def until(self, seen: Callable[[State], object]) -> State:
        """Wait until the state fulfils `seen`; returns it."""
        deadline = time.monotonic() + PATIENCE_S
        while not seen(state := self.state):
            assert time.monotonic() < deadline, f"still {told(state)}"
            await asyncio.sleep(0.01)
        return state

    async def promoted(self, reached: int) -> State:
        """Promote, and wait until `reached` stages are confirmed."""
        answer = await self.act(Verb.PROMOTE)
        assert answer.result == "accepted", answer.line
        return await self.until(lambda state: state.reached == reached)

    async def die(self) -> None:
        """End as a killed process does: nothing is given back, nothing more is written."""
        self.closed = True
        await cancel_and_wait({*self.engine.supervisor.tasks, *self.engine._intents})
        self.engine.store.thread._thread.shutdown(wait=True, cancel_futures=True)
        self.engine._spooler._worker.end(None)
        if (spool := self.engine._spooler._spool) is not None and spool._file is not None:
            os.close(spool._file)  # and with it the lock, as the kernel does
        self.journal.close()

    async def close(self) -> None:
        if not self.closed:
            self.closed = True
            await self.engine.close()
            self.journal.close()


class Room:
    """A folder with a plan, a journal, a world, and the consoles that were opened on them."""

    def __init__(self, folder: Path, plan: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.file = folder / "plan.yaml"
        self.file.write_text(plan, encoding="utf-8")
        self.journal = folder / "journal.db"
        self.world = scripted_adapter.worlds.setdefault(folder, World())
        self.monkeypatch = monkeypatch
        self.consoles: list[Console] = []

    async def console(
        self,
        *,
        clock: Clock | None = None,
        journal: Journal | None = None,
        answered: bool = True,
        who: Actor | None = None,
        observing: bool = False,
        on_state: Callable[[State], None] | None = None,
    ) -> Console:
        """Open a console on the plan; it has asked every source once unless told otherwise."""
        kept, ticking = journal or SqliteJournal(self.journal), clock or SystemClock()
        config = EngineConfig(
            load(self.file),
            kept,
            ticking,
            self.folder,
            "0",
            who=who,
            observing=observing,
            spool=Spool([self.journal]),
        )
        engine = await Engine.open(config, on_state or (lambda _state: None))
        console = Console(engine, kept, ticking)
        self.consoles.append(console)
        engine.start()
        if answered:
            await engine.wait_polled()
        return console

    def events(self, rollout: str | None = None) -> list[Event]:
        """What the journal holds, in order, samples left out."""
        journal = SqliteJournal(self.journal)
        runs = [run.rollout for run in journal.runs()]
        events = [entry.event for entry in journal.tail(rollout or runs[0], 0)]
        journal.close()
        return events

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events()]

    def story(self) -> list[str]:
        """The decisions and what became of their calls, one line each, in the order of the journal."""
        targets: dict[str, str] = {}
        lines = []
        for event in self.events():
            if event.kind == "decision_taken":
                lines.append(event.verb.value)
            elif event.kind == "request_made":
                targets[event.id] = event.target
                lines.append(f"  {event.target} -> {event.setting}" if event.action == "set" else f"  {event.action}")
            elif event.kind == "request_settled":
                lines.append(f"  {targets.get(event.request, '?')} {event.outcome}: {event.reason}".rstrip(": "))
        return lines


@asynccontextmanager
async def war_room(folder: Path, plan: str) -> AsyncIterator[Room]:
    """A room whose consoles are closed at the end; the engine's beats are quick."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setitem(registry.BUILT_IN, "scripted", "tests.scripted_adapter")
        monkeypatch.setattr(engine_module, "CYCLE_S", 0.02)
        monkeypatch.setattr(plan_file_watch, "CHECK_S", 0.08)
        monkeypatch.setattr(journal_follower, "BROKEN_RETRY_S", 0.02)
        monkeypatch.setattr(membership_module, "LEASE_S", 3.0)
        monkeypatch.setattr(lease, "RENEW_S", 0.2)
        monkeypatch.setattr(rollback_module, "PASS_S", 0.02)
        monkeypatch.setattr(store_module, "PATIENCE_S", JOURNAL_PATIENCE_S)
        room = Room(folder, plan, monkeypatch)
        try:
            yield room
        finally:
            for console in room.consoles:
                await console.close()
            scripted_adapter.worlds.pop(folder, None)


def told(state: State) -> str:
    """A state in one line, for a test that fails."""
    reads = {name: str(entry.reading) for name, entry in state.targets.items()}
    steps = [f"{entry.step.id} {entry.mark}" for entry in state.checklist]
    requests = [f"{entry.asks} {entry.outcome} {entry.took_effect}" for entry in state.requests.values()]
    local = f"{state.local.journal}, fault {state.local.fault}"
    return f"{state.mode}, {state.reached} reached, {reads}, {steps}, {requests}, {local}"


class Latch:
    """A hook that lets nothing through until it is opened, and says who waits at it."""

    def __init__(self, *targets: str) -> None:
        self._targets = targets
        self._open = asyncio.Event()
        self.reached = asyncio.Event()

    async def __call__(self, target: str) -> None:
        if not self._targets or target in self._targets:
            self.reached.set()
            await self._open.wait()

    def open(self) -> None:
        self._open.set()


@contextmanager
def locked(journal: Path) -> Iterator[None]:
    """Another program holds the journal's write lock."""
    with closing(sqlite3.connect(journal, isolation_level=None)) as database, impatient():
        database.execute("BEGIN IMMEDIATE")
        yield
        database.execute("ROLLBACK")


@contextmanager
def impatient() -> Iterator[None]:
    """A halt waits for its journal no longer than in the product."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(store_module, "PATIENCE_S", PRODUCT_PATIENCE_S)
        yield
