"""What waits for a person, one sentence each: somebody is to be called, the pen is offered or was left, an approval."""

from __future__ import annotations

from console.events.evidence import Verb
from console.state import approvals, escalation
from console.state.gates import gates_for, why_not
from console.state.values import State
from widgets import format, participants
from widgets.glyphs import Advice


def escalation_advice(state: State) -> Advice | None:
    """Nobody has acted for so long that somebody else is to be called."""
    reached, wrong = escalation.current_call(state), escalation.current_trouble(state)
    if reached is None or wrong is None:
        return None
    span = format.duration(format.since(wrong.since, state.as_of))
    return "alarm", f"CALL {reached.call}: nobody acted on {wrong.what} for {span}: r rolls back, h halts"


def pen_offer_advice(state: State) -> Advice | None:
    """The captain offers the pen to whoever sits here."""
    me, held = state.local.operator, state.pen
    if me is None or held.holder is None or not held.offered_to(me):
        return None
    return "warn", f"{held.holder.user} OFFERS YOU THE PEN: t takes it{f' ({held.note})' if held.note else ''}"


def handoff_advice(state: State) -> Advice | None:
    """The last captain left a note, and nobody has taken the pen since."""
    return None if state.handoff is None else ("warn", f"{participants.handoff_text(state)}; t takes the pen")


def approval_advice(state: State) -> Advice | None:
    """Everything is ready but for a second person, and whoever sits here may be it."""
    needed = approvals.needed_approvals(state)
    if needed == 0 or state.next is None or why_not(state, Verb.APPROVE) is not None:
        return None
    given = len(approvals.valid_approvals(state))
    waits = [gate for gate in gates_for(state, Verb.PROMOTE) if not gate.ok and gate.name not in ("pen", "approval")]
    if given >= needed or waits:
        return None
    return "warn", f"{state.next.stage.name} WAITS FOR APPROVAL ({given} of {needed}): v shows what it is and approves"
