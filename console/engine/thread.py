"""The engine behind a screen: a thread of its own with its own loop, a one-slot mailbox out, a bounded inbox in.

The hand-over is never a blocking call from one side into the other. A terminal that stops reading blocks the screen's
loop for as long as it lasts; polls, decisions and a rollback under way go on here. This module imports nothing heavy:
what the engine needs (pydantic, httpx, sqlite-utils, YAML) is imported in its thread, after the first frame.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from console.logs.context import report_internal_error
from console.state.intent import Intent
from console.state.values import State

if TYPE_CHECKING:
    from adapters.contract import Clock
    from console.engine.engine import Engine
    from console.journal.contract import Journal
    from console.journal.spool import Spool
    from console.plan.nouns import Plan

INBOX = 16
"""Wishes that may wait; more are refused and said to be."""


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """What an engine is made of, prepared in its own thread."""

    plan: Plan
    journal: Journal
    clock: Clock
    state_dir: Path
    version: str
    observing: bool = False
    spool: Spool | None = None


class EngineThread:
    """Runs one engine. `prepare` is called in the thread; PlanError, JournalUnavailable, ConnectError, UnknownAdapter end it."""

    def __init__(self, prepare: Callable[[], EngineConfig]) -> None:
        self._prepare = prepare
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._mailbox: State | None = None
        self._answers: deque[str] = deque(maxlen=64)
        self._losses: deque[str] = deque(maxlen=64)
        self._ended: str | None = None
        self._engine: Engine | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._inbox: asyncio.Queue[Intent | None] | None = None
        self._leave = False
        self._stopped = threading.Event()
        self._rollbacks = 0
        """Rollbacks that were asked for and have not begun yet."""

    def start(self) -> None:
        self._thread.start()

    def latest(self) -> State | None:
        return self._mailbox

    def ask(self, intent: Intent) -> bool:
        return self._put(intent)

    def refusals(self) -> list[str]:
        return _emptied(self._answers)

    def losses(self) -> list[str]:
        return _emptied(self._losses)

    def end_reason(self) -> str | None:
        return self._ended

    def kept_in(self) -> str | None:
        """The file in which what could not be written waits for the next console; None if nothing does."""
        return self._engine.kept_in if self._engine is not None else None

    def busy(self) -> str | None:
        return self._engine.busy() if self._engine is not None else None

    def stop(self, leave: bool) -> None:
        """Begin to end: a rollback under way finishes its automatic steps, calls in flight are waited for or left."""
        self._leave = leave
        self._stopped.set()
        self._put(None)

    def join(self, within_s: float | None = None) -> bool:
        """Wait for the thread to end; False if it has not within `within_s`."""
        if self._thread.is_alive():
            self._thread.join(within_s)
        return not self._thread.is_alive()

    def finish(self, within_s: float | None) -> bool:
        """Wait for the end: as long as a rollback is under way, and else at most `within_s`; whether it has come."""
        left_s = math.inf if within_s is None else within_s
        while self._thread.is_alive() and left_s > 0:
            began = time.monotonic()
            self._thread.join(min(left_s, 0.05))
            if not self._rolls_back():
                left_s -= time.monotonic() - began
        return not self._thread.is_alive()

    def _rolls_back(self) -> bool:
        return self._rollbacks > 0 or (self._engine is not None and self._engine.store.state.local.running)

    def _put(self, item: Intent | None) -> bool:
        loop, inbox = self._loop, self._inbox
        if loop is None or inbox is None or (item is not None and inbox.qsize() >= INBOX):
            return False
        try:
            loop.call_soon_threadsafe(inbox.put_nowait, item)
        except RuntimeError:  # the loop has just ended
            return False
        return True

    def _run(self) -> None:
        from adapters.registry import ConnectError, UnknownAdapter
        from console.journal.contract import JournalUnavailable
        from console.plan.problems import PlanError

        try:
            asyncio.run(self._main())
        except (PlanError, JournalUnavailable, ConnectError, UnknownAdapter) as error:
            self._ended = str(error)
        except Exception as error:  # the last net: an engine that dies must say so on the screen
            self._ended = report_internal_error(logging.getLogger("warroom.engine"), error)

    async def _main(self) -> None:
        from console.engine.engine import Engine

        made = self._prepare()
        engine = Engine(
            made.plan,
            made.journal,
            made.clock,
            made.state_dir,
            made.version,
            self._deliver,
            observing=made.observing,
            spool=made.spool,
        )
        await engine.open()
        self._deliver(engine.state())
        inbox: asyncio.Queue[Intent | None] = asyncio.Queue()
        self._engine, self._inbox, self._loop = engine, inbox, asyncio.get_running_loop()
        engine.start()
        await self._serve(engine, inbox)
        if engine.store.state.local.running:
            await engine.finish_rollback()
        if not self._leave:
            await engine.settled()
        await engine.close()
        made.journal.close()

    async def _serve(self, engine: Engine, inbox: asyncio.Queue[Intent | None]) -> None:
        """Carry out what is asked until the end; what was handed over before it and goes safer is not forgotten."""
        from console.events.evidence import SAFER, Verb

        asked: set[asyncio.Task[None]] = set()
        safer: set[asyncio.Task[None]] = set()
        if self._stopped.is_set():  # stopped before there was an inbox; behind what was asked since
            asyncio.get_running_loop().call_soon(inbox.put_nowait, None)
        while (intent := await inbox.get()) is not None:
            self._rollbacks += intent.verb is Verb.ROLLBACK
            task = asyncio.create_task(self._carry_out(engine, intent))
            for tasks in (asked, safer) if intent.verb in SAFER else (asked,):
                tasks.add(task)
                task.add_done_callback(tasks.discard)
        if safer:
            await asyncio.wait(set(safer))

    def _deliver(self, state: State) -> None:
        self._mailbox = state

    async def _carry_out(self, engine: Engine, intent: Intent) -> None:
        from console.engine.answer import Result
        from console.events.evidence import Verb

        try:
            answer = await engine.act(intent)
        finally:
            self._rollbacks -= intent.verb is Verb.ROLLBACK
        if answer.result is Result.MOVED:
            self._losses.append(answer.line)
        elif answer.result is not Result.ACCEPTED:
            self._answers.append(answer.line)


def _emptied(lines: deque[str]) -> list[str]:
    """Everything in `lines`, which are none any more."""
    found = []
    while lines:
        found.append(lines.popleft())
    return found
