"""The engine behind a screen.

A thread of its own with its own loop, a one-slot mailbox out, a bounded inbox in.

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
from typing import TYPE_CHECKING

from console.engine.config import EngineConfig
from console.logs.context import report_internal_error
from console.state.intent import Intent
from console.state.values import State

if TYPE_CHECKING:
    from console.engine.engine import Engine

INBOX = 16
"""Intents that may wait; more are refused."""


class EngineThread:
    """Run one engine.

    Args:
        prepare: called in the thread. PlanError, JournalUnavailable, ConnectError and UnknownAdapter end it.
    """

    def __init__(self, prepare: Callable[[], EngineConfig]) -> None:
        self._prepare = prepare
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._mailbox: State | None = None
        self._answers: deque[str] = deque(maxlen=64)
        self._losses: deque[str] = deque(maxlen=64)
        self._end_reason: str | None = None
        self._engine: Engine | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._inbox: asyncio.Queue[Intent | None] | None = None
        self._leave = False
        self._stopped = threading.Event()
        self._rollbacks = 0
        """Rollbacks that were requested and have not begun yet."""

    def start(self) -> None:
        """Start the thread; returns at once."""
        self._thread.start()

    def latest(self) -> State | None:
        """The newest State, or None before the first."""
        return self._mailbox

    def ask(self, intent: Intent) -> bool:
        """Hand over an intent; False if it was not taken."""
        return self._put(intent)

    def refusals(self) -> list[str]:
        """Take the answers that were not ACCEPTED since the last call."""
        return _drain(self._answers)

    def losses(self) -> list[str]:
        """Take the answers to intents that lost a race."""
        return _drain(self._losses)

    def end_reason(self) -> str | None:
        """Why the engine could not begin or go on, or None."""
        return self._end_reason

    def spool_path(self) -> str | None:
        """The file in which unwritten events wait, or None."""
        return self._engine.spool_path if self._engine is not None else None

    def in_flight(self) -> str | None:
        """The calls in flight, or None."""
        return self._engine.in_flight() if self._engine is not None else None

    def stop(self, leave: bool) -> None:
        """Begin to end after a rollback's steps; `leave` cancels calls."""
        self._leave = leave
        self._stopped.set()
        self._put(None)

    def join(self, within_s: float | None = None) -> bool:
        """Wait for the thread to end; whether it has within `within_s`."""
        if self._thread.is_alive():
            self._thread.join(within_s)
        return not self._thread.is_alive()

    def finish(self, within_s: float | None) -> bool:
        """Wait for a rollback, else `within_s` at most; whether it ended."""
        left_s = math.inf if within_s is None else within_s
        while self._thread.is_alive() and left_s > 0:
            began = time.monotonic()
            self._thread.join(min(left_s, 0.05))
            if not self._is_rolling_back():
                left_s -= time.monotonic() - began
        return not self._thread.is_alive()

    def _is_rolling_back(self) -> bool:
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
            self._end_reason = str(error)
        except Exception as error:  # the last net: an engine that dies must say so on the screen
            self._end_reason = report_internal_error(logging.getLogger("warroom.engine"), error)

    async def _main(self) -> None:
        from console.engine.engine import Engine

        config = self._prepare()
        engine = await Engine.open(config, self._deliver)
        self._deliver(engine.state())
        inbox: asyncio.Queue[Intent | None] = asyncio.Queue()
        self._engine, self._inbox, self._loop = engine, inbox, asyncio.get_running_loop()
        engine.start()
        await self._serve(engine, inbox)
        if engine.store.state.local.running:
            await engine.finish_rollback()
        if not self._leave:
            await engine.wait_intents()
        await engine.close()
        config.journal.close()

    async def _serve(self, engine: Engine, inbox: asyncio.Queue[Intent | None]) -> None:
        """Carry out intents until stopped; halts and rollbacks handed over before that are still carried out."""
        from console.events.evidence import Verb
        from console.events.verbs import SAFER

        tasks: set[asyncio.Task[None]] = set()
        safer: set[asyncio.Task[None]] = set()
        if self._stopped.is_set():  # stopped before there was an inbox; behind the intents since
            asyncio.get_running_loop().call_soon(inbox.put_nowait, None)
        while (intent := await inbox.get()) is not None:
            self._rollbacks += intent.verb is Verb.ROLLBACK
            task = asyncio.create_task(self._carry_out(engine, intent))
            for group in (tasks, safer) if intent.verb in SAFER else (tasks,):
                group.add(task)
                task.add_done_callback(group.discard)
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


def _drain(lines: deque[str]) -> list[str]:
    return [lines.popleft() for _ in range(len(lines))]
