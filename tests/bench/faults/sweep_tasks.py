"""The work of a console in the crash sweep: a promote of four targets, a rollback of eight steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from console.events.evidence import Verb
from console.state.values import Mode, StageMark, State, StepMark

TARGETS = ("a", "b", "c", "d", "e", "f", "g")
"""Targets of both tasks; a promote uses the first four."""
_TIMING = "timing: {poll: 400ms, tick: 1s, read_deadline: 2s, write_deadline: 2s}"
_PROMOTE = f"""\
warroom: 1
rollout: NAME
{_TIMING}
backends: {{edge: {{adapter: counting, url: URL}}}}
targets: {{a: {{backend: edge}}, b: {{backend: edge}}, c: {{backend: edge}}, d: {{backend: edge}}}}
stages:
  - {{name: ten, set: {{a: 10, b: 10, c: 10, d: 10}}}}
  - {{name: full, set: {{a: 100, b: 100, c: 100, d: 100}}}}
"""
_ROLLBACK = f"""\
warroom: 1
rollout: NAME
{_TIMING}
backends: {{edge: {{adapter: counting, url: URL}}}}
targets: {{{", ".join(f"{name}: {{backend: edge}}" for name in TARGETS)}}}
stages: [{{name: full, set: {{{", ".join(f"{name}: 100" for name in TARGETS)}}}}}]
rollback:
  - {{id: a-back, set: {{a: 0}}}}
  - {{id: b-back, set: {{b: 0}}}}
  - {{id: c-back, set: {{c: 0}}, needs: [a-back]}}
  - {{id: d-back, set: {{d: 0}}, needs: [a-back, b-back]}}
  - {{id: e-back, set: {{e: 0}}, needs: [d-back]}}
  - {{id: f-back, set: {{f: 0}}, needs: [d-back]}}
  - {{id: tell, manual: "say so in #incidents", needs: [c-back]}}
  - {{id: g-back, set: {{g: 0}}, needs: [tell]}}
"""


@dataclass(frozen=True, slots=True)
class Task:
    """The work during which a console is killed."""

    name: str
    plan: str
    before: float
    """Percent of each target at the beginning."""
    goal: Callable[[State], bool]
    next_key: Callable[[State], tuple[Verb, str | None] | None]
    """The key an operator presses in this state, and its subject; None: wait."""


def _promote_key(state: State) -> tuple[Verb, str | None] | None:
    coming = state.next
    waiting = state.in_flight or state.in_doubt or (coming is not None and coming.mark is StageMark.REQUESTED)
    return None if waiting else (Verb.PROMOTE, None)


def _rollback_key(state: State) -> tuple[Verb, str | None] | None:
    manual = next((entry.step.id for entry in state.checklist if entry.mark is StepMark.WAITING), None)
    if state.rollback is not None and manual is not None:
        return Verb.CONFIRM, manual
    if state.local.running:
        return None
    return Verb.ROLLBACK, None


TASKS = (
    Task("promote", _PROMOTE, 0.0, lambda state: state.reached == 1, _promote_key),
    Task("rollback", _ROLLBACK, 100.0, lambda state: state.mode is Mode.ROLLED_BACK, _rollback_key),
)
