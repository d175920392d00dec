"""One engine on a journal with a forgery in it: it opens, shows, rolls back, and what goes wrong on the way."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from traceback import extract_tb

from adapters.sanitize import one_line
from console.engine.answer import Result
from console.engine.clock import SystemClock
from console.engine.config import EngineConfig
from console.engine.engine import Engine
from console.events.evidence import Verb
from console.journal.contract import JournalUnavailable
from console.journal.sqlite import SqliteJournal
from console.plan.loader import parse
from console.plan.nouns import Plan
from console.state.card import card_for
from console.state.intent import Intent
from tests.rows.commands import forge_in_file
from tests.rows.forgery import Forgery
from tests.rows.looking import shown_text
from tests.rows.prepared import OPENING, PLAN, copy_prepared, exposure

PATIENCE_S = 30.0
"""How long the steps may take on a busy machine."""
AT_ONCE = 8
"""Engines that run beside each other: most of a rollback is waiting."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A forgery, what went wrong after it, and how long it took."""

    name: str
    faults: tuple[str, ...]
    took_s: float
    rolled_back: bool
    """Whether a rollback was tried, too."""


async def try_all(forgeries: Sequence[Forgery], base: Path, folder: Path, roll_back_every: int) -> list[Tried]:
    """Try each forgery on a copy of `base` of its own; every so many of them is also rolled back."""
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(number: int, forgery: Forgery) -> Tried:
        async with limit:
            own, began, rolls_back = folder / str(number), time.perf_counter(), number % roll_back_every == 0
            copy_prepared(base, own)
            try:
                faults = await faults_after(forgery, own, rolls_back=rolls_back)
            finally:
                shutil.rmtree(own)
            return Tried(forgery.name, tuple(faults), time.perf_counter() - began, rolls_back)

    return await asyncio.gather(*(one(number, forgery) for number, forgery in enumerate(forgeries)))


async def faults_after(forgery: Forgery, folder: Path, *, rolls_back: bool) -> list[str]:
    """What goes wrong on a journal with a forgery in it, in one line each."""
    try:
        forge_in_file(folder / "journal.db", forgery)
        return await _faults_of_engine(folder, rolls_back)
    except JournalUnavailable as error:
        return [f"the journal cannot be used: {str(error)[:200]}"]
    except Exception as error:  # a fuzzer goes on, and reports every case at its end
        way = ", ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in extract_tb(error.__traceback__)[-3:])
        return [f"{type(error).__name__}: {one_line(error, 160)} at {way}"]


@cache
def _plan() -> Plan:
    return parse(PLAN, "plan.yaml")


async def _faults_of_engine(folder: Path, rolls_back: bool) -> list[str]:
    with closing(SqliteJournal(folder / "journal.db")) as journal:
        config = EngineConfig(_plan(), journal, SystemClock(), folder, "0")
        engine = await Engine.open(config, lambda _state: None)
        try:
            shown_text(engine.state())
            faults = ["the open rollout was not found: another one was opened"] if engine.is_new_run else []
            if rolls_back:
                faults += await _faults_of_rollback(engine)
        finally:
            await engine.close()
    left = exposure(folder)
    return [*faults, f"the world reads {left}"] if rolls_back and left != OPENING else faults


async def _faults_of_rollback(engine: Engine) -> list[str]:
    engine.start()
    state = engine.state()
    card = card_for(state, Verb.ROLLBACK)
    intent = Intent(Verb.ROLLBACK, card=card, stage=state.reached, move=state.move, seen=state.last_seq, reason="x")
    answer = await engine.act(intent)
    until = time.monotonic() + PATIENCE_S
    while not all(entry.is_over for entry in engine.state().checklist) and time.monotonic() < until:
        await asyncio.wait({asyncio.ensure_future(engine.finish_rollback())}, timeout=PATIENCE_S)
        await asyncio.sleep(0.02)
    state = engine.state()
    shown_text(state)
    faults = [] if answer.result is Result.ACCEPTED else [f"rollback {answer.result}: {answer.line[:200]}"]
    faults += [f"step {entry.step.id} {entry.mark}: {entry.detail}" for entry in state.checklist if not entry.is_over]
    words = [state.local.fault or "", *(source.reason for source in state.sources.values())]
    return faults + [text[:200] for text in words if "internal error" in text]
