"""Rollouts of other journals that their marks show at this rollout's targets, in words. Pure.

Readings hold no mark of this journal: the engine leaves it out before they are recorded.
"""

from __future__ import annotations

import re

from console.events.evidence import Gate
from console.state.values import RolloutState

_MARK = re.compile(r"[0-9a-f]{12} (\S+)(?: (.+))?")
"""Start of the journal's first hash, rollout, host; a backend may have cut off the end."""

_MOST = 8
"""Marks of a target that are shown: a journal's row may hold any number."""


def mark_lines(state: RolloutState) -> list[str]:
    """A line for each rollout of another journal that marks a target: "another journal's rollout marks api: ..."."""
    return [
        f"another journal's rollout marks {name}: {_rollout_text(mark)}"
        for name, entry in state.targets.items()
        if entry.reading is not None
        for mark in entry.reading.marks[:_MOST]
    ]


def mark_gates(state: RolloutState) -> list[Gate]:
    """Whether other journals leave this rollout's targets alone; an override may open these."""
    return [Gate("mark", ok=False, why=line, hard=False) for line in mark_lines(state)]


def _rollout_text(mark: str) -> str:
    """ "checkout/3 on HOST"; a mark of another form as it is."""
    match = _MARK.fullmatch(mark)
    if match is None:
        return mark
    return f"{match[1]} on {match[2]}" if match[2] else match[1]
