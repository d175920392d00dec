"""Two-person approval: the move that an approval is bound to, and the approvals that count.

An approval is bound to one forward move of one rollout under one plan, to one stage, to what each of its targets reads
and becomes, and to which metrics were failing when it was given: when any of that changes it counts no more, and when
it changes back it counts again. The journal vouches for who gave it; an author's own approval does not count.
"""

from __future__ import annotations

from adapters.contract import TargetReading
from console.state.authority import is_permitted
from console.state.participants import Approval
from console.state.values import RolloutState, State


def approval_digest(state: RolloutState) -> str | None:
    """Digest (SHA-256, hex) of the forward move that would be made now; None where none can be."""
    import json  # here, because most plans ask for no approval and the first frame does not wait for it
    from hashlib import sha256

    coming = state.next
    if coming is None:
        return None
    sets = coming.stage.sets.items()
    terms = {
        "rollout": state.rollout,
        "plan": state.plan.digest,
        "move": state.move + 1,
        "stage": coming.stage.name,
        "manual": coming.stage.manual,
        "targets": {name: [_target_text(state.targets[name].reading), str(wanted)] for name, wanted in sets},
        "failing": sorted(name for name, entry in state.metrics.items() if entry.is_failing),
    }
    return sha256(json.dumps(terms, sort_keys=True).encode()).hexdigest()


def _target_text(reading: TargetReading | None) -> str:
    """The part of a reading that an approval depends on: where the target stands, not how many pods are ready."""
    return str(reading) if reading is None or reading.steps is None else str(reading.versions.revision)


def valid_approvals(state: State) -> list[Approval]:
    """The approvals of exactly the next forward move, one per person, by people who may approve it."""
    digest = approval_digest(state)
    found: dict[str, Approval] = {}
    for approval in state.local.approvals:
        login = approval.person.removeprefix("login:") if approval.person.startswith("login:") else None
        fits = approval.move == state.move + 1 and approval.card == digest
        if fits and is_permitted(state, "approve", approval.user, login, approval.groups):
            found.setdefault(approval.person, approval)
    return list(found.values())


def counted_approvals(state: State) -> list[Approval]:
    """Those of `valid_approvals` that count for this console's operator: not their own."""
    me = state.local.operator
    return [approval for approval in valid_approvals(state) if me is None or approval.person != me.person]


def needed_approvals(state: RolloutState) -> int:
    """How many people besides the one who promotes the next stage asks for."""
    return state.next.stage.approvals if state.next is not None else 0
