"""The people in `warroom status`: pen, handoff note, participants, approvals, calendar, escalation."""

from __future__ import annotations

from typing import Any

from console.state import approvals, escalation, pen, windows
from console.state.participants import UNSEEN_S, Member
from console.state.values import State


def people_lines(state: State) -> list[str]:
    """The lines as `status` prints them; a feature that is not in use has no line."""
    pairs = []
    if state.pen.holder is not None or state.handoff is not None or len(state.local.crew or ()) > 1:
        offered = f", offered to {state.pen.offered}" if state.pen.offered is not None else ""
        pairs.append(("pen", f"{pen.holder_text(state)}{offered}"))
    if state.handoff is not None:
        who = state.handoff.who.name if state.handoff.who is not None else "?"
        pairs.append(("note", f"{who} left: {state.handoff.text}"))
    pairs += [("here", _member_text(member, state)) for member in state.local.crew or ()]
    if state.local.unlisted:
        pairs.append(("here", f"and {state.local.unlisted} more"))
    if state.local.crew is not None and not any(_is_poller(member, state) for member in state.local.crew):
        none = "no console: nothing is judged or guarded until one runs (warroom run, warroom watch)"
        pairs.append(("polls", none if state.local.poller is None else "a console that no longer reports its presence"))
    if (needed := approvals.needed_approvals(state)) and state.next is not None:
        given = ", ".join(approval.user for approval in approvals.valid_approvals(state)) or "no one"
        given += f" ({state.local.unvouched})" if state.local.unvouched is not None else ""
        pairs.append(("approval", f"{state.next.stage.name} needs {needed}, approved by {given}"))
    pairs += [("calendar", text) for text in _calendar(state)]
    if (called := escalation.current_call(state)) is not None:
        pairs.append(("CALL", f"{called.call}: no one acted on {called.trouble}"))
    return [f"  {name:<16} {text}" for name, text in pairs]


def as_json(state: State) -> dict[str, Any]:
    """The same facts as plain JSON values."""
    seen = pen.last_seen(state)
    return {
        "pen": {
            "holder": state.pen.holder.name_at_host if state.pen.holder is not None else None,
            "seen_at": seen.isoformat() if seen is not None else None,
            "offered_to": state.pen.offered,
            "note": state.handoff.text if state.handoff is not None else None,
        },
        "here": [
            {
                "who": member.who.name_at_host,
                "pid": member.who.pid,
                "role": member.role,
                "seen_at": member.seen_at.isoformat(),
                "polls": _is_poller(member, state),
            }
            for member in state.local.crew or ()
        ],
        "unlisted": state.local.unlisted,
        "polled": state.local.poller is not None,
        "approvals": {
            "needed": approvals.needed_approvals(state),
            "given": [approval.user for approval in approvals.valid_approvals(state)],
        },
        "calendar": _calendar(state),
    }


def _calendar(state: State) -> list[str]:
    if state.as_of is None:
        return []
    freeze = windows.freeze_in_force(state.plan.freeze, state.as_of)
    outside = windows.outside_launch(state.plan.launch, state.as_of)
    return [text for text in (freeze, outside) if text is not None]


def _member_text(member: Member, state: State) -> str:
    ago_s = (state.as_of - member.seen_at).total_seconds() if state.as_of is not None else 0.0
    seen = f"not seen for {ago_s:.0f} s" if ago_s > UNSEEN_S else "here now"
    polls = ", polls" if _is_poller(member, state) else ""
    return f"{member.who.name_at_host} pid {member.who.pid}, {member.role}, {seen}{polls}"


def _is_poller(member: Member, state: State) -> bool:
    """True where this console polls the backends: the lease says so, not its presence."""
    return state.local.poller is not None and state.local.poller.who == member.who
