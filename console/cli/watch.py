"""`warroom watch` and `warroom wait`: an observing engine without a screen.

They poll when no other console does, and decide nothing. `warroom watch` guards: it records verdicts, climbs the
escalation ladder, and releases the pen of a captain who is gone. SIGTERM ends it cleanly; a hang-up of its terminal
does not.
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
from console.cli.paths import chosen_journal, open_to_read
from console.cli.show import exit_code_of
from console.engine.clock import SystemClock
from console.engine.engine import Engine
from console.engine.opening import resumed
from console.journal.contract import Journal
from console.journal.location import JournalLocation
from console.plan.loader import load
from console.plan.nouns import Plan
from console.state import conditions
from console.state.values import DecisionState, NoteState, State
from console.version import version

LOOK_S = 0.2
"""Seconds between two checks of the condition by `warroom wait`."""
LINES = 1000
"""Lines that may wait for a slow terminal; more are lost."""
LAST_WORDS_S = 1.0
"""How long the end of a watch waits for its last lines to be printed."""
RECHECK_S = 30.0
"""How often `warroom watch` looks for an open rollout where the journal announces no change."""


def watch_command(options: argparse.Namespace) -> int:
    """Run `warroom watch PLAN`."""
    return exit_code_of(_watch, options)


def wait_command(options: argparse.Namespace) -> int:
    """Run `warroom wait PLAN --until WHAT`."""
    return exit_code_of(_wait, options)


def _watch(options: argparse.Namespace) -> int:
    location = chosen_journal(options.journal)
    plan = load(options.plan)
    at = gates.parse_address(options.gates) if options.gates is not None else None
    return asyncio.run(_watch_with_gates(plan, location, at))


async def _watch_with_gates(plan: Plan, location: JournalLocation, at: gates.GateAddress | None) -> int:
    """Watch one rollout after the other until a signal, and answer the gate webhooks at `at`."""
    front = gates.GateFront()
    if at is None:
        return await _watch_all(plan, location, front)
    try:
        server, port = await gates.listen(front, at)
    except OSError as error:
        print_err(f"warroom: cannot listen on {at}: {os.strerror(error.errno or 0) if error.errno else error}")
        return Exit.USAGE
    print_out(f"{_utc_text(datetime.now(UTC))}  answering gate webhooks on {gates.GateAddress(at.host, port)}")
    try:
        return await _watch_all(plan, location, front)
    finally:
        await server.aclose()


async def _watch_all(plan: Plan, location: JournalLocation, front: gates.GateFront) -> int:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, ended.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: None)
    while not ended.is_set():
        journal = location.open()
        try:
            if not await _wait_for_open(plan, journal, location, ended):
                break
            await _watch_rollout(plan, journal, location, ended, front)
        finally:
            journal.close()
    print_out(f"{_utc_text(datetime.now(UTC))}  watch ends")
    return Exit.OK


async def _wait_for_open(plan: Plan, journal: Journal, location: JournalLocation, ended: asyncio.Event) -> bool:
    """Wait until a rollout of the plan is open; False if a signal came first."""
    is_announced = False
    changes = journal.watch()
    try:
        while not ended.is_set():
            if journal.open_run(plan.rollout) is not None:
                return True
            if not is_announced:
                cause = f"no rollout of {plan.rollout} is open in journal {location}"
                print_out(f"{_utc_text(datetime.now(UTC))}  {cause}: waiting")
                is_announced = True
            waiting = asyncio.ensure_future(asyncio.to_thread(changes.wait, RECHECK_S))
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
    plan: Plan, journal: Journal, location: JournalLocation, ended: asyncio.Event, front: gates.GateFront
) -> None:
    """Poll, and print every change, until the rollout is closed or `ended` is set."""
    printer = Printer()
    reporter = StateReporter(printer.put)
    closed = asyncio.Event()

    def show(state: State) -> None:
        reporter.report(state)
        if state.closed is not None:
            closed.set()

    token = gates.token_from_environment()
    engine = Engine(
        plan,
        journal,
        SystemClock(),
        location.state_dir,
        version(),
        show,
        observing=True,
        gate_token=token,
        spool=location.spool,
    )
    await engine.open()
    engine.start()
    front.attach(engine, lambda line: printer.put(f"{_utc_text(datetime.now(UTC))}  {line}"))
    try:
        tasks = {asyncio.ensure_future(closed.wait()), asyncio.ensure_future(ended.wait())}
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
    finally:
        front.detach()
        await engine.close()
        printer.end()


class Printer:
    """Prints in a thread of its own: a terminal that stops reading must not stop the polling."""

    def __init__(self) -> None:
        self._lines: queue.Queue[str | None] = queue.Queue(LINES)
        self._thread = threading.Thread(target=self._run, name="printer", daemon=True)
        self._thread.start()

    def put(self, line: str) -> None:
        """Print a line, or drop it if LINES wait already."""
        with suppress(queue.Full):
            self._lines.put_nowait(line)

    def end(self) -> None:
        """Print the waiting lines, for LAST_WORDS_S at most."""
        with suppress(queue.Full):
            self._lines.put_nowait(None)
        self._thread.join(LAST_WORDS_S)

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            print_out(line)


class StateReporter:
    """Prints the changes from one State to the next, one line each."""

    def __init__(self, print_line: Callable[[str], None]) -> None:
        self._print = print_line
        self._before: State | None = None

    def report(self, state: State) -> None:
        """Print every change since the State before; of the first one, where it stands."""
        before, self._before = self._before, state
        for at, line in new_lines(before, state):
            self._print(f"{_utc_text(at)}  {line}")


def new_lines(before: State | None, after: State) -> list[tuple[datetime, str]]:
    """(time, line) of every change from `before` to `after`, oldest first; for no `before`, where it stands."""
    now = after.as_of or datetime.now(UTC)
    if before is None:
        polled = "" if after.poller is None or after.poller.here else f", polled by {_poller_name(after)}"
        return [(now, f"{after.rollout}  {_mode_and_stage(after)}{polled}")]
    known = {entry.id: entry.outcome for entry in before.decisions}
    found = [(entry.at, _decision_line(entry)) for entry in after.decisions if entry.id not in known]
    found += [
        (now, f"{entry.verb} {entry.outcome}")
        for entry in after.decisions
        if entry.id in known and known[entry.id] != entry.outcome
    ]
    found += [(line.at, _log_line(line)) for line in _new_log_lines(before, after)]
    if _mode_and_stage(before) != _mode_and_stage(after):
        found.append((now, _mode_and_stage(after)))
    if before.journal.broken != after.journal.broken:
        health = after.journal.broken
        found.append((now, "the journal takes writes again" if health is None else f"UNJOURNALED: {health}"))
    if before.poller != after.poller and after.poller is not None:
        found.append((now, "polls" if after.poller.here else f"polled by {_poller_name(after)}"))
    if before.fault != after.fault and after.fault is not None:
        found.append((now, f"FAULT of this console: {after.fault}"))
    return sorted(found, key=lambda entry: entry[0])


def _new_log_lines(before: State, after: State) -> list[NoteState]:
    """Log lines of `after` that `before` lacks; a log grows at its end, and is cut at its beginning."""
    last = before.log[-1] if before.log else None
    found: list[NoteState] = []
    for line in reversed(after.log):
        if line is last:
            break
        found.append(line)
    return found[::-1]


def _mode_and_stage(state: State) -> str:
    reached = "?" if state.reached is None else state.reached
    name = f" {state.current.stage.name}" if state.current is not None else ""
    return f"{state.mode.value}, stage {reached}/{len(state.stages)}{name}"


def _poller_name(state: State) -> str:
    who = state.poller.who if state.poller is not None else None
    return f"{who.user}@{who.host} pid {who.pid}" if who is not None else "another console"


def _decision_line(entry: DecisionState) -> str:
    by = f" by {entry.who.user}" if entry.who is not None else ""
    to = f" to {entry.card.stage_to}" if entry.card.stage_to != entry.card.stage_from else ""
    subject = f" {entry.subject}" if entry.subject else ""
    why = f": {entry.reason}" if entry.reason else ""
    void = f" (counts for nothing: {entry.void})" if entry.void else ""
    return f"{entry.verb}{subject}{to}{by}{why}{void}"


def _log_line(line: NoteState) -> str:
    by = f"{line.who.user}: " if line.who is not None else ""
    return f"{line.kind}: {by}{line.text}"


def _utc_text(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"


def _wait(options: argparse.Namespace) -> int:
    location = chosen_journal(options.journal)
    plan = load(options.plan)
    stages = [stage.name for stage in plan.stages]
    if not conditions.known(stages, options.until):
        names = ", ".join([*conditions.CONDITIONS, *(f"{conditions.STAGE}{name}" for name in stages)])
        raise ValueError(f"--until {options.until!r} is not a condition: give one of {names}")
    if not location.exists():
        return _refuse_unopened(plan, location)
    journal = open_to_read(location)
    try:
        if journal.open_run(plan.rollout) is None:
            return _result_of_last_run(plan, location, journal, options.until)
        return asyncio.run(_wait_until(plan, location, journal, options.until, options.timeout))
    finally:
        journal.close()


def _refuse_unopened(plan: Plan, location: JournalLocation) -> int:
    print_err(f"wait refused: no open rollout of {plan.rollout} in journal {location}")
    return Exit.REFUSED


def _result_of_last_run(plan: Plan, location: JournalLocation, journal: Journal, condition: str) -> int:
    """The exit code without an open rollout: its last one may fulfill the condition."""
    runs = [run.rollout for run in journal.runs() if run.rollout.rpartition("/")[0] == plan.rollout]
    if not runs:
        return _refuse_unopened(plan, location)
    return _condition_result(resumed(journal, runs[0], plan.path), condition)


def _condition_result(state: State, condition: str) -> int:
    if conditions.holds(state, condition):
        print_out(f"{condition}: {state.rollout} {_mode_and_stage(state)}")
        return Exit.OK
    why = conditions.lost(state, condition)
    print_err(f"{condition} can no longer come: {why}; {state.rollout} {_mode_and_stage(state)}")
    return Exit.MISSED


async def _wait_until(
    plan: Plan, location: JournalLocation, journal: Journal, condition: str, timeout_s: float | None
) -> int:
    engine = Engine(
        plan,
        journal,
        SystemClock(),
        location.state_dir,
        version(),
        lambda _state: None,
        observing=True,
        spool=location.spool,
    )
    await engine.open()
    engine.start()
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await engine.answered()
                while True:
                    state = engine.state()
                    if conditions.holds(state, condition) or conditions.lost(state, condition) is not None:
                        return _condition_result(state, condition)
                    await asyncio.sleep(LOOK_S)
        print_err(
            f"{condition} not within {timeout_s:g} s: {engine.store.state.rollout} {_mode_and_stage(engine.state())}"
        )
        return Exit.TIMEOUT
    finally:
        await engine.close()
