"""The headless verbs: the same engine and the same decision path as a key, without a screen.

A verb opens or joins the rollout, reads every source once, decides on a card made from that, and reads back before it
exits. Its exit code speaks of this process's own request alone.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from adapters.registry import ConnectError, UnknownAdapter
from console.cli.exits import Exit
from console.cli.paths import connector, journal_path, open_anyhow
from console.engine.answer import Answer, Result
from console.engine.clock import SystemClock
from console.engine.engine import Engine
from console.events.evidence import SAFER, Verb
from console.journal.contract import Broken, Journal
from console.plan.load import load
from console.plan.nouns import Plan
from console.plan.problems import PlanError
from console.state.card import card_for
from console.state.intent import Intent
from console.state.values import StageMark, State
from console.version import version

CODES = {
    Result.ACCEPTED: Exit.OK,
    Result.REFUSED: Exit.REFUSED,
    Result.UNKNOWN: Exit.UNKNOWN,
    Result.MOVED: Exit.MOVED,
}


def act(options: argparse.Namespace) -> int:
    """`warroom VERB PLAN`."""
    verb = None if options.command == "note" else Verb(options.command)
    try:
        path = journal_path(options.journal)
        plan = load(options.plan)
        journal = open_anyhow(path) if verb in SAFER else connector(path)()
    except (PlanError, ValueError) as error:
        print(error, file=sys.stderr)
        return Exit.USAGE
    except Broken as error:
        print(f"warroom: {error}", file=sys.stderr)
        return Exit.JOURNAL
    try:
        answer = asyncio.run(_act(options, verb, plan, journal, path.parent))
    except (ConnectError, UnknownAdapter) as error:
        print(f"warroom: {error}", file=sys.stderr)
        return Exit.USAGE
    except Broken as error:
        print(f"warroom: {error}", file=sys.stderr)
        return Exit.JOURNAL
    finally:
        journal.close()
    print(answer.line, file=sys.stdout if answer.result is Result.ACCEPTED else sys.stderr)
    return CODES[answer.result]


async def _act(options: argparse.Namespace, verb: Verb | None, plan: Plan, journal: Journal, folder: Path) -> Answer:
    engine = Engine(plan, journal, SystemClock(), folder, version(), lambda _state: None)
    if verb is Verb.ROLLBACK:
        _outlive_the_terminal()
    await engine.open()
    if engine.began and verb is not None:
        print(f"warroom: opened {engine.record.state.rollout}: before is what its targets read now", file=sys.stderr)
    engine.start()
    try:
        if verb is None:
            return await engine.act(Intent(None, text=options.reason))
        if verb not in SAFER:
            await engine.answered()
        state = engine.state()
        intent = _intent(options, verb, state)
        answer = await engine.act(intent)
        return await _read_back(engine, verb, answer, state.reached or 0)
    finally:
        await engine.close()
        if held := engine.record.state.journal.held:
            print(f"warroom: UNJOURNALED: {held} events were not written down", file=sys.stderr)


def _intent(options: argparse.Namespace, verb: Verb, state: State) -> Intent:
    subject: str | None = getattr(options, "subject", None)
    stage: int | None = options.expect_stage
    return Intent(
        verb,
        card=card_for(state, verb, subject),
        stage=state.reached if stage is None else stage,
        move=state.move,
        reason=options.reason,
        override=options.override,
        subject=subject,
        typed=options.confirm,
    )


async def _read_back(engine: Engine, verb: Verb, answer: Answer, before: int) -> Answer:
    """Wait until the readings show what was accepted, or say that they do not. `before`: stages reached then."""
    if verb is Verb.ROLLBACK and answer.result is Result.ACCEPTED:
        await engine.finish_rollback()
        return _rolled_back(engine.state())
    if verb is not Verb.PROMOTE or answer.result is not Result.ACCEPTED:
        return answer
    patience_s = 2 * engine.record.state.plan.hold_s
    waited = 0.0
    while engine.record.state.promoting is not None and waited < patience_s:
        mark = engine.record.state.stages[engine.record.state.reached or 0].mark
        if mark is not StageMark.REQUESTED:
            break
        await asyncio.sleep(0.1)
        waited += 0.1
    state = engine.record.state
    if state.reached is not None and state.reached > before and state.current is not None:
        return Answer(Result.ACCEPTED, f"{state.current.stage.name} confirmed: stage {state.reached}")
    trouble = state.next.trouble if state.next is not None else ""
    return Answer(Result.ACCEPTED, f"{answer.line}; not read as set yet{': ' if trouble else ''}{trouble}")


def _outlive_the_terminal() -> None:
    """A rollback finishes its automatic steps, bounded by their deadlines, though the terminal is gone."""
    for signum in (signal.SIGHUP, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signum, lambda: None)


def _rolled_back(state: State) -> Answer:
    from console.state.values import StepMark

    left = [entry for entry in state.checklist if entry.mark is not StepMark.DONE]
    automatic = [entry for entry in left if entry.step.manual is None]
    manual = [entry.step.id for entry in left if entry.step.manual is not None]
    by_hand = f"; by hand: {', '.join(manual)} (warroom confirm PLAN --subject STEP)" if manual else ""
    if not automatic:
        return Answer(Result.ACCEPTED, f"rolled back{by_hand}")
    words = "; ".join(f"{entry.step.id} {entry.mark}: {entry.detail}" for entry in automatic)
    doubtful = any(entry.mark is not StepMark.REFUSED for entry in automatic)
    return Answer(Result.UNKNOWN if doubtful else Result.REFUSED, f"not rolled back: {words}{by_hand}")
