"""Consoles without a screen on the fake backend: real engines with short intervals and a fast clock.

All processes of a case share one clock origin: an event of one console is never in another console's future.
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
from console.engine import engine, journal_follower, lease, membership, rollback
from console.engine.clock import boottime
from console.engine.config import EngineConfig
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
    """A console did not reach an expected state in time; the message is its state."""


@dataclass(frozen=True, slots=True)
class ClockOrigin:
    """The start of a case on the wall clock and the boot clock."""

    wall: datetime = field(default_factory=lambda: datetime.now(UTC))
    boot: float = field(default_factory=boottime)


class SharedClock:
    """A clock `speed` times as fast as real time, from an origin that several processes share."""

    def __init__(self, origin: ClockOrigin, speed: float) -> None:
        self._origin = origin
        self._speed = speed

    def now(self) -> datetime:
        return self._origin.wall + timedelta(seconds=(boottime() - self._origin.boot) * self._speed)

    def monotonic(self) -> float:
        return self._origin.boot + (boottime() - self._origin.boot) * self._speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._speed)


def shorten_beats() -> None:
    """Shorten this process's cycles and lease, so that a killed console is replaced at once. Not undone."""
    engine.CYCLE_S, journal_follower.BROKEN_RETRY_S, rollback.PASS_S = 0.05, 0.05, 0.1
    membership.LEASE_S, lease.RENEW_S, membership.STANDALONE_RETRY_S = 0.6, 0.2, 0.1


class EngineConsole:
    """One engine, with the keys and waits of an operator."""

    def __init__(self, running: Engine) -> None:
        self.engine = running

    @property
    def state(self) -> State:
        """The engine's current state."""
        return self.engine.state()

    def intent(self, verb: Verb, subject: str | None = None, reason: str = "") -> Intent:
        """The intent of pressing the key of `verb` now, with its confirmation word typed."""
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

    async def until(self, condition: Callable[[State], object], within_s: float = 30.0) -> State:
        """Wait until the state satisfies `condition`; return that state. Raises Stuck."""
        deadline = time.monotonic() + within_s
        while not condition(state := self.state):
            if time.monotonic() > deadline:
                raise Stuck(state_line(state))
            await asyncio.sleep(0.01)
        return state


@asynccontextmanager
async def open_console(
    plan: str,
    journal: Journal,
    folder: Path,
    clock: Clock,
    *,
    who: Actor | None = None,
    spool: Spool | None = None,
) -> AsyncIterator[EngineConsole]:
    """Open a console on a plan's text within the block, and wait for its first readings."""
    whole = parse(plan, "plan.yaml")
    running = await Engine.open(
        EngineConfig(whole, journal, clock, folder, "bench", who=who, spool=spool), lambda _state: None
    )
    running.start()
    try:
        await running.wait_polled()
        yield EngineConsole(running)
    finally:
        await running.close()


def state_line(state: State) -> str:
    """The state on one line, for the message of Stuck."""
    reads = ", ".join(f"{name} {entry.reading}" for name, entry in state.targets.items())
    steps = ", ".join(f"{entry.step.id} {entry.mark}" for entry in state.checklist)
    requests = ", ".join(f"{entry.asks} {entry.outcome} {entry.took_effect}" for entry in state.requests.values())
    local = f"{state.local.journal}; {state.local.fault}"
    return f"{state.mode}, {state.reached} reached; {reads}; {steps}; {requests}; {local}"


class _AckLoggingJournal:
    """A journal that logs acknowledged event ids to a file, which survives a kill."""

    def __init__(self, journal: Journal, file: Path) -> None:
        self._journal = journal
        self._file = file.open("ab", buffering=0)

    def append(self, rollout: str, event: Event, *, fence: int | None = None, seen: int = 0) -> int:
        seq = self._journal.append(rollout, event, fence=fence, seen=seen)
        self._file.write(f"{event.id}\n".encode())
        return seq

    def __getattr__(self, name: str) -> object:
        return getattr(self._journal, name)


def with_ack_log(journal: Journal, file: Path) -> Journal:
    """`journal`, with the id of each acknowledged event logged to `file`."""
    return cast(Journal, _AckLoggingJournal(journal, file))


class _SlowJournal:
    """A journal each of whose appends takes `seconds` longer."""

    def __init__(self, journal: Journal, seconds: float) -> None:
        self._journal = journal
        self._seconds = seconds

    def append(self, rollout: str, event: Event, *, fence: int | None = None, seen: int = 0) -> int:
        time.sleep(self._seconds)
        return self._journal.append(rollout, event, fence=fence, seen=seen)

    def __getattr__(self, name: str) -> object:
        return getattr(self._journal, name)


def with_slow_appends(journal: Journal, seconds: float) -> Journal:
    """`journal`, each of whose appends takes `seconds` longer."""
    return cast(Journal, _SlowJournal(journal, seconds))
