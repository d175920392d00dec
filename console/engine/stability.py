"""Measure how long rollback steps have been stable.

On the monotonic clock, and only over real reads.

A reading counts if it was taken after the rollback began here, and a stable time begins anew with every reading that
differs and every call that ends: the bytes sent last may not have arrived yet.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from adapters.contract import Clock, Outcome
from console.plan.nouns import Step
from console.state.checklist import is_rolled_back, timeout_s, unmet_needs
from console.state.values import State, StepState


@dataclass
class _StableStep:
    """A step that reads as rolled back."""

    basis: tuple[object, ...]
    """When the readings last changed, and the calls with their outcomes; if it differs, time begins anew."""
    since: float
    """On the monotonic clock, as all moments here."""
    read_at: dict[str, tuple[datetime | None, float]] = field(default_factory=dict)
    """Target -> its last read, and when that was noticed."""


class StabilityTimers:
    """The steps that read as rolled back, and since when."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._stable: dict[str, _StableStep] = {}
        self._unread: dict[str, float] = {}
        """Steps that seem to be rolled back but were not read since the rollback began here -> since when."""
        self._before: dict[str, datetime | None] = {}
        """Target -> its last read before the rollback, which does not count."""

    def begin(self, state: State) -> None:
        """Begin with a rollback: reads until now do not count."""
        self._before = {name: entry.read_at for name, entry in state.targets.items()}

    def is_stable(self, entry: StepState, state: State) -> bool:
        """Whether a step has read as rolled back for `Plan.hold_s`."""
        stable = self._stable_step(entry, state)
        return (
            stable is not None and min(seen for _, seen in stable.read_at.values()) - stable.since >= state.plan.hold_s
        )

    def needs_met(self, step: Step, state: State) -> bool:
        """Whether a step's needs are rolled back; without a call, once read."""
        entries = {entry.step.id: entry for entry in state.checklist}
        left = [entries[need] for need in unmet_needs(step, state.checklist)]
        return all(entry.step.manual is None and self._stable_step(entry, state) is not None for entry in left)

    def is_given_up(self, entry: StepState, state: State) -> bool:
        """Whether a step could not be read for too long: a person's turn."""
        stable = self._stable_step(entry, state)
        now = self._clock.monotonic()
        since = stable.since if stable is not None else self._unread.setdefault(entry.step.id, now)
        return now - since > state.plan.hold_s + timeout_s(entry.step, state.plan)

    def _stable_step(self, entry: StepState, state: State) -> _StableStep | None:
        step, now = entry.step, self._clock.monotonic()
        reads = {name: state.targets[name].read_at for name in step.sets}
        # By difference, not by order: a clock that was put back goes on from less.
        fresh = all(read_at is not None and read_at != self._before.get(name) for name, read_at in reads.items())
        if not fresh or not is_rolled_back(entry, state):
            self._stable.pop(step.id, None)
            return None
        self._unread.pop(step.id, None)
        calls = [request for request in state.requests.values() if request.target in step.sets]
        basis = (
            *(state.targets[name].held_since for name in step.sets),
            *((call.id, call.outcome) for call in calls if call.outcome is not Outcome.REFUSED),
        )
        stable = self._stable.get(step.id)
        if stable is None or stable.basis != basis:
            stable = self._stable[step.id] = _StableStep(
                basis, now, {name: (read_at, now) for name, read_at in reads.items()}
            )
        for name, read_at in reads.items():
            if read_at != stable.read_at[name][0]:
                stable.read_at[name] = (read_at, now)
        return stable
