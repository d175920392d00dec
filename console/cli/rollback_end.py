"""The answer of a headless rollback: whether everything is back, and what still waits for a person."""

from __future__ import annotations

from console.engine.answer import Answer, Result
from console.state.checklist import reads_back
from console.state.rollout_marks import mark_lines
from console.state.values import State, StepMark, StepState


def rollback_answer(state: State) -> Answer:
    """Accepted once nothing is left but the plan's steps by hand.

    Refused while a derived step waits for a person, or a step was skipped and does not read as it should: its target
    does not read as at the opening.
    """
    left = [entry for entry in state.checklist if not entry.is_over]
    waiting = [entry for entry in left if entry.is_held or (entry.step.manual is not None and entry.step.derived)]
    automatic = [entry for entry in left if entry.step.manual is None and not entry.is_held]
    by_hand = _by_hand(left)
    details = _lines(state) if waiting else ()
    if automatic:
        words = "; ".join(f"{entry.step.id} {entry.mark}: {entry.detail}" for entry in automatic)
        doubtful = any(entry.mark is not StepMark.REFUSED for entry in automatic)
        result = Result.UNKNOWN if doubtful else Result.REFUSED
        return Answer(result, f"not rolled back: {words}{by_hand}", details)
    if waiting:
        ids = ", ".join(entry.step.id for entry in waiting)
        verb = "waits" if len(waiting) == 1 else "wait"
        how = f"confirm or skip it (warroom confirm PLAN --subject {waiting[0].step.id})"
        return Answer(Result.REFUSED, f"not rolled back: {ids} {verb} for you: {how}{by_hand}", details)
    skipped = [each for each in state.checklist if each.mark is StepMark.SKIPPED and not reads_back(each, state)]
    if skipped:
        words = "; ".join(f"{entry.step.id} {entry.detail}" for entry in skipped)
        return Answer(Result.REFUSED, f"not rolled back: {words}{by_hand}", _lines(state))
    left_there = "".join(f"; left there: {line}" for line in mark_lines(state))
    return Answer(Result.ACCEPTED, f"rolled back{left_there}{by_hand}")


def _by_hand(left: list[StepState]) -> str:
    """The plan's own manual steps that are left, in words."""
    manual = [entry.step.id for entry in left if entry.step.manual is not None and not entry.step.derived]
    return f"; by hand: {', '.join(manual)} (warroom confirm PLAN --subject STEP)" if manual else ""


def _lines(state: State) -> tuple[str, ...]:
    """One line per step of the checklist."""
    return tuple(_step_line(entry, state) for entry in state.checklist)


def _step_line(entry: StepState, state: State) -> str:
    """One step with the readings of its targets and its mark."""
    reads = ", ".join(f"{name} reads {state.targets[name].reading or 'nothing yet'}" for name in entry.step.sets)
    detail = entry.detail or entry.step.manual or ""
    said = f"{entry.mark}: {detail}" if detail and entry.mark is not StepMark.DONE else str(entry.mark)
    return f"  {entry.step.id}: {f'{reads}; ' if reads else ''}{said}"
