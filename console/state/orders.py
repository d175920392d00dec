"""Orders: a backend's own verbs, such as skip, retry or an undo by name, and when which of them can be had. Pure.

An order is written as its target, its word, and what it is about where it is about something: "api undo 4".
"""

from __future__ import annotations

from console.events.evidence import Gate
from console.state import windows
from console.state.values import State

SAFE = frozenset({"abort", "pause"})
"""Orders that take no risk: they can be had while halted, and after a rollback."""
FORWARD = frozenset({"skip", "accept", "promote-full", "retry", "resume"})
"""Orders that expose more: no way round the approvals that a stage asks for, nor round the calendar."""
_KEY = "order "


def preview_key(subject: str) -> str:
    """Under which `State.previews` holds what an order would send."""
    return _KEY + subject


def offered_orders(state: State) -> list[tuple[str, str]]:
    """(subject, in words) of every order that can be had now."""
    found = []
    for key, preview in state.local.previews.items():
        subject = key.removeprefix(_KEY)
        if key.startswith(_KEY) and why_unfit_order(state, subject) is None:
            found.append((subject, f"{subject}: {preview.notes[0]}" if preview.notes else subject))
    return found


def order_word(subject: str | None) -> str:
    """The word of an order, which confirms it when it is typed: "undo" of "api undo 4"."""
    return (subject or "").partition(" ")[2].partition(" ")[0]


def order_gates(state: State) -> list[Gate]:
    """The conditions of every order."""
    broken = state.local.journal.broken
    some = any(entry.steps is not None for entry in state.targets.values())
    return [
        Gate("journal", ok=broken is None, why="journal writable" if broken is None else f"UNJOURNALED: {broken}"),
        Gate("orders", ok=some, why="a backend takes orders" if some else "no backend of this plan takes orders"),
    ]


def why_unfit_order(state: State, subject: str | None) -> str | None:
    """Why the order in `subject` cannot be had, or None."""
    name, _, order = (subject or "").partition(" ")
    word = order_word(subject)
    entry = state.targets.get(name)
    if entry is None or not word:
        return f"say which target and which order: {', '.join(state.targets)}, then skip, retry, promote-full, .."
    if entry.reading is None or entry.reading.steps is None:
        return f"{name} takes no orders" if entry.reading is not None else f"{name} was not read yet"
    if (why := entry.reading.cannot.get(word)) is not None:
        return f"{order}: {why}"
    if word not in SAFE and state.rollback is not None:
        return f"{order}: a rollback was begun"
    if word not in SAFE and state.halted is not None:
        return f"{order}: halted: resume first (u)"
    if word in FORWARD and (why := _why_held_back(state, word)) is not None:
        return f"{order}: {why}"
    flying = [request.asks for request in (*state.in_flight, *state.in_doubt) if request.target == name]
    return f"{order}: {flying[0]} is not through yet" if flying and word not in SAFE else None


def _why_held_back(state: State, word: str) -> str | None:
    """Why an order may not expose more; an order has no card to approve and no override."""
    ahead = state.stages[state.reached or 0 :]
    asking = [entry.stage.name for entry in (ahead if word == "promote-full" else ahead[:1]) if entry.stage.approvals]
    if asking:
        return f"{asking[0]} asks for an approval, and only a promote has what is approved (p)"
    if state.as_of is None:
        return None
    freeze = windows.freeze_in_force(state.plan.freeze, state.as_of)
    closed = freeze or windows.outside_launch(state.plan.launch, state.as_of)
    return None if closed is None else f"{closed}: only a promote may override that (p)"
