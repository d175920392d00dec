"""The rollback steps: taken from the plan, or derived from the opening readings of the targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from adapters.contract import Kind, Outcome, Setting, TargetReading
from console.plan.nouns import Plan, Step
from console.state.values import RolloutState, StepMark, StepState, TargetState
from console.state.versions import old_version


def checklist_of(plan: Plan, targets: Mapping[str, TargetState]) -> tuple[StepState, ...]:
    """The plan's own steps, or one per target in reverse order of first touch, straight to the opening snapshot."""
    steps = (
        _derived_steps(plan, targets)
        if plan.rollback is None
        else tuple(_to_old_version(step, targets) for step in plan.rollback)
    )
    return tuple(StepState(step) for step in steps)


def _to_old_version(step: Step, targets: Mapping[str, TargetState]) -> Step:
    """The step with the version to go back to, for targets whose backend owns the steps: it takes no percentage."""
    back = {name: version for name in step.sets if (version := old_version(targets[name].opening)) is not None}
    sets = {name: Setting(0, version=back[name]) if name in back else setting for name, setting in step.sets.items()}
    return replace(step, sets=sets) if back else step


def _derived_steps(plan: Plan, targets: Mapping[str, TargetState]) -> tuple[Step, ...]:
    touched = list(dict.fromkeys(name for stage in plan.stages for name in stage.sets))
    return tuple(_step_back(targets[name]) for name in reversed(touched))


def _step_back(entry: TargetState) -> Step:
    name, team = entry.target.name, entry.target.team
    setting = setting_before(entry.opening, entry.target.kind)
    if setting is None:
        how = f"set {name} back by hand: what it was before could not be read"
        return Step(id=f"{name}-back", manual=how, team=team)
    return Step(id=f"{name}-back", sets={name: setting}, team=team)


def setting_before(opening: TargetReading | None, kind: Kind) -> Setting | None:
    """The setting that brings a target back to its opening reading; None when that is not known."""
    if opening is None:
        return None
    if opening.on is False:
        return Setting(None, on=False)
    if (version := old_version(opening)) is not None:
        return Setting(0, version=version)
    if opening.percent is None or opening.problem is not None:
        return None
    return Setting(round(opening.percent), on=True if kind is Kind.FLAGS else None)


def has_unread_call(state: RolloutState, target: str) -> bool:
    """Whether the last call that may have changed a target asked for something else than the target reads.

    Such a reading may be older than the call: it says nothing about what the target will read.
    """
    entry = state.targets[target]
    for request in reversed(tuple(state.requests.values())):
        if request.target == target and request.action == "set" and request.outcome is not Outcome.REFUSED:
            ineffective = request.took_effect is False
            return not ineffective and (entry.reading is None or not entry.reading.satisfies(request.setting))
    return False


def reads_as(state: RolloutState, target: str, setting: Setting) -> bool:
    """Whether a target reads as `setting`, and nothing was asked of it that is not read yet."""
    reading = state.targets[target].reading
    return reading is not None and reading.satisfies(setting) and not has_unread_call(state, target)


def is_rolled_back(step: StepState, state: RolloutState) -> bool:
    """Whether every target of a step stands as the step wants it."""
    return all(reads_as(state, name, setting) for name, setting in step.step.sets.items())


def unmet_needs(step: Step, steps: tuple[StepState, ...]) -> tuple[str, ...]:
    """The ids of the steps that a step needs and that are neither rolled back, confirmed by hand nor skipped."""
    met = {entry.step.id for entry in steps if entry.is_over or entry.mark is StepMark.HOLDING}
    return tuple(need for need in step.needs if need not in met)


def has_needs_met(step: Step, steps: tuple[StepState, ...]) -> bool:
    """Whether nothing that a step needs is left."""
    return not unmet_needs(step, steps)


def step_waves(steps: Sequence[Step]) -> list[list[Step]]:
    """The steps in the order in which their needs let them begin: those of one wave at once."""
    left, found, met = list(steps), list[list[Step]](), set[str]()
    while left:
        wave = [step for step in left if met.issuperset(step.needs)]
        if not wave:  # a circle, which no valid plan has
            return [*found, left]
        found.append(wave)
        met |= {step.id for step in wave}
        left = [step for step in left if step not in wave]
    return found


def timeout_s(step: Step, plan: Plan) -> float:
    """How long a step may take from its call until its targets read as rolled back."""
    return 2 * plan.hold_s if step.timeout_s is None else step.timeout_s


def mark_overdue(state: RolloutState, now: datetime) -> tuple[StepState, ...]:
    """Mark each step OVERDUE whose call has ended and that does not read as rolled back in time."""
    flying = {request.step for request in state.in_flight}
    return tuple(
        entry if entry.step.id in flying else _overdue_after(entry, timeout_s(entry.step, state.plan), now)
        for entry in state.checklist
    )


def _overdue_after(entry: StepState, within_s: float, now: datetime) -> StepState:
    if entry.mark is not StepMark.REQUESTED or entry.since is None or (now - entry.since).total_seconds() <= within_s:
        return entry
    return replace(
        entry, mark=StepMark.OVERDUE, detail=f"not read as rolled back within {within_s:g} s: {entry.detail}"
    )


def mark_waiting(steps: tuple[StepState, ...]) -> tuple[StepState, ...]:
    """Mark each unfinished manual step WAITING once its needs are met, PENDING before."""
    marks = {True: StepMark.WAITING, False: StepMark.PENDING}
    return tuple(
        replace(entry, mark=marks[has_needs_met(entry.step, steps)])
        if entry.step.manual is not None and not entry.is_over
        else entry
        for entry in steps
    )


def reads_back(step: StepState, state: RolloutState) -> bool:
    """Whether every target of a step reads as the step wants it."""
    for name, setting in step.step.sets.items():
        reading = state.targets[name].reading
        if reading is None or not reading.satisfies(setting):
            return False
    return True
