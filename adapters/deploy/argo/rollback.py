"""Choose the next move of a rollback, from any state. Pure."""

from __future__ import annotations

from enum import Enum

from adapters.deploy.argo.guard import GuardToken


class Move(Enum):
    """The next call of a rollback."""

    NONE = "nothing: it is back already"
    ABORT = "abort: the stable version gets all the traffic"
    UNDO = "undo: the earlier version becomes the wanted one"
    FINISH = "promote in full: the earlier version does not climb its steps"


def next_move(seen: GuardToken, version: str | None) -> Move:
    """Choose the call that brings `version` all the traffic. A pod template hash, None for the stable one.

    An abort is discarded by the controller while it promotes in full, and there is nothing to abort once it has: the
    only way back is then the earlier template, which would climb every step and wait at every pause, if it were not
    promoted in full itself.
    """
    back_to = version or seen.stable
    if seen.hash == seen.stable:
        return Move.NONE if seen.hash == back_to else Move.UNDO
    if seen.hash == back_to:
        return Move.NONE if seen.full else Move.FINISH
    if seen.stable == back_to and not seen.full:
        return Move.NONE if seen.aborted else Move.ABORT
    return Move.UNDO
