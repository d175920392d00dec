"""`warroom watch` and `warroom wait`: an observing engine without a screen.

They poll when no other console does, and decide nothing. `warroom watch` guards: it records verdicts, climbs the
escalation ladder, and releases the pen of a captain who is gone. SIGTERM ends it cleanly; a hang-up of its terminal
does not.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from contextlib import closing, suppress
from datetime import UTC, datetime

from console.cli import gates
from console.cli.exits import Exit, with_exit_codes
from console.cli.output import print_err, print_out
from console.cli.paths import chosen_journal, engine_config, open_to_read
from console.cli.watch_lines import Printer, mode_and_stage, new_lines, utc_text
from console.engine.engine import Engine
from console.engine.opening import resume
from console.engine.replay import Depth
from console.engine.runs import open_run, runs_of
from console.journal.contract import Journal
from console.journal.location import JournalLocation
from console.plan.loader import load
from console.plan.nouns import Plan
from console.state import conditions
from console.state.values import State

LOOK_S = 0.2
"""Seconds between two checks of the condition by `warroom wait`."""
RECHECK_S = 30.0
"""How often `warroom watch` looks for an open rollout where the journal announces no change."""


@with_exit_codes
def watch_command(options: argparse.Namespace) -> int:
    """Run `warroom watch PLAN`."""
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
    print_out(f"{utc_text(datetime.now(UTC))}  answering gate webhooks on {gates.GateAddress(at.host, port)}")
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
    at: datetime | None = None
    while not ended.is_set():
        with closing(location.open()) as journal:
            if await _wait_for_open(plan, journal, location, ended):
                at = await _watch_rollout(plan, journal, location, ended, front)
            else:
                at = None
    print_out(f"{utc_text(at or datetime.now(UTC))}  watch ends")
    return Exit.OK


async def _wait_for_open(plan: Plan, journal: Journal, location: JournalLocation, ended: asyncio.Event) -> bool:
    """Wait until a rollout of the plan is open; False if a signal came first."""
    is_announced = False
    changes = journal.watch()
    try:
        while not ended.is_set():
            if open_run(journal, plan.rollout) is not None:
                return True
            if not is_announced:
                cause = f"no rollout of {plan.rollout} is open in journal {location}"
                print_out(f"{utc_text(datetime.now(UTC))}  {cause}: waiting")
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
) -> datetime:
    """Poll, and print every change, until the rollout is closed or `ended` is set; the time by its clock then."""
    printer = Printer()
    before: State | None = None
    closed = asyncio.Event()

    def show(state: State) -> None:
        nonlocal before
        for at, line in new_lines(before, state):
            printer.put(f"{utc_text(at)}  {line}")
        before = state
        if state.closed is not None:
            closed.set()

    config = engine_config(plan, journal, location, observing=True, gate_token=gates.token_from_environment())
    engine = await Engine.open(config, show)
    engine.start()
    front.attach(engine, lambda line: printer.put(f"{utc_text(_time_of(engine))}  {line}"))
    try:
        tasks = {asyncio.ensure_future(closed.wait()), asyncio.ensure_future(ended.wait())}
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        return _time_of(engine)
    finally:
        front.detach()
        await engine.close()
        printer.end()


def _time_of(engine: Engine) -> datetime:
    """The time by an engine's clock, which is right where this host's is not."""
    return engine.state().as_of or datetime.now(UTC)


@with_exit_codes
def wait_command(options: argparse.Namespace) -> int:
    """Run `warroom wait PLAN --until WHAT`."""
    location = chosen_journal(options.journal)
    plan = load(options.plan)
    stages = [stage.name for stage in plan.stages]
    if not conditions.is_known(stages, options.until):
        names = ", ".join([*conditions.CONDITIONS, *(f"{conditions.STAGE}{name}" for name in stages)])
        raise ValueError(f"--until {options.until!r} is not a condition: give one of {names}")
    if not location.exists():
        return _refuse_unopened(plan, location)
    with closing(open_to_read(location)) as journal:
        if open_run(journal, plan.rollout) is None:
            return _result_of_last_run(plan, location, journal, options.until)
        return asyncio.run(_wait_until(plan, location, journal, options.until, options.timeout))


def _refuse_unopened(plan: Plan, location: JournalLocation) -> int:
    print_err(f"wait refused: no open rollout of {plan.rollout} in journal {location}")
    return Exit.REFUSED


def _result_of_last_run(plan: Plan, location: JournalLocation, journal: Journal, condition: str) -> int:
    """The exit code without an open rollout: its last one may fulfill the condition."""
    last = runs_of(journal, plan.rollout).last
    if last is None:
        return _refuse_unopened(plan, location)
    return _condition_result(State.of(resume(journal, last, plan.path, Depth.NEWEST).rollout), condition)


def _condition_result(state: State, condition: str) -> int:
    if conditions.is_met(state, condition):
        print_out(f"{condition}: {state.rollout} {mode_and_stage(state)}")
        return Exit.OK
    why = conditions.why_impossible(state, condition)
    print_err(f"{condition} can no longer come: {why}; {state.rollout} {mode_and_stage(state)}")
    return Exit.MISSED


async def _wait_until(
    plan: Plan, location: JournalLocation, journal: Journal, condition: str, timeout_s: float | None
) -> int:
    engine = await Engine.open(engine_config(plan, journal, location, observing=True), lambda _state: None)
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
        print_err(
            f"{condition} not within {timeout_s:g} s: {engine.store.state.rollout} {mode_and_stage(engine.state())}"
        )
        return Exit.TIMEOUT
    finally:
        await engine.close()
