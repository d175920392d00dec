"""`warroom watch` and `warroom wait`: the engine without a screen, looking on. They poll when nobody else does, and decide nothing.

`warroom watch` guards: it records verdicts, climbs the escalation ladder, releases the pen of a captain who is gone. A hang-up
of its terminal does not end it; SIGTERM does, cleanly.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import queue
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from console.cli import gates
from console.cli.exits import Exit
from console.cli.output import print_err, print_out
from console.cli.paths import journal_place, open_to_read
from console.cli.show import guarded
from console.engine.clock import SystemClock
from console.engine.config import EngineConfig
from console.engine.engine import Engine
from console.engine.opening import resume
from console.journal.contract import Journal
from console.journal.location import JournalLocation
from console.plan.loader import load
from console.plan.nouns import Plan
from console.state import conditions
from console.state.values import DecisionState, NoteState, State
from console.version import version

LOOK_S = 0.2
"""How often `warroom wait` looks at its State."""
LINES = 1000
"""Lines that may wait for a terminal that does not read."""
LAST_WORDS_S = 1.0
"""How long the end of a watch waits for its last lines to be read."""
UNOPENED_S = 30.0
"""How long a `warroom watch` that waits for a rollout waits for the journal's word before it looks itself."""


def watch_command(options: argparse.Namespace) -> int:
    """`warroom watch PLAN`."""
    return guarded(_watch, options)


def wait_command(options: argparse.Namespace) -> int:
    """`warroom wait PLAN --until WHAT`."""
    return guarded(_wait, options)


def _watch(options: argparse.Namespace) -> int:
    place = journal_place(options.journal)
    plan = load(options.plan)
    return asyncio.run(_guard(plan, place, gates.address(options.gates) if options.gates is not None else None))


async def _guard(plan: Plan, place: JournalLocation, at: gates.Address | None) -> int:
    """Watch one rollout after the other until told to end, and answer those who ask at the gates."""
    desk = gates.GateFront()
    if at is None:
        return await _watch_all(plan, place, desk)
    try:
        house, port = await gates.listen(desk, at)
    except OSError as error:
        print_err(f"warroom: {at} cannot be listened on: {os.strerror(error.errno or 0) if error.errno else error}")
        return Exit.USAGE
    print_out(f"{_clock(datetime.now(UTC))}  gates are answered on {gates.Address(at.host, port)}")
    try:
        return await _watch_all(plan, place, desk)
    finally:
        await house.aclose()


async def _watch_all(plan: Plan, place: JournalLocation, desk: gates.GateFront) -> int:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, ended.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: None)
    while not ended.is_set():
        journal = place.open()
        try:
            if not await _wait_for_open(plan, journal, place, ended):
                break
            await _watch_rollout(plan, journal, place, ended, desk)
        finally:
            journal.close()
    print_out(f"{_clock(datetime.now(UTC))}  watch ends")
    return Exit.OK


async def _wait_for_open(plan: Plan, journal: Journal, place: JournalLocation, ended: asyncio.Event) -> bool:
    """Wait until a rollout of the plan is open; False if told to end before."""
    told = False
    changes = journal.watch()
    try:
        while not ended.is_set():
            if journal.open_run(plan.rollout) is not None:
                return True
            if not told:
                print_out(
                    f"{_clock(datetime.now(UTC))}  no rollout of {plan.rollout} is open in journal {place}: waiting"
                )
                told = True
            waiting = asyncio.ensure_future(asyncio.to_thread(changes.wait, UNOPENED_S))
            ending = asyncio.ensure_future(ended.wait())
            await asyncio.wait({waiting, ending}, return_when=asyncio.FIRST_COMPLETED)
            ending.cancel()
            if ended.is_set():
                changes.close()
            await waiting
    finally:
        changes.close()
        await asyncio.to_thread(changes.wait, 0.0)
    return False


async def _watch_rollout(
    plan: Plan, journal: Journal, place: JournalLocation, ended: asyncio.Event, desk: gates.GateFront
) -> None:
    """Poll and tell until the rollout is closed."""
    printer = Printer()
    teller = StateReporter(printer.put)
    closed = asyncio.Event()

    def show(state: State) -> None:
        teller.tell(state)
        if state.closed is not None:
            closed.set()

    token = gates.token()
    config = EngineConfig(
        plan,
        journal,
        SystemClock(),
        place.state_dir,
        version(),
        observing=True,
        gate_token=token,
        spool=place.spool,
    )
    engine = await Engine.open(config, show)
    engine.start()
    desk.opens(engine, lambda line: printer.put(f"{_clock(datetime.now(UTC))}  {line}"))
    try:
        tasks = {asyncio.ensure_future(closed.wait()), asyncio.ensure_future(ended.wait())}
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
    finally:
        desk.closes()
        await engine.close()
        printer.end()


class Printer:
    """Prints in a thread of its own: a terminal that reads no more must not keep a guard from polling."""

    def __init__(self) -> None:
        self._lines: queue.Queue[str | None] = queue.Queue(LINES)
        self._thread = threading.Thread(target=self._run, name="printer", daemon=True)
        self._thread.start()

    def put(self, line: str) -> None:
        """Print a line, or lose it if too many wait."""
        with suppress(queue.Full):
            self._lines.put_nowait(line)

    def end(self) -> None:
        """Print what waits, as far as somebody reads it."""
        with suppress(queue.Full):
            self._lines.put_nowait(None)
        self._thread.join(LAST_WORDS_S)

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            print_out(line)


class StateReporter:
    """Says what is new in each State, one line per change."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._before: State | None = None

    def tell(self, state: State) -> None:
        before, self._before = self._before, state
        for at, line in new_lines(before, state):
            self._say(f"{_clock(at)}  {line}")


def new_lines(before: State | None, after: State) -> list[tuple[datetime, str]]:
    """(when, line) of what is new in `after`, in the order of time; from the beginning on, where it stands now."""
    now = after.as_of or datetime.now(UTC)
    if before is None:
        polled = "" if after.local.poller is None or after.local.poller.here else f", polled by {_person(after)}"
        return [(now, f"{after.rollout}  {_where(after)}{polled}")]
    known = {entry.id: entry.outcome for entry in before.decisions}
    found = [(entry.at, _decision(entry)) for entry in after.decisions if entry.id not in known]
    found += [
        (now, f"{entry.verb} {entry.outcome}")
        for entry in after.decisions
        if entry.id in known and known[entry.id] != entry.outcome
    ]
    found += [(line.at, _line(line)) for line in _new_log_lines(before, after)]
    if _where(before) != _where(after):
        found.append((now, _where(after)))
    if before.local.journal.broken != after.local.journal.broken:
        health = after.local.journal.broken
        found.append((now, "the journal can be written again" if health is None else f"UNJOURNALED: {health}"))
    if before.local.poller != after.local.poller and after.local.poller is not None:
        found.append((now, "polls" if after.local.poller.here else f"polled by {_person(after)}"))
    if before.local.fault != after.local.fault and after.local.fault is not None:
        found.append((now, f"FAULT of this console: {after.local.fault}"))
    return sorted(found, key=lambda entry: entry[0])


def _new_log_lines(before: State, after: State) -> list[NoteState]:
    """Lines of the log that were not there: it only grows at its end, and is cut at its beginning."""
    last = before.log[-1] if before.log else None
    found: list[NoteState] = []
    for line in reversed(after.log):
        if line is last:
            break
        found.append(line)
    return found[::-1]


def _where(state: State) -> str:
    reached = "?" if state.reached is None else state.reached
    name = f" {state.current.stage.name}" if state.current is not None else ""
    return f"{state.mode.value}, stage {reached}/{len(state.stages)}{name}"


def _person(state: State) -> str:
    who = state.local.poller.who if state.local.poller is not None else None
    return f"{who.user}@{who.host} pid {who.pid}" if who is not None else "another console"


def _decision(entry: DecisionState) -> str:
    by = f" by {entry.who.user}" if entry.who is not None else ""
    to = f" to {entry.card.stage_to}" if entry.card.stage_to != entry.card.stage_from else ""
    subject = f" {entry.subject}" if entry.subject else ""
    why = f": {entry.reason}" if entry.reason else ""
    void = f" (counts for nothing: {entry.void})" if entry.void else ""
    return f"{entry.verb}{subject}{to}{by}{why}{void}"


def _line(line: NoteState) -> str:
    by = f"{line.who.user}: " if line.who is not None else ""
    return f"{line.kind}: {by}{line.text}"


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"


def _wait(options: argparse.Namespace) -> int:
    place = journal_place(options.journal)
    plan = load(options.plan)
    stages = [stage.name for stage in plan.stages]
    if not conditions.is_known(stages, options.until):
        names = ", ".join([*conditions.CONDITIONS, *(f"{conditions.STAGE}{name}" for name in stages)])
        raise ValueError(f"--until {options.until!r}: wait for one of {names}")
    if not place.exists():
        return _unopened(plan, place)
    journal = open_to_read(place)
    try:
        if journal.open_run(plan.rollout) is None:
            return _over(plan, place, journal, options.until)
        return asyncio.run(_wait_until(plan, place, journal, options.until, options.timeout))
    finally:
        journal.close()


def _unopened(plan: Plan, place: JournalLocation) -> int:
    print_err(f"wait refused: no open rollout of {plan.rollout} in journal {place}")
    return Exit.REFUSED


def _over(plan: Plan, place: JournalLocation, journal: Journal, condition: str) -> int:
    """No rollout is open: what the last one came to may be what is waited for."""
    runs = [run.rollout for run in journal.runs() if run.rollout.rpartition("/")[0] == plan.rollout]
    if not runs:
        return _unopened(plan, place)
    return _condition_result(State.of(resume(journal, runs[0], plan.path).rollout), condition)


def _condition_result(state: State, condition: str) -> int:
    if conditions.is_met(state, condition):
        print_out(f"{condition}: {state.rollout} {_where(state)}")
        return Exit.OK
    why = conditions.why_impossible(state, condition)
    print_err(f"{condition} cannot come any more: {why}; {state.rollout} {_where(state)}")
    return Exit.MISSED


async def _wait_until(
    plan: Plan, place: JournalLocation, journal: Journal, condition: str, timeout_s: float | None
) -> int:
    config = EngineConfig(plan, journal, SystemClock(), place.state_dir, version(), observing=True, spool=place.spool)
    engine = await Engine.open(config, lambda _state: None)
    engine.start()
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await engine.wait_polled()
                while True:
                    state = engine.state()
                    if conditions.is_met(state, condition) or conditions.why_impossible(state, condition) is not None:
                        return _condition_result(state, condition)
                    await asyncio.sleep(LOOK_S)
        print_err(f"{condition} not within {timeout_s:g} s: {engine.store.state.rollout} {_where(engine.state())}")
        return Exit.TIMEOUT
    finally:
        await engine.close()
