"""Decide which verbs open a rollout where none is open; refuse the others.

A rollout opened while something is exposed takes those readings for "before", and its rollback undoes nothing. So
promote, note and halt open one, a rollback opens one only if the plan has rollback steps of its own (it does not need
"before" then), and no other verb does.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from console.engine.answer import Answer, Result
from console.engine.backends import Backends
from console.engine.clock import SystemClock
from console.engine.opening import snapshot
from console.events.evidence import Verb
from console.journal.location import JournalLocation
from console.plan.nouns import Plan


def may_open(verb: Verb | None, plan: Plan) -> bool:
    """True where a verb (None: a note) opens a rollout of `plan` if none is open."""
    if verb is Verb.ROLLBACK:
        return bool(plan.rollback)
    return verb in (None, Verb.PROMOTE, Verb.HALT)


async def refusal(verb: Verb, plan: Plan, location: JournalLocation, unread: str | None) -> Answer:
    """Refuse a verb that may not open a rollout, with the readings and the advice. Sends nothing.

    `unread`: why the journal could not be read; None if it was read or does not exist. Raises ConnectError and
    UnknownAdapter for a backend whose options cannot be used.
    """
    reads = await _readings_text(plan, location.state_dir)
    if verb is Verb.ROLLBACK:
        lost = "the plan has no rollback steps of its own, and only a journal knows the earlier settings"
        advice = f"{lost}: give the right --journal, write `rollback:` steps into the plan, or set the targets by hand"
    else:
        advice = "check --journal; `warroom promote` or `warroom note` opens a rollout in this journal"
    if unread is not None:
        return Answer(Result.UNJOURNALED, f"{verb} refused: {unread}; targets read: {reads}; {advice}")
    cause = f"no open rollout of {plan.rollout} in journal {location}"
    return Answer(Result.REFUSED, f"{verb} refused: {cause}; targets read: {reads}; {advice}")


async def _readings_text(plan: Plan, folder: Path) -> str:
    backends = Backends(plan, SystemClock(), folder)
    try:
        readings, unread = await snapshot(backends)
    finally:
        await backends.aclose()
    return ", ".join(f"{name} {readings[name] if name in readings else unread[name]}" for name in plan.targets)


def joined_notice(
    verb: Verb | None,
    rollout: str,
    location: JournalLocation,
    *,
    began: bool,
    unread: str | None,
    unknown: Sequence[str] = (),
    asked: Sequence[str] = (),
) -> str:
    """Name the rollout and the journal that a verb works on; say so loudly where an emergency opened one.

    `unread` as in `refusal`; `began`: the verb opened the rollout; `unknown`: targets that could not be read then;
    `asked`: a line for each target of which a person has to say what it was before.
    """
    if not began:
        return f"{rollout} in journal {location}"
    if verb in (None, Verb.PROMOTE):
        return f"opened {rollout} in journal {location}: {_before_text(unknown, asked)}"
    why = unread or f"NO ROLLOUT WAS OPEN in journal {location} (check --journal)"
    return f"{why}; the {verb} goes ahead as {rollout}: {_before_text(unknown, asked)}"


def _before_text(unknown: Sequence[str], asked: Sequence[str]) -> str:
    """The readings that a rollback restores where the plan has no rollback steps."""
    lost = f"; UNKNOWN for {', '.join(unknown)}, which could not be read" if unknown else ""
    return f"a rollback restores the current readings{''.join(f'; BUT {line}' for line in asked)}{lost}"
