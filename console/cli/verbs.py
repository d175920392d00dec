"""The headless verbs: the decision path of a key, without a screen.

A verb joins the open rollout (`console.cli.no_rollout` says which verbs open one), reads every source once, decides on
a card of those readings, and reads back before it exits. Its exit code is about this process's own request alone.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from contextlib import closing
from dataclasses import replace

from adapters.contract import Outcome
from console.cli.exits import Exit, with_exit_codes
from console.cli.login import SAFER_LOGIN_S, log_in
from console.cli.no_rollout import joined_notice, may_open, refusal
from console.cli.output import print_err, print_out, spool_notice
from console.cli.paths import chosen_journal, engine_config, is_observe_only, open_or_stand_in, unavailable_journal
from console.cli.rollback_end import rollback_answer
from console.cli.signals import TaskCanceller, Terminated, ignore_signals
from console.engine.answer import Answer, Result
from console.engine.engine import Engine
from console.engine.replay import Depth
from console.engine.runs import open_run
from console.events.evidence import Verb
from console.events.verbs import PEN, SAFER
from console.journal.contract import Journal, JournalUnavailable
from console.journal.location import JournalLocation
from console.journal.unavailable import UnavailableJournal
from console.plan.loader import load
from console.plan.nouns import Plan
from console.state.approvals import approval_digest
from console.state.before import asked_targets, before_line
from console.state.card import card_for
from console.state.intent import Intent
from console.state.orders import order_word
from console.state.values import StageMark, State

JOINING_S = 2.0
"""How long a halt or a rollback waits for a connected journal to name the open rollout."""
EXIT_CODES = {
    Result.ACCEPTED: Exit.OK,
    Result.REFUSED: Exit.REFUSED,
    Result.UNKNOWN: Exit.UNKNOWN,
    Result.MOVED: Exit.MOVED,
    Result.UNJOURNALED: Exit.JOURNAL,
}


@with_exit_codes
def verb_command(options: argparse.Namespace) -> int:
    """Run `warroom VERB PLAN`."""
    verb = _verb(options)
    if is_observe_only(os.environ) and verb not in SAFER:
        print_err(
            f"{options.command} refused: WARROOM_OBSERVE is set, so this shell only observes; halt and rollback work"
        )
        return Exit.REFUSED
    try:
        location = chosen_journal(options.journal)
        plan = load(options.plan)
        log_in(plan, SAFER_LOGIN_S if verb in SAFER else None)
        answer = _answer_of(options, verb, plan, location)
    except Terminated as ended:
        name = signal.Signals(ended.signum).name
        print_err(f"warroom: terminated by {name}; a call in flight is unknown until the next read")
        return 128 + ended.signum
    say = print_out if answer.result is Result.ACCEPTED else print_err
    for line in (answer.line, *answer.details):
        say(line)
    return EXIT_CODES[answer.result]


def _verb(options: argparse.Namespace) -> Verb | None:
    """The verb of a command; None: a note. `accept --subject pen` takes the pen that is offered."""
    if options.command == "accept" and options.subject == "pen":
        options.subject = None
        return Verb.TAKE
    return None if options.command == "note" else Verb(options.command)


def _answer_of(options: argparse.Namespace, verb: Verb | None, plan: Plan, location: JournalLocation) -> Answer:
    """Run a verb on the journal at `location`; only a verb that may open a rollout makes a missing journal."""
    if verb is None and not options.reason.strip():
        return Answer(Result.REFUSED, "note refused: its text is empty: give --reason TEXT")
    if verb is not None and not may_open(verb, plan) and not location.exists():
        return asyncio.run(refusal(verb, plan, location, None))
    with closing(open_or_stand_in(location) if verb in SAFER else location.open()) as journal:
        return asyncio.run(_run_verb(options, verb, plan, journal, location))


async def _run_verb(
    options: argparse.Namespace, verb: Verb | None, plan: Plan, journal: Journal, location: JournalLocation
) -> Answer:
    if verb is not None and not may_open(verb, plan) and open_run(journal, plan.rollout) is None:
        return await refusal(verb, plan, location, _journal_fault(journal))
    if verb is Verb.ROLLBACK:
        ignore_signals()
        return await _run_on_engine(options, verb, plan, journal, location)
    notice = TaskCanceller()
    try:
        return await _run_on_engine(options, verb, plan, journal, location)
    except asyncio.CancelledError:
        if notice.signum is None:
            raise
        raise Terminated(notice.signum) from None


async def _run_on_engine(
    options: argparse.Namespace, verb: Verb | None, plan: Plan, journal: Journal, location: JournalLocation
) -> Answer:
    engine, journal = await _open_engine(verb, plan, journal, location)
    rollout = engine.store.state.rollout
    unknown = [name for name, entry in engine.store.state.targets.items() if entry.opening is None]
    asked = [before_line(engine.store.state, name) for name in asked_targets(engine.store.state)]
    line = joined_notice(
        verb, rollout, location, began=engine.is_new_run, unread=_journal_fault(journal), unknown=unknown, asked=asked
    )
    print_err(f"warroom: {line}")
    engine.start()
    try:
        answer = await _decide(options, verb, engine)
        if (off := engine.store.state.local.clock) is not None:
            print_err(f"warroom: {off}")
        if verb is None and asked and engine.is_new_run and answer.result is Result.ACCEPTED:
            answer = Answer(Result.REFUSED, f"{answer.line}, but {'; '.join(asked)}")
        if engine.store.unwritten.count:
            print_err(f"warroom: {answer.line}; not in the journal yet; writing it is tried once more")
    finally:
        await engine.close()
        if held := engine.store.state.local.journal.held:
            events = "1 event was" if held == 1 else f"{held} events were"
            kept = f"; {spool_notice(engine.spool_path)}" if engine.spool_path is not None else ""
            print_err(f"warroom: UNJOURNALED: {events} not written to the journal{kept}")
    return _answer_with_journal(verb, answer, engine.store.state)


async def _open_engine(
    verb: Verb | None, plan: Plan, journal: Journal, location: JournalLocation
) -> tuple[Engine, Journal]:
    """(engine with the rollout open, its journal); a halt or a rollback gets a stand-in for a journal that fails."""
    config = engine_config(plan, journal, location)
    try:
        engine = await Engine.open(
            config,
            lambda _state: None,
            hurry_s=JOINING_S if verb in SAFER else None,
            depth=Depth.ALL if _needs_verdicts(verb) else Depth.NEWEST,
            on_judging=_print_judging,
        )
    except JournalUnavailable as error:
        if verb not in SAFER or not may_open(verb, plan):
            raise
        journal = unavailable_journal(error)
        engine = await Engine.open(replace(config, journal=journal), lambda _state: None, depth=Depth.NEWEST)
    return engine, journal


def _needs_verdicts(verb: Verb | None) -> bool:
    """Whether the verb decides by the verdicts; a halt, a rollback and its steps never wait for them."""
    return verb is not None and verb not in SAFER and verb not in PEN and verb not in (Verb.CONFIRM, Verb.SKIP)


def _print_judging(count: int) -> None:
    print_err(f"warroom: {count:,} recorded samples are judged first")


def _journal_fault(journal: Journal) -> str | None:
    return journal.unreadable_reason if isinstance(journal, UnavailableJournal) else None


async def _decide(options: argparse.Namespace, verb: Verb | None, engine: Engine) -> Answer:
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
        before=tuple(getattr(options, "before", ())),
        typed=_implied_confirmation(verb, subject) or options.confirm,
    )


def _implied_confirmation(verb: Verb, subject: str | None) -> str | None:
    """The word that naming the subject has typed already; None where --confirm must give one."""
    if verb is Verb.ORDER:
        return order_word(subject)
    return subject if verb in (Verb.CONFIRM, Verb.SKIP) else None


async def _read_back(engine: Engine, verb: Verb, answer: Answer, before: int) -> Answer:
    """Wait until the readings show the accepted change, or say that they do not. `before`: stages reached before it."""
    if verb in (Verb.ROLLBACK, Verb.CONFIRM) and answer.result is Result.ACCEPTED and engine.runner.has_begun:
        await engine.finish_rollback()
        return rollback_answer(engine.state())
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
    return Answer(Result.ACCEPTED, f"{answer.line}; the readings do not show it yet{': ' if trouble else ''}{trouble}")


def _answer_with_journal(verb: Verb | None, answer: Answer, state: State) -> Answer:
    """`answer`, or UNJOURNALED where the journal did not take the events. `state`: after the engine has ended."""
    broken, held = state.local.journal.broken, state.local.journal.held
    if answer.result is Result.ACCEPTED and held:
        line = f"{answer.line}, but UNJOURNALED: {broken or 'some events are not in the journal'}"
        return Answer(Result.UNJOURNALED, f"{line}{_unjournaled_effect(verb, state)}", answer.details)
    if answer.result is Result.REFUSED and broken is not None and verb not in SAFER:
        return Answer(Result.UNJOURNALED, answer.line)
    return answer


def _unjournaled_effect(verb: Verb | None, state: State) -> str:
    """The effect of a halt or a rollback that is not in the journal; "" for other verbs."""
    if verb is Verb.HALT:
        return "; a halt that is not in the journal is not in force for other consoles"
    if verb is not Verb.ROLLBACK:
        return ""
    requests = [request for request in state.requests.values() if request.decision == state.rollback]
    sent = ", ".join(request.asks for request in requests if request.outcome is Outcome.ACCEPTED)
    return f"; the backends were changed: {sent}" if sent else "; no backend had to be changed"
