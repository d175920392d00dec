"""`warroom rollback --dry-run`: print the steps and calls of a rollback. Sends nothing, writes nothing."""

from __future__ import annotations

import argparse
import asyncio
from contextlib import closing, nullcontext

from adapters.sanitize import one_line
from console.cli.exits import Exit, with_exit_codes
from console.cli.no_rollout import may_open, refusal
from console.cli.output import print_err
from console.cli.paths import chosen_journal, open_to_read
from console.engine.runs import open_run
from console.engine.single_read import read_once
from console.events.evidence import PlannedCall, Verb
from console.journal.contract import Journal, JournalUnavailable
from console.journal.location import JournalLocation
from console.plan.loader import load
from console.state.card import card_for
from console.state.checklist import reads_as, step_waves, timeout_s
from console.state.raising import why_held
from console.state.values import State, StepState
from widgets.rollback import owner_suffix


@with_exit_codes
def dry_run_command(options: argparse.Namespace) -> int:
    """Run `warroom rollback PLAN --dry-run`: read every source once and print the steps."""
    plan = load(options.plan)
    location = chosen_journal(options.journal)
    journal, unread = _journal(location)
    with closing(journal) if journal is not None else nullcontext():
        rollout = open_run(journal, plan.rollout) if journal is not None else None
        if rollout is None and not may_open(Verb.ROLLBACK, plan):
            answer = asyncio.run(refusal(Verb.ROLLBACK, plan, location, unread))
            print_err(answer.line)
            return Exit.REFUSED if unread is None else Exit.JOURNAL
        state = asyncio.run(read_once(plan, journal, location.state_dir))
    where = "no rollout is open" if rollout is None else state.rollout
    print_err(f"warroom: dry run of {where} in journal {location}: nothing is sent, nothing is written")
    print(*dry_run_lines(state), sep="\n")
    return Exit.OK


def _journal(location: JournalLocation) -> tuple[Journal | None, str | None]:
    """(journal or None, why it cannot be read or None); a rollback works without a journal, and so does this."""
    if not location.exists():
        return None, None
    try:
        return open_to_read(location), None
    except JournalUnavailable as error:
        print_err(f"warroom: {error}")
        return None, str(error)


def dry_run_lines(state: State) -> list[str]:
    """Every step in the order it would begin, with the calls it would make as of `state`."""
    card = card_for(state, Verb.ROLLBACK)
    lines = [f"! {warning}" for warning in card.warnings]
    if card.block_reason is not None:
        lines.append(f"! rollback refused: {card.block_reason}")
    entries = {entry.step.id: entry for entry in state.checklist}
    one_by_one = state.plan.rollback is None or state.plan.one_by_one
    for number, wave in enumerate(step_waves([entry.step for entry in state.checklist]), start=1):
        at_once = "" if len(wave) == 1 else ", one after the other" if one_by_one else ", at once"
        lines.append(f"{number}. {len(wave)} {'step' if len(wave) == 1 else 'steps'}{at_once}")
        for step in wave:
            calls = [call for call in card.calls if call.step == step.id]
            lines += _step_lines(state, entries[step.id], calls)
    return lines or ["nothing to undo: no stage of the plan sets a target"]


def _step_lines(state: State, entry: StepState, calls: list[PlannedCall]) -> list[str]:
    step = entry.step
    after = f", after {' and '.join(step.needs)}" if step.needs else ""
    if entry.is_over:
        return [f"   {step.id}: {entry.mark} already: {entry.detail}"]
    if step.manual is not None:
        return [f"   {step.id}{after}: BY HAND{owner_suffix(state.plan, step.team)}: {step.manual}"]
    lines = [f"   {step.id}{after}, within {timeout_s(step, state.plan):g} s{owner_suffix(state.plan, step.team)}"]
    if (why := why_held(state, entry)) is not None:
        return [*lines, f"      WAITS FOR YOU: it {why}"]
    lines += [f"      {call.backend}: {one_line(call.text)}" for call in calls]
    called = {call.target for call in calls}
    done = [name for name, setting in step.sets.items() if name not in called and reads_as(state, name, setting)]
    return lines + [f"      no call: {name} already reads {state.targets[name].reading}" for name in done]
