"""The gates that are about people and calendars: the pen, authority, approvals, windows, and the verbs of the pen."""

from __future__ import annotations

from console.events.evidence import Gate, Verb
from console.events.verbs import PENNED
from console.state import approvals, authority, pen, windows
from console.state.values import State


def pen_gate(state: State, verb: Verb) -> list[Gate]:
    """Whether this console's operator holds the pen, or may take it by the way; nothing for a verb that needs none."""
    if verb not in PENNED:
        return []
    words = pen.holder_text(state)
    if pen.is_free_for(state, state.local.operator):
        return [Gate("pen", ok=True, why=words)]
    return [Gate("pen", ok=False, why=f"{words}: take it (t) or ask")]


def authority_gate(state: State, act: str) -> list[Gate]:
    """Whether the plan lets this console's operator do `act`; nothing where it is everybody's."""
    if authority.who_may(state, act) is None:
        return []
    why = authority.why_unauthorized(state, act)
    return [Gate("authority", ok=why is None, why=why or f"you may {act}")]


def approval_gate(state: State) -> list[Gate]:
    """How many of the people whom the next stage asks for have approved exactly what a promote would do now."""
    needed = approvals.needed_approvals(state)
    if needed == 0:
        return []
    if state.local.unvouched is not None:
        return [Gate("approval", ok=False, why=f"no approval counts: {state.local.unvouched}")]
    given = approvals.counted_approvals(state)
    by = f" by {', '.join(approval.user for approval in given)}" if given else ""
    tally = f"approved{by}: {min(len(given), needed)} of {needed}"
    if len(given) >= needed:
        return [Gate("approval", ok=True, why=tally)]
    mine = len(approvals.valid_approvals(state)) > len(given)
    own = "; your own does not count for you" if mine else ""
    return [Gate("approval", ok=False, why=f"{tally}{own}: another person has to approve (v)")]


def window_gates(state: State) -> list[Gate]:
    """Whether the calendar lets anything go forward now; an override may open these."""
    if state.as_of is None or not (state.plan.freeze or state.plan.launch):
        return []
    found = []
    if state.plan.freeze:
        freeze = windows.freeze_in_force(state.plan.freeze, state.as_of)
        found.append(Gate("freeze", ok=freeze is None, why=freeze or "no freeze in force", hard=False))
    if state.plan.launch:
        outside = windows.outside_launch(state.plan.launch, state.as_of)
        found.append(Gate("launch", ok=outside is None, why=outside or "inside a launch window", hard=False))
    return found


def override_gate(state: State, gates: list[Gate]) -> list[Gate]:
    """The gate that says why this operator may not override the closed ones of `gates`; empty if they may."""
    closed = [gate.why for gate in gates if not gate.ok and not gate.hard]
    why = authority.why_unauthorized(state, "override") if closed else None
    return [] if why is None else [Gate("override", ok=False, why=f"{'; '.join(closed)}; {why}")]


def approve_gates(state: State) -> list[Gate]:
    """The conditions of approving the next forward move."""
    me = state.local.operator
    asked = approvals.needed_approvals(state)
    given = {approval.person for approval in approvals.valid_approvals(state)}
    mine = me is not None and me.person in given
    whose = "you hold the pen: another person has to approve" if state.pen.held_by(me) else "you do not hold the pen"
    return [
        Gate("journal", state.local.journal.broken is None, state.local.journal.broken or "journal writable"),
        Gate("rollback", state.rollback is None, "a rollback was begun" if state.rollback else "no rollback"),
        Gate("asked", asked > 0, _approval_terms(state, asked)),
        Gate("second person", not state.pen.held_by(me), whose),
        Gate("approvals", state.local.unvouched is None, state.local.unvouched or "approvals are known"),
        Gate("once", not mine, "you have approved this already" if mine else "not approved by you yet"),
        *authority_gate(state, "approve"),
    ]


def _approval_terms(state: State, number: int) -> str:
    if state.reached is None:
        return "stage unknown: say where it stands (s, or warroom place)"
    if state.next is None:
        return "the last stage is reached: nothing is left to approve"
    stage = state.next.stage.name
    if number == 0:
        return f"{stage} needs no approval"
    return f"{stage} asks for one approval" if number == 1 else f"{stage} asks for {number} approvals"


def take_gates(state: State) -> list[Gate]:
    """The conditions of taking the pen. Taking it from a holder who is present and does not offer it needs a reason."""
    me, held = state.local.operator, state.pen
    words = pen.holder_text(state)
    offered = me is not None and held.offered_to(me)
    free = offered or held.held_by(me) or pen.is_free_for(state, me)
    free_text = f"{held.holder.name} offers you the pen" if offered and held.holder is not None else words
    return [
        Gate("journal", state.local.journal.broken is None, state.local.journal.broken or "journal writable"),
        Gate("yours", not held.held_by(me), words if held.held_by(me) else "not yours yet"),
        *authority_gate(state, "take"),
        Gate("holder", ok=free, why=free_text if free else f"{words}, who does not offer it", hard=False),
    ]


def give_gates(state: State) -> list[Gate]:
    """The conditions of offering the pen or laying it down."""
    mine = state.pen.held_by(state.local.operator)
    return [
        Gate("journal", state.local.journal.broken is None, state.local.journal.broken or "journal writable"),
        Gate("yours", mine, pen.holder_text(state) if mine else f"{pen.holder_text(state)}: not yours to give"),
    ]
