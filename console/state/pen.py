"""The pen: which person may move the rollout forward, and which decisions count for nothing because of it.

It belongs to a person, not to a process. A decision that needs it takes it while it is free. Of two decisions about it
whose authors had seen the same, the one recorded first counts.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from console.events.evidence import Actor, Verb
from console.events.verbs import PENNED
from console.state.participants import Handoff, Pen
from console.state.values import RolloutState, State

if TYPE_CHECKING:
    from console.events.kinds import DecisionTaken, PenReleased


def why_void(state: RolloutState, event: DecisionTaken) -> str:
    """Why a decision recorded now counts for nothing, as far as the pen is concerned; empty if it counts."""
    pen = state.pen
    mine = pen.held_by(event.who)
    overtaken = (
        (event.verb is Verb.TAKE and event.pen != pen.number)
        or (event.verb in (Verb.OFFER, Verb.HANDOFF) and not mine)
        or (event.verb in PENNED and None not in (event.pen, event.who, pen.holder) and not mine)
    )
    whose = "free" if pen.holder is None else f"with {pen.holder.name}"
    return f"the pen was {whose} by then" if overtaken else ""


def apply_pen_decision(state: RolloutState, event: DecisionTaken) -> RolloutState:
    """The state after a decision that counts: whose the pen is now, and that its holder was there."""
    pen, who = state.pen, event.who
    if who is None:
        return state
    match event.verb:
        case Verb.TAKE:
            return _take(state, who, event.at)
        case Verb.OFFER:
            pen = replace(pen, number=pen.number + 1, offered=event.subject, note=event.reason, seen_at=event.at)
            return replace(state, pen=pen)
        case Verb.HANDOFF:
            note = Handoff(event.at, who, event.reason)
            return replace(state, pen=Pen(since=event.at, number=pen.number + 1), handoff=note)
        case _ if pen.held_by(who):
            return replace(state, pen=replace(pen, seen_at=event.at))
        case verb if verb in PENNED and event.pen is not None:
            return _take(state, who, event.at)
        case _:
            return state


def _take(state: RolloutState, who: Actor, at: datetime) -> RolloutState:
    pen = Pen(holder=who, since=at, seen_at=at, number=state.pen.number + 1)
    return replace(state, pen=pen, handoff=None)


def apply_release(state: RolloutState, event: PenReleased) -> RolloutState | None:
    """The state after the captain was found gone; None if the pen had changed before."""
    if state.pen.holder is None or event.pen != state.pen.number:
        return None
    return replace(state, pen=Pen(since=event.at, number=state.pen.number + 1))


def last_seen(state: State) -> datetime | None:
    """When the captain was last seen: in any console, or by a decision. None while the pen is free."""
    holder = state.pen.holder
    if holder is None:
        return None
    persons = [member for member in state.local.crew or () if member.role != "observer"]  # which is a screen on a wall
    there = [member.seen_at for member in persons if member.who.person == holder.person]
    return max((moment for moment in (*there, state.pen.seen_at, state.pen.since) if moment is not None), default=None)


def is_gone(state: State) -> bool:
    """Whether the captain has lost the pen by being absent. False while it is not known who is present."""
    seen = last_seen(state)
    if seen is None or state.local.crew is None or state.as_of is None:
        return False
    return state.as_of - seen > timedelta(seconds=state.plan.timing.gone_s)


def seen_text(state: State) -> str:
    """ "seen 12 s ago"; "here now" within five seconds."""
    seen = last_seen(state)
    if seen is None or state.as_of is None:
        return "not seen"
    ago_s = max((state.as_of - seen).total_seconds(), 0.0)
    if ago_s <= 5:
        return "here now"
    return f"seen {ago_s:.0f} s ago" if ago_s < 120 else f"seen {ago_s / 60:.0f} min ago"


def holder_text(state: State) -> str:
    """The pen in words, as its gate tells it: "the pen is with ana (seen 12 s ago)"."""
    pen, me = state.pen, state.local.operator
    if pen.holder is None:
        return "the pen is free"
    if pen.held_by(me):
        return "you hold the pen"
    if is_gone(state):
        return f"the pen is free: {pen.holder.name} was {seen_text(state)}"
    return f"the pen is with {pen.holder.name} ({seen_text(state)})"


def is_free_for(state: State, who: Actor | None) -> bool:
    """Whether `who` may use the pen without taking it from its holder."""
    return who is None or state.pen.holder is None or state.pen.held_by(who) or is_gone(state)
