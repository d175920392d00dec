"""Consoles on the fake backend, for benchmarks: real engines with quick beats and a clock that runs faster.

Every process of one case shares the clock's zero, so that what one console wrote is not in another one's future.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

from adapters.contract import Clock
from console.engine import engine, membership, rollback
from console.engine.clock import boottime
from console.engine.engine import Engine
from console.events.evidence import Actor, Verb
from console.events.kinds import Event
from console.journal.contract import Journal
from console.journal.spool import Spool
from console.plan.loader import parse
from console.state.card import card_for
from console.state.gates import typed_word
from console.state.intent import Intent
from console.state.values import State


class Stuck(Exception):
    """A console did not come to where it should, in good time; with what it stands at."""


@dataclass(frozen=True, slots=True)
class Zero:
    """Where the clocks of one case began."""

    wall: datetime = field(default_factory=lambda: datetime.now(UTC))
    boot: float = field(default_factory=boottime)


class SharedClock:
    """Time that runs `speed` times as fast as it really does, from a zero that several processes share."""

    def __init__(self, zero: Zero, speed: float) -> None:
        self._zero = zero
        self._speed = speed

    def now(self) -> datetime:
        return self._zero.wall + timedelta(seconds=(boottime() - self._zero.boot) * self._speed)

    def monotonic(self) -> float:
        return self._zero.boot + (boottime() - self._zero.boot) * self._speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._speed)


def quick() -> None:
    """Shorten this process's beats and its lease: a console that was killed is followed at once. For good."""
    engine.BEAT_S, rollback.BEAT_S = 0.05, 0.1
    membership.LEASE_S, membership.ROUND_S, membership.ALONE_S = 0.6, 0.2, 0.1


class Console:
    """One engine, as its operator uses it."""

    def __init__(self, running: Engine) -> None:
        self.engine = running

    @property
    def state(self) -> State:
        return self.engine.state()

    def intent(self, verb: Verb, subject: str | None = None, reason: str = "") -> Intent:
        """What pressing the key of `verb` asks for now, its word typed."""
        state = self.state
        return Intent(
            verb,
            card=card_for(state, verb, subject),
            stage=state.reached,
            move=state.move,
            seen=state.last_seq,
            reason=reason,
            subject=subject,
            typed=typed_word(state, verb, subject) or "",
        )

    async def until(self, seen: Callable[[State], object], within_s: float = 30.0) -> State:
        """Wait until the state fulfils `seen`; returns it. Raises Stuck."""
        deadline = time.monotonic() + within_s
        while not seen(state := self.state):
            if time.monotonic() > deadline:
                raise Stuck(told(state))
            await asyncio.sleep(0.01)
        return state


@asynccontextmanager
async def console(
    plan: str,
    journal: Journal,
    folder: Path,
    clock: Clock,
    *,
    who: Actor | None = None,
    spool: Spool | None = None,
) -> AsyncIterator[Console]:
    """A console on a plan's text, which has asked every source once; closed with the block."""
    whole = parse(plan, "plan.yaml")
    running = Engine(whole, journal, clock, folder, "bench", lambda _state: None, who=who, spool=spool)
    await running.open()
    running.start()
    try:
        await running.answered()
        yield Console(running)
    finally:
        await running.close()


def told(state: State) -> str:
    """A state in one line."""
    reads = ", ".join(f"{name} {entry.reading}" for name, entry in state.targets.items())
    steps = ", ".join(f"{entry.step.id} {entry.mark}" for entry in state.checklist)
    requests = ", ".join(f"{entry.asks} {entry.outcome} {entry.took_effect}" for entry in state.requests.values())
    local = f"{state.local.journal}; {state.local.fault}"
    return f"{state.mode}, {state.reached} reached; {reads}; {steps}; {requests}; {local}"


class _Witness:
    """A journal that writes the id of each event into a file that survives a kill, once the event was appended."""

    def __init__(self, journal: Journal, file: Path) -> None:
        self._journal = journal
        self._file = file.open("ab", buffering=0)

    def append(self, rollout: str, event: Event, *, fence: int | None = None) -> int:
        seq = self._journal.append(rollout, event, fence=fence)
        self._file.write(f"{event.id}\n".encode())
        return seq

    def __getattr__(self, name: str) -> object:
        return getattr(self._journal, name)


def witnessed(journal: Journal, file: Path) -> Journal:
    """`journal`, whose appends are told to `file` as soon as they are acknowledged."""
    return cast(Journal, _Witness(journal, file))


class _Late:
    """A journal each of whose appends takes `seconds` longer."""

    def __init__(self, journal: Journal, seconds: float) -> None:
        self._journal = journal
        self._seconds = seconds

    def append(self, rollout: str, event: Event, *, fence: int | None = None) -> int:
        time.sleep(self._seconds)
        return self._journal.append(rollout, event, fence=fence)

    def __getattr__(self, name: str) -> object:
        return getattr(self._journal, name)


def late(journal: Journal, seconds: float) -> Journal:
    """`journal`, each of whose appends takes `seconds` longer."""
    return cast(Journal, _Late(journal, seconds))
