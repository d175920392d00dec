"""Halt: what its card says, and when there is nothing for it to stop. Pure.

It is never refused. Where it would change nothing it says what holds already, which is an answer and no failure.
"""

from __future__ import annotations

from adapters.contract import Outcome
from console.events.evidence import Gate
from console.state.requests import RequestState
from console.state.values import Mode, RolloutState


def why_nothing_to_halt(state: RolloutState) -> str | None:
    """Why a halt would change nothing, one line; None: a halt has something to do."""
    if state.closed is not None:
        return f"nothing to halt: the rollout is closed ({state.closed})"
    if state.mode is Mode.ROLLED_BACK:
        return "nothing to halt: everything is rolled back"
    if state.rollback is not None:
        return "nothing to halt: a rollback is under way, it goes on"
    if state.halted is not None and not _failed_pauses(state):
        return "nothing to halt: halted already"
    return None


def halt_gates(state: RolloutState) -> tuple[Gate, ...]:
    """Whether a halt has something to do, and what the last one did not achieve."""
    idle = why_nothing_to_halt(state)
    if idle is not None:
        return (Gate("halt", ok=False, why=idle),)
    left = "; ".join(f"{request.asks} {request.outcome}" for request in _failed_pauses(state))
    return (Gate("halt", ok=True, why=f"halted, but {left}" if left else "not halted"),)


def _failed_pauses(state: RolloutState) -> list[RequestState]:
    """Pauses of the halt in force that did not work: it may be tried again."""
    if state.halted is None:
        return []
    pauses = [request for request in state.requests.values() if request.decision == state.halted]
    return [pause for pause in pauses if pause.outcome in (Outcome.REFUSED, Outcome.UNKNOWN)]
