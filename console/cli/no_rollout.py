"""A verb that finds no rollout open: which verbs may begin one, and what the others say instead.

A rollout begun while something is exposed takes that for "before", and a rollback of it undoes nothing. So going
forward begins one, going safer may begin one where it does not need to know what "before" was, and nothing else does.
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
    """Whether a verb (None: a note) begins a rollout of `plan` where none is open."""
    if verb is Verb.ROLLBACK:
        return bool(plan.rollback)
    return verb in (None, Verb.PROMOTE, Verb.HALT)


async def refusal(verb: Verb, plan: Plan, place: JournalLocation, unread: str | None) -> Answer:
    """What a verb that may not begin a rollout says instead: what stands, and what to do. Sends nothing.

    Args:
        verb, plan: what was asked for.
        place: the journal.
        unread: why the journal could not be read; None if it could be, or is not there.

    Raises:
        ConnectError, UnknownAdapter: a backend's options cannot be used.
    """
    reads = await _reads(plan, place.state_dir)
    if verb is Verb.ROLLBACK:
        lost = "the plan has no rollback steps of its own, and what was before stands only in a journal"
        advice = f"{lost}: give the right --journal, write `rollback:` steps into the plan, or set the targets by hand"
    else:
        advice = "is it another journal? `warroom promote` or `warroom note` opens a rollout in this one"
    if unread is not None:
        return Answer(Result.UNJOURNALED, f"{verb} refused: {unread}; targets read: {reads}; {advice}")
    nothing = f"no open rollout of {plan.rollout} in journal {place}"
    return Answer(Result.REFUSED, f"{verb} refused: {nothing}; targets read: {reads}; {advice}")


async def _reads(plan: Plan, folder: Path) -> str:
    backends = Backends(plan, SystemClock(), folder)
    try:
        readings, unread = await snapshot(backends)
    finally:
        await backends.aclose()
    return ", ".join(f"{name} {readings[name] if name in readings else unread[name]}" for name in plan.targets)


def joined_notice(
    verb: Verb | None,
    rollout: str,
    place: JournalLocation,
    *,
    began: bool,
    unread: str | None,
    unknown: Sequence[str] = (),
) -> str:
    """Which rollout of which journal a verb works on; loud where an emergency had to begin one.

    Args:
        verb, rollout, place, unread: as in `refusal`.
        began: whether the verb opened the rollout.
        unknown: the targets that could not be read at the opening.
    """
    if not began:
        return f"{rollout} in journal {place}"
    if verb in (None, Verb.PROMOTE):
        return f"opened {rollout} in journal {place}: {_before(unknown)}"
    why = unread or f"NO ROLLOUT WAS OPEN in journal {place} (is it another journal?)"
    return f"{why}; the {verb} goes ahead as {rollout}: {_before(unknown)}"


def _before(unknown: Sequence[str]) -> str:
    """What a rollback goes back to where the plan has no steps of its own."""
    lost = f"; NOT KNOWN of {', '.join(unknown)}, which could not be read" if unknown else ""
    return f"before is what its targets read now{lost}"
