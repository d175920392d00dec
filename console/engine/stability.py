"""How long rollback steps have held: on the monotonic clock, and only as far as somebody really looked.

A reading counts if it was taken after the rollback began here, and a hold begins anew with every reading that differs
and every call that ends: what was sent last may not have arrived yet.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from adapters.contract import Clock, Outcome
from console.plan.nouns import Step
from console.state.checklist import is_rolled_back, timeout_s, unmet_needs
from console.state.values import State, StepState


@dataclass
class _Hold:
    """A step that reads as rolled back."""

    of: tuple[object, ...]
    """What it rests on: when the readings last changed, and the calls with their outcomes."""
    since: float
    """On the monotonic clock, as all moments here."""
    read_at: dict[str, tuple[datetime | None, float]] = field(default_factory=dict)
    """Target -> its last read, and when that was noticed."""


class StabilityTimers:
    """The steps that read as rolled back, and since when."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._holds: dict[str, _Hold] = {}
        self._unread: dict[str, float] = {}
        """Steps that seem to be undone, but were not read since the rollback began here, and since when."""
        self._before: dict[str, datetime | None] = {}
        """The reads of before the rollback, which say nothing about it."""

    def begin(self, state: State) -> None:
        """The rollback begins: nothing that was read until now counts."""
        self._before = {name: entry.read_at for name, entry in state.targets.items()}

    def is_stable(self, entry: StepState, state: State) -> bool:
        """Whether a step has read as rolled back for the longest write deadline plus one poll."""
        hold = self._hold(entry, state)
        return hold is not None and min(seen for _, seen in hold.read_at.values()) - hold.since >= state.plan.hold_s

    def needs_met(self, step: Step, state: State) -> bool:
        """Whether nothing a step needs is left: what needed no call is met once it was read since the beginning."""
        entries = {entry.step.id: entry for entry in state.checklist}
        left = [entries[need] for need in unmet_needs(step, state.checklist)]
        return all(entry.step.manual is None and self._hold(entry, state) is not None for entry in left)

    def is_given_up(self, entry: StepState, state: State) -> bool:
        """Whether nobody could look at a step that seems to be undone for so long that it is a person's turn."""
        hold = self._hold(entry, state)
        now = self._clock.monotonic()
        since = hold.since if hold is not None else self._unread.setdefault(entry.step.id, now)
        return now - since > state.plan.hold_s + timeout_s(entry.step, state.plan)

    def _hold(self, entry: StepState, state: State) -> _Hold | None:
        step, now = entry.step, self._clock.monotonic()
        reads = {name: state.targets[name].read_at for name in step.sets}
        # By difference, not by order: a clock that was put back goes on from less.
        fresh = all(read_at is not None and read_at != self._before.get(name) for name, read_at in reads.items())
        if not fresh or not is_rolled_back(entry, state):
            self._holds.pop(step.id, None)
            return None
        self._unread.pop(step.id, None)
        of = (*_changes(entry, state), *_calls(entry, state))
        hold = self._holds.get(step.id)
        if hold is None or hold.of != of:
            hold = self._holds[step.id] = _Hold(of, now, {name: (read_at, now) for name, read_at in reads.items()})
        for name, read_at in reads.items():
            if read_at != hold.read_at[name][0]:
                hold.read_at[name] = (read_at, now)
        return hold


def _changes(entry: StepState, state: State) -> list[object]:
    return [state.targets[name].held_since for name in entry.step.sets]


def _calls(entry: StepState, state: State) -> list[object]:
    return [
        (request.id, request.outcome)
        for request in state.requests.values()
        if request.target in entry.step.sets and request.outcome is not Outcome.REFUSED
    ]
