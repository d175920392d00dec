"""The headless verbs: the same engine and the same decision path as a key, without a screen.

A verb joins the open rollout (`unopened` says which may begin one), reads every source once, decides on a card made
from that, and reads back before it exits. Its exit code speaks of this process's own request alone.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Mapping
from dataclasses import replace

from adapters.contract import Outcome
from adapters.registry import ConnectError, UnknownAdapter
from console.cli.exits import Exit
from console.cli.login import HURRIED_S, log_in
from console.cli.no_rollout import joined_notice, may_open, refusal
from console.cli.output import print_err, spool_notice
from console.cli.output import print_out as say
from console.cli.paths import journal_place, open_anyhow, stand_in
from console.cli.signals import TaskCanceller, Terminated, ignore_signals
from console.engine.answer import Answer, Result
from console.engine.clock import SystemClock
from console.engine.config import EngineConfig
from console.engine.engine import Engine
from console.events.evidence import Verb
from console.events.verbs import PEN, SAFER
from console.journal.contract import Journal, JournalUnavailable
from console.journal.location import JournalLocation
from console.journal.unavailable import UnavailableJournal
from console.plan.loader import load
from console.plan.nouns import Plan
from console.plan.problems import PlanError
from console.state.approvals import approval_digest
from console.state.card import card_for
from console.state.intent import Intent
from console.state.orders import order_word
from console.state.values import StageMark, State, StepMark
from console.version import version

JOINING_S = 2.0
"""How long a halt or a rollback waits for a journal that it is connected to to say which rollout is open."""
CODES = {
    Result.ACCEPTED: Exit.OK,
    Result.REFUSED: Exit.REFUSED,
    Result.UNKNOWN: Exit.UNKNOWN,
    Result.MOVED: Exit.MOVED,
    Result.UNJOURNALED: Exit.JOURNAL,
}


def act(options: argparse.Namespace) -> int:
    """`warroom VERB PLAN`."""
    verb = _verb(options)
    if looks_on(os.environ) and verb not in SAFER:
        print_err(
            f"{options.command} refused: WARROOM_OBSERVE is set: this shell only observes; halt and rollback work"
        )
        return Exit.REFUSED
    try:
        place = journal_place(options.journal)
        plan = load(options.plan)
        log_in(plan, HURRIED_S if verb in SAFER else None)
        answer = _acted(options, verb, plan, place)
    except (PlanError, ConnectError, UnknownAdapter, ValueError) as error:
        print_err(str(error) if isinstance(error, PlanError) else f"warroom: {error}")
        return Exit.USAGE
    except JournalUnavailable as error:
        print_err(f"warroom: {error}")
        return Exit.JOURNAL
    except Terminated as told:
        print_err("warroom: told to end; a call that was in flight counts as unknown until a read tells")
        return 128 + told.signum
    (say if answer.result is Result.ACCEPTED else print_err)(answer.line)
    return CODES[answer.result]


def _verb(options: argparse.Namespace) -> Verb | None:
    """What is asked for; None: a note. The pen that is offered can be accepted like anything else."""
    if options.command == "accept" and options.subject == "pen":
        options.subject = None
        return Verb.TAKE
    return None if options.command == "note" else Verb(options.command)


def looks_on(environ: Mapping[str, str]) -> bool:
    """Whether whoever set up this shell wants it to observe only."""
    return environ.get("WARROOM_OBSERVE", "") not in ("", "0")


def _acted(options: argparse.Namespace, verb: Verb | None, plan: Plan, place: JournalLocation) -> Answer:
    """The verb on the journal at `place`, which only a verb that may begin a rollout makes if it is not there."""
    if verb is None and not options.reason.strip():
        return Answer(Result.REFUSED, "note refused: it is empty: give --reason TEXT")
    if verb is not None and not may_open(verb, plan) and not place.exists():
        return asyncio.run(refusal(verb, plan, place, None))
    journal = open_anyhow(place) if verb in SAFER else place.open()
    try:
        return asyncio.run(_act(options, verb, plan, journal, place))
    finally:
        journal.close()


async def _act(
    options: argparse.Namespace, verb: Verb | None, plan: Plan, journal: Journal, place: JournalLocation
) -> Answer:
    if verb is not None and not may_open(verb, plan) and journal.open_run(plan.rollout) is None:
        return await refusal(verb, plan, place, _unread(journal))
    if verb is Verb.ROLLBACK:
        ignore_signals()
        return await _carried_out(options, verb, plan, journal, place)
    notice = TaskCanceller()
    try:
        return await _carried_out(options, verb, plan, journal, place)
    except asyncio.CancelledError:
        if notice.signum is None:
            raise
        raise Terminated(notice.signum) from None


async def _carried_out(
    options: argparse.Namespace, verb: Verb | None, plan: Plan, journal: Journal, place: JournalLocation
) -> Answer:
    engine, journal = await _opened(verb, plan, journal, place)
    rollout = engine.store.state.rollout
    unknown = [name for name, entry in engine.store.state.targets.items() if entry.opening is None]
    line = joined_notice(verb, rollout, place, began=engine.is_new_run, unread=_unread(journal), unknown=unknown)
    print_err(f"warroom: {line}")
    engine.start()
    try:
        answer = await _decided(options, verb, engine)
        if engine.store.unwritten.count:
            print_err(f"warroom: {answer.line}; not written down yet, the journal is tried once more")
    finally:
        await engine.close()
        if held := engine.store.state.local.journal.held:
            events = "1 event was" if held == 1 else f"{held} events were"
            kept = f"; {spool_notice(engine.spool_path)}" if engine.spool_path is not None else ""
            print_err(f"warroom: UNJOURNALED: {events} not written down{kept}")
    return _written(verb, answer, engine.store.state)


async def _opened(verb: Verb | None, plan: Plan, journal: Journal, place: JournalLocation) -> tuple[Engine, Journal]:
    """An engine that has joined or begun the rollout; going safer does not need a journal that can be read."""
    config = EngineConfig(plan, journal, SystemClock(), place.state_dir, version(), spool=place.spool)
    try:
        engine = await Engine.open(config, _ignore, hurry_s=JOINING_S if verb in SAFER else None)
    except JournalUnavailable as error:
        if verb not in SAFER or not may_open(verb, plan):
            raise
        journal = stand_in(error)
        engine = await Engine.open(replace(config, journal=journal), _ignore)
    return engine, journal


def _ignore(_state: State) -> None:
    """A headless verb asks for the state when it needs it."""


def _unread(journal: Journal) -> str | None:
    return journal.unreadable_reason if isinstance(journal, UnavailableJournal) else None


async def _decided(options: argparse.Namespace, verb: Verb | None, engine: Engine) -> Answer:
    if verb is None:
        return await engine.act(Intent(None, text=options.reason))
    if verb in PEN:
        await engine.membership.wait_known()
    elif verb not in SAFER:
        await engine.wait_polled()
    state = engine.state()
    answer = await engine.act(_intent(options, verb, state))
    return await _read_back(engine, verb, answer, state.reached or 0)


def _intent(options: argparse.Namespace, verb: Verb, state: State) -> Intent:
    given: str | list[str] | None = getattr(options, "subject", None)
    subject = " ".join(given) if isinstance(given, list) else given
    stage: int | None = options.expect_stage
    return Intent(
        verb,
        card=card_for(state, verb, subject),
        stage=state.reached if stage is None else stage,
        move=state.move,
        seen=state.last_seq if stage is None else None,
        bound=approval_digest(state) if verb is Verb.APPROVE else None,
        reason=options.reason,
        override=options.override,
        subject=subject,
        typed=_typed(verb, subject) or options.confirm,
    )


def _typed(verb: Verb, subject: str | None) -> str | None:
    """What naming a thing types by the way: whoever names it has typed it."""
    if verb is Verb.ORDER:
        return order_word(subject)
    return subject if verb in (Verb.CONFIRM, Verb.SKIP) else None


async def _read_back(engine: Engine, verb: Verb, answer: Answer, before: int) -> Answer:
    """Wait until the readings show what was accepted, or say that they do not. `before`: stages reached then."""
    if verb is Verb.ROLLBACK and answer.result is Result.ACCEPTED:
        await engine.finish_rollback()
        return _rolled_back(engine.state())
    if verb is not Verb.PROMOTE or answer.result is not Result.ACCEPTED:
        return answer
    patience_s = 2 * engine.store.state.plan.hold_s
    waited = 0.0
    while engine.store.state.promoting is not None and waited < patience_s:
        mark = engine.store.state.stages[engine.store.state.reached or 0].mark
        if mark is not StageMark.REQUESTED:
            break
        await asyncio.sleep(0.1)
        waited += 0.1
    state = engine.store.state
    if state.reached is not None and state.reached > before and state.current is not None:
        return Answer(Result.ACCEPTED, f"{state.current.stage.name} confirmed: stage {state.reached}")
    trouble = state.next.trouble if state.next is not None else ""
    return Answer(Result.ACCEPTED, f"{answer.line}; not read as set yet{': ' if trouble else ''}{trouble}")


def _written(verb: Verb | None, answer: Answer, state: State) -> Answer:
    """The answer, and what it is worth when the journal did not take it. `state`: after the engine has ended."""
    broken, held = state.local.journal.broken, state.local.journal.held
    if answer.result is Result.ACCEPTED and held:
        line = f"{answer.line}, but UNJOURNALED: {broken or 'some of it could not be written down'}"
        return Answer(Result.UNJOURNALED, f"{line}{_stands(verb, state)}")
    if answer.result is Result.REFUSED and broken is not None and verb not in SAFER:
        return Answer(Result.UNJOURNALED, answer.line)
    return answer


def _stands(verb: Verb | None, state: State) -> str:
    """What an unjournaled halt or rollback did all the same."""
    if verb is Verb.HALT:
        return "; a halt that is not written down is not in force for anybody else"
    if verb is not Verb.ROLLBACK:
        return ""
    requests = [request for request in state.requests.values() if request.decision == state.rollback]
    sent = ", ".join(request.asks for request in requests if request.outcome is Outcome.ACCEPTED)
    return f"; the backends were changed: {sent}" if sent else "; no backend had to be changed"


def _rolled_back(state: State) -> Answer:
    left = [entry for entry in state.checklist if not entry.is_over]
    automatic = [entry for entry in left if entry.step.manual is None]
    manual = [entry.step.id for entry in left if entry.step.manual is not None]
    by_hand = f"; by hand: {', '.join(manual)} (warroom confirm PLAN --subject STEP)" if manual else ""
    if not automatic:
        return Answer(Result.ACCEPTED, f"rolled back{by_hand}")
    words = "; ".join(f"{entry.step.id} {entry.mark}: {entry.detail}" for entry in automatic)
    doubtful = any(entry.mark is not StepMark.REFUSED for entry in automatic)
    return Answer(Result.UNKNOWN if doubtful else Result.REFUSED, f"not rolled back: {words}{by_hand}")
