"""Advice on people: a call that is due, an offered or free pen, an approval that is needed."""

from __future__ import annotations

from console.events.evidence import Verb
from console.state import approvals, escalation
from console.state.gates import gates_for, why_not
from console.state.values import State
from widgets import format, participants
from widgets.glyphs import Advice


def escalation_advice(state: State) -> Advice | None:
    """Name the person to call, once no one has acted for the time of a rung."""
    reached, trouble = escalation.current_call(state), escalation.current_trouble(state)
    if reached is None or trouble is None:
        return None
    span = format.duration(format.since(trouble.since, state.as_of))
    return "alarm", f"CALL {reached.call}: no action on {trouble.what} for {span}: r rolls back, h halts"


def pen_offer_advice(state: State) -> Advice | None:
    """Say that the captain offers the pen to this console's operator."""
    me, pen = state.local.operator, state.pen
    if me is None or pen.holder is None or not pen.offered_to(me):
        return None
    return "warn", f"{pen.holder.user} OFFERS YOU THE PEN{f' ({pen.note})' if pen.note else ''}: t takes it"


def handoff_advice(state: State) -> Advice | None:
    """Show the note of the last captain while the pen is free."""
    return None if state.handoff is None else ("warn", f"{participants.handoff_text(state)}; t takes the pen")


def approval_advice(state: State) -> Advice | None:
    """Ask this console's operator to approve when nothing else keeps a promote from going."""
    needed = approvals.needed_approvals(state)
    if needed == 0 or state.next is None or why_not(state, Verb.APPROVE) is not None:
        return None
    count = len(approvals.valid_approvals(state))
    waits = [gate for gate in gates_for(state, Verb.PROMOTE) if not gate.ok and gate.name not in ("pen", "approval")]
    if count >= needed or waits:
        return None
    return (
        "warn",
        f"{state.next.stage.name} WAITS FOR APPROVAL ({count} of {needed}): v shows the change and approves it",
    )
