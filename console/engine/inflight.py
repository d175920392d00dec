"""Forward moves under way in this console, and what stops them: a halt, a rollback or a closing, here or elsewhere."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from console.events.evidence import Verb
from console.state.values import State

CUT_S = 1.0
"""How long a call that was cut off may take to end: an adapter that does not let go must not hold up a rollback."""
_STOPS = {Verb.HALT: "halted", Verb.ROLLBACK: "overtaken by a rollback"}


@dataclass
class ForwardMove:
    """One forward decision being carried out."""

    decision: str
    task: asyncio.Task[Any] | None
    fence: str | None = None
    """Why what has not left may not leave any more; set before the decision that says so is journalled."""
    cut: bool = False
    """Its call in flight was cut off."""

    def lapsed(self, state: State) -> str | None:
        """Why its unsent calls may not leave any more, or None."""
        return self.fence or overtaken_reason(state, self.decision)


class ForwardMoves:
    """Those of this console: at most one that goes on, and for a moment one that loses to it."""

    def __init__(self) -> None:
        self._under_way: list[ForwardMove] = []

    def begin(self, decision: str) -> ForwardMove:
        """The forward move that the current task carries out from now on."""
        forward = ForwardMove(decision, asyncio.current_task())
        self._under_way.append(forward)
        return forward

    def end(self, forward: ForwardMove) -> None:
        self._under_way.remove(forward)

    def fence(self, verb: Verb) -> None:
        """Let nothing leave any more that has not left."""
        for forward in self._under_way:
            forward.fence = _STOPS[verb]

    async def cut_off(self, state: State) -> None:
        """Cut off the calls in flight that a rollback, here or in another console, has overtaken."""
        tasks: set[asyncio.Task[Any]] = set()
        for each in self._under_way:
            if each.task is None or each.lapsed(state) != _STOPS[Verb.ROLLBACK]:
                continue
            tasks.add(each.task)
            if not each.cut:  # once: a second time would cut off the settling of the call
                each.cut = True
                each.task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CUT_S)


def overtaken_reason(state: State, decision: str) -> str | None:
    """Why the unsent calls of a forward decision may not leave any more: what anybody decided after it.

    Or before it, where its console had not seen that when it decided. A resume does not bring them back. A decision
    that is not folded yet is overtaken by nothing.
    """
    if state.closed is not None:
        return "the rollout was closed"
    later: list[Verb] = []
    for entry in reversed(state.decisions):
        if entry.id == decision:
            if entry.void:
                return entry.void
            reasons = [_STOPS[verb] for verb in later if verb in _STOPS]
            return reasons[-1] if reasons else None
        later.append(entry.verb)
    return None
