"""The rollback steps: taken from the plan or from the opening readings, and how far each of them is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from adapters.contract import Kind, Outcome, Setting, TargetReading
from console.plan.nouns import Plan, Step
from console.state.raising import why_held
from console.state.requests import RequestState
from console.state.values import RolloutState, StepMark, StepState, TargetState
from console.state.versions import old_version

if TYPE_CHECKING:
    from console.events.kinds import DecisionTaken, RequestMade, StepDone

_UNSENT = frozenset({StepMark.PENDING, StepMark.WAITING, StepMark.RELAPSED, StepMark.REFUSED})
"""Marks of a step without a call that may still take effect."""


def checklist_of(plan: Plan, targets: Mapping[str, TargetState]) -> tuple[StepState, ...]:
    """The plan's own steps, or one per target in reverse order of first touch, straight to the opening snapshot.

    After them one for each target that is kept from an earlier plan.
    """
    kept = [StepState(_step_back(entry)) for entry in targets.values() if entry.target.kept]
    if plan.rollback is not None:
        return (*(StepState(_to_old_version(step, targets)) for step in plan.rollback), *kept)
    touched = dict.fromkeys(name for stage in plan.stages for name in stage.sets)
    return (*(StepState(_step_back(targets[name])) for name in reversed(touched)), *kept)


def _to_old_version(step: Step, targets: Mapping[str, TargetState]) -> Step:
    """The step with the version to go back to, for targets whose backend owns the steps: it takes no percentage."""
    back = {name: version for name in step.sets if (version := old_version(targets[name].opening)) is not None}
    sets = {name: Setting(0, version=back[name]) if name in back else setting for name, setting in step.sets.items()}
    return replace(step, sets=sets) if back else step


def _step_back(entry: TargetState) -> Step:
    name, team = entry.target.name, entry.target.team
    setting = setting_back(entry)
    if setting is None:
        how = f"set {name} back by hand: what it was before could not be read"
        if entry.asks_before:
            how = f"{name} read {entry.opening} at the opening: say what it was before, or set it back by hand"
            how += f" (warroom place PLAN --before {name}=N, key s)"
        return Step(id=f"{name}-back", manual=how, team=team, derived=True)
    return Step(id=f"{name}-back", sets={name: setting}, team=team, derived=entry.back is None)


def setting_back(entry: TargetState) -> Setting | None:
    """The setting that takes a target back by itself: an earlier plan's own, or the one before; None if unknown."""
    before = None if entry.asks_before else setting_before(entry.opening, entry.target.kind)
    return entry.back or before


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


def with_current_steps(state: RolloutState) -> RolloutState:
    """The state with the steps that its readings make now; a step that is the same, or over, stays as it is."""
    steps = tuple(_current_step(entry, state) for entry in checklist_of(state.plan, state.targets))
    return mark_waiting(replace(state, checklist=steps))


def _current_step(fresh: StepState, state: RolloutState) -> StepState:
    known = next((entry for entry in state.checklist if entry.step.id == fresh.step.id), fresh)
    if known.step == fresh.step or known.is_over:
        return known
    return replace(fresh, mark=StepMark.HOLDING) if state.rollback and reads_back(fresh, state) else fresh


def has_unread_call(state: RolloutState, target: str) -> bool:
    """Whether the last call that may have changed a target asked for something else than the target reads.

    Such a reading may be older than the call: it says nothing about what the target will read.
    """
    for request in reversed(tuple(state.requests.values())):
        if request.target == target and request.action == "set" and request.outcome is not Outcome.REFUSED:
            return request.took_effect is not False and not state.targets[target].satisfies(request.setting)
    return False


def reads_as(state: RolloutState, target: str, setting: Setting) -> bool:
    """Whether a target reads as `setting`, and nothing was asked of it that is not read yet."""
    return state.targets[target].satisfies(setting) and not has_unread_call(state, target)


def is_rolled_back(step: StepState, state: RolloutState) -> bool:
    """Whether every target of a step stands as the step wants it."""
    return all(reads_as(state, name, setting) for name, setting in step.step.sets.items())


def unmet_needs(step: Step, steps: tuple[StepState, ...]) -> tuple[str, ...]:
    """The ids of the steps that a step needs and that are neither rolled back, confirmed by hand nor skipped."""
    met = {entry.step.id for entry in steps if entry.is_over or entry.mark is StepMark.HOLDING}
    return tuple(need for need in step.needs if need not in met)


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
    steps = []
    for entry in state.checklist:
        within_s = timeout_s(entry.step, state.plan)
        sent_at = entry.since if entry.mark is StepMark.REQUESTED and entry.step.id not in flying else None
        if sent_at is not None and (now - sent_at).total_seconds() > within_s:
            why = f"not read as rolled back within {within_s:g} s: {entry.detail}"
            entry = replace(entry, mark=StepMark.OVERDUE, detail=why)
        steps.append(entry)
    return tuple(steps)


def mark_waiting(state: RolloutState) -> RolloutState:
    """Mark each unfinished step WAITING while it is a person's turn.

    A manual step is, once its needs are met; a derived one is, while it would raise exposure.
    """
    if state.rollback is None:
        return state
    return replace(state, checklist=tuple(_marked_waiting(entry, state) for entry in state.checklist))


def _marked_waiting(entry: StepState, state: RolloutState) -> StepState:
    if entry.is_over:
        return entry
    if entry.step.manual is not None:
        unmet = unmet_needs(entry.step, state.checklist)
        return replace(entry, mark=StepMark.PENDING if unmet else StepMark.WAITING)
    if entry.mark in _UNSENT and (why := why_held(state, entry)) is not None:
        return replace(entry, mark=StepMark.WAITING, detail=why)
    return replace(entry, mark=StepMark.PENDING, detail="") if entry.is_held else entry


def reads_back(step: StepState, state: RolloutState) -> bool:
    """Whether every target of a step reads as the step wants it."""
    return all(state.targets[name].satisfies(setting) for name, setting in step.step.sets.items())


def begin_rollback(state: RolloutState, event: DecisionTaken) -> RolloutState:
    """A rollback starts, or goes on after a restart: done and skipped steps stay so, all others are pending again.

    A done step whose targets do not read so is pending, too: it will read them before it sends.
    """
    steps = [
        entry
        if _stays(entry, state)
        else replace(entry, mark=StepMark.PENDING, since=event.at, detail=entry.step.manual or "")
        for entry in state.checklist
    ]
    done = event.at if steps and all(entry.is_over for entry in steps) else None
    return mark_waiting(replace(state, rollback=event.id, promoting=None, rolled_back_at=done, checklist=tuple(steps)))


def _stays(entry: StepState, state: RolloutState) -> bool:
    """Whether a step keeps its mark when a rollback starts or goes on."""
    if entry.mark is StepMark.DONE:
        return entry.step.manual is not None or reads_back(entry, state)
    return entry.is_over or (entry.mark is StepMark.HOLDING and state.rollback is not None)


def _mark_step(
    state: RolloutState, step_id: str, at: datetime, mark: StepMark, detail: str, *, sent: int = 0
) -> RolloutState:
    if state.rollback is None:
        return state
    steps = tuple(
        replace(entry, mark=mark, since=at, detail=detail, sends=entry.sends + sent)
        if entry.step.id == step_id
        else entry
        for entry in state.checklist
    )
    done = at if steps and all(entry.is_over for entry in steps) else None
    return mark_waiting(replace(state, checklist=steps, rolled_back_at=state.rolled_back_at or done))


def apply_step_request(state: RolloutState, event: RequestMade) -> RolloutState:
    detail = f"{event.target} -> {event.setting}"
    return _mark_step(state, event.step or "", event.at, StepMark.REQUESTED, detail, sent=1)


def apply_step_settlement(state: RolloutState, request: RequestState, at: datetime) -> RolloutState:
    """A step's call ended: accepted stays requested until a read shows it; the rest says what is wrong."""
    entry = next((entry for entry in state.checklist if entry.step.id == request.step), None)
    if entry is None or entry.is_over or request.decision != state.rollback:
        return state
    if reads_back(entry, state):
        mark, detail = StepMark.HOLDING, "reads as rolled back"
    elif entry.mark is StepMark.RELAPSED:
        return state
    else:
        mark, detail = _worst_mark(state, entry)
    since = entry.since if mark is entry.mark and entry.since is not None else at
    return _mark_step(state, entry.step.id, since, mark, detail)


def _worst_mark(state: RolloutState, entry: StepState) -> tuple[StepMark, str]:
    """(mark, detail) of a step from its last call per target: one that was refused is not hidden by one accepted."""
    last = {
        request.target: request
        for request in state.requests.values()
        if request.step == entry.step.id and request.decision == state.rollback
    }
    refused, doubtful, sent = [], [], []
    for name, request in last.items():
        reading = state.targets[name].reading
        if request.known_outcome is Outcome.REFUSED and not (reading and reading.satisfies(request.setting)):
            refused.append(request.reason if request.took_effect is None else f"{name} had no effect, reads {reading}")
        elif request.in_doubt:
            doubtful.append(request.reason)
        else:
            sent.append(f"{name} {'in flight' if request.in_flight else 'accepted'}")
    if refused:
        return StepMark.REFUSED, "; ".join(refused)
    if doubtful:
        return StepMark.IN_DOUBT, "; ".join(doubtful)
    return StepMark.REQUESTED, ", ".join(sent)


def apply_step_done(state: RolloutState, event: StepDone) -> RolloutState:
    """A step read as rolled back for long enough, unless its target reads otherwise: it may be recorded hours later.

    The read itself may be lost with the console that made it. Then the reading known here is older than the call, and
    the event counts; `begin_rollback` looks at the reading again.
    """
    entry = next((entry for entry in state.checklist if entry.step.id == event.step), None)
    for name, setting in entry.step.sets.items() if entry is not None else ():
        target = state.targets[name]
        if not target.satisfies(setting) and not _was_set_since_read(state, event.step, name):
            reads = target.reading or "not known"
            return _mark_step(state, event.step, event.at, StepMark.RELAPSED, f"moved again: reads {reads}")
    return _mark_step(state, event.step, event.at, StepMark.DONE, event.how)


def _was_set_since_read(state: RolloutState, step: str, target: str) -> bool:
    """Whether an accepted call of the step is newer than what its target reads."""
    held_since = state.targets[target].held_since
    return any(
        (request.step, request.target, request.outcome) == (step, target, Outcome.ACCEPTED)
        and (held_since is None or request.happened_at >= held_since)
        for request in state.requests.values()
    )


def confirm_step(state: RolloutState, event: DecisionTaken) -> RolloutState:
    """A person says that a manual step is done, or sends a step that raises exposure."""
    entry = next((entry for entry in state.checklist if entry.step.id == event.subject), None)
    if entry is None or state.rollback is None:
        return state
    if entry.step.manual is not None:
        return _mark_step(state, entry.step.id, event.at, StepMark.DONE, "confirmed by hand")
    if not entry.is_held:
        return state
    by = f" by {event.who.user}" if event.who is not None else ""
    released = replace(entry, mark=StepMark.PENDING, since=event.at, detail=f"released{by}", released=True)
    return replace(state, checklist=tuple(released if each is entry else each for each in state.checklist))


def skip_step(state: RolloutState, event: DecisionTaken) -> RolloutState:
    """Go on without a step that is not done; requests sent for it are not taken back."""
    entry = next((entry for entry in state.checklist if entry.step.id == event.subject), None)
    if entry is None or entry.is_over:
        return state
    by = f" by {event.who.name}" if event.who is not None else ""
    return _mark_step(state, entry.step.id, event.at, StepMark.SKIPPED, f"skipped{by}: {event.reason}")
