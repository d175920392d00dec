"""Track this console's forward moves; safer decisions anywhere stop them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from console.events.evidence import Verb
from console.state.values import State

CUT_S = 1.0
"""How long a cancelled call may take to end: an adapter that does not let go must not hold up a rollback."""
_STOPS = {Verb.HALT: "halted", Verb.ROLLBACK: "overtaken by a rollback"}


@dataclass
class ForwardMove:
    """One forward decision being carried out."""

    decision: str
    task: asyncio.Task[Any] | None
    fence: str | None = None
    """Why unsent calls may not leave; set before the decision that stops them is journalled."""
    is_cancelled: bool = False
    """Its call in flight was cancelled."""

    def lapse_reason(self, state: State) -> str | None:
        """Why its unsent calls may not leave, or None."""
        return self.fence or overtaken_reason(state, self.decision)


class ForwardMoves:
    """The forward moves of this console; at most one continues."""

    def __init__(self) -> None:
        self._under_way: list[ForwardMove] = []

    def begin(self, decision: str) -> ForwardMove:
        """Begin a forward move, carried out by the current task."""
        forward = ForwardMove(decision, asyncio.current_task())
        self._under_way.append(forward)
        return forward

    def end(self, forward: ForwardMove) -> None:
        """Forget a forward move that has ended."""
        self._under_way.remove(forward)

    def fence(self, verb: Verb) -> None:
        """Stop unsent calls, because of `verb`."""
        for forward in self._under_way:
            forward.fence = _STOPS[verb]

    async def cancel_overtaken(self, state: State) -> None:
        """Cancel calls in flight that a rollback has overtaken, anywhere."""
        tasks: set[asyncio.Task[Any]] = set()
        for each in self._under_way:
            if each.task is None or each.lapse_reason(state) != _STOPS[Verb.ROLLBACK]:
                continue
            tasks.add(each.task)
            if not each.is_cancelled:  # once: a second time would cancel the settling of the call
                each.is_cancelled = True
                each.task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CUT_S)


def overtaken_reason(state: State, decision: str) -> str | None:
    """Why unsent calls of a forward decision may not leave, or None.

    The reason is a later decision of any person.

    A decision before it counts too, where its console had not seen that when it decided. A resume does not bring the
    calls back. A decision that is not folded yet is overtaken by nothing.
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
