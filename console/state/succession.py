"""Carry the targets of a rollout over to an accepted plan. Pure.

A target is the name that its backend gives it, at that backend's address; the plan's own name is a label. Under another
name it goes on with all that is known. One that the new plan points elsewhere, or drops, is kept as a target of its own
at the old place, in no stage, until it reads as rolled back or is let go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from adapters.contract import Outcome, Setting, TargetReading
from console.events.evidence import Verb
from console.plan.nouns import BackendSpec, Plan, Target
from console.state.checklist import checklist_of, has_unread_call, reads_as, setting_back
from console.state.values import RolloutState, SourceState, TargetState

Place = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Succession:
    """The targets under an accepted plan."""

    plan: Plan
    """The accepted plan, with the targets that are kept and their backends."""
    targets: dict[str, TargetState]
    names: Mapping[str, str]
    """Old name -> new name of every target that has another one; also of those that are not kept."""
    elsewhere: frozenset[str]
    """Names that stand for another target than before."""


def place_of(plan: Plan, target: Target) -> Place:
    """The place of a target: adapter and address of its backend, and its name there."""
    spec, ref = plan.backends[target.backend], target.ref
    return (spec.adapter, spec.address, target.kind.value, ref.name, ref.canary, ref.baseline, ref.rule)


def heirs(old: Plan, new: Plan) -> dict[str, str]:
    """Name in `old` -> name in `new` of every target that both have, by its place."""
    places = {name: place_of(old, target) for name, target in old.targets.items()}
    wanted = {name: place_of(new, target) for name, target in new.targets.items()}
    found = {name: name for name, place in places.items() if wanted.get(name) == place}
    for name, place in wanted.items():
        if name not in found.values():
            source = next((each for each, there in places.items() if there == place and each not in found), None)
            if source is not None:
                found[source] = name
    return found


def move_lines(old: Plan, new: Plan) -> tuple[str, ...]:
    """A line for each target of `old` that `new` renames, moves or drops."""
    found, lines = heirs(old, new), []
    for name, target in old.targets.items():
        if target.kept:
            continue
        stays = f"{_words(old, target)} stays in the rollback checklist unless it reads as before"
        if name not in found:
            how = f"points to {_words(new, new.targets[name])}" if name in new.targets else "is no target any more"
            lines.append(f"{name} {how}: {stays}")
        elif found[name] != name:
            lines.append(f"{name} is renamed to {found[name]}")
    return tuple(lines)


def _words(plan: Plan, target: Target) -> str:
    spec = plan.backends[target.backend]
    return f"{target.ref.name} at {spec.name}{f' ({spec.address})' if spec.address else ''}"


def targets_under(state: RolloutState, plan: Plan) -> Succession:
    """The targets of `state` under `plan`, which is being accepted."""
    found = heirs(state.plan, plan)
    inherited = {new: old for old, new in found.items()}
    targets = {
        name: _with_target(state.targets[inherited[name]], target) if name in inherited else TargetState(target)
        for name, target in plan.targets.items()
    }
    names = {old: new for old, new in found.items() if old != new}
    number = sum(each.verb is Verb.ACCEPT and each.subject == "plan" and not each.void for each in state.decisions)
    backends = dict(plan.backends)
    for name, entry in state.targets.items():
        if name in found:
            continue
        # No name in a plan has an @.
        label = names[name] = name if entry.target.kept else f"{name}@plan-{number}"
        if _must_be_kept(state, name):
            spec = _spec_kept(state.plan.backends[entry.target.backend], backends, number)
            backends[spec.name] = spec
            ref = replace(entry.target.ref, target=label)
            entry = replace(entry, back=_setting_back(state, name))
            targets[label] = _with_target(entry, replace(entry.target, ref=ref, backend=spec.name, kept=True))
    every = {name: entry.target for name, entry in targets.items()}
    elsewhere = frozenset(name for name in plan.targets if name in state.targets and name not in inherited)
    return Succession(replace(plan, backends=backends, targets=every), targets, names, elsewhere)


def _spec_kept(old: BackendSpec, backends: Mapping[str, BackendSpec], number: int) -> BackendSpec:
    """The backend through which a kept target is reached: one of the new plan at that address, or the old plan's."""
    for spec in backends.values():
        if (spec.adapter, spec.address) == (old.adapter, old.address):
            return spec
    return old if old.kept else replace(old, name=f"{old.name}@plan-{number}", kept=True)


def _setting_back(state: RolloutState, name: str) -> Setting | None:
    """The setting by which the plan's own rollback steps take a target back; None where they do not."""
    entry = state.targets[name]
    steps = (each.step for each in state.checklist if not each.step.derived and name in each.step.sets)
    return entry.back or next((step.sets[name] for step in steps), None)


def _must_be_kept(state: RolloutState, name: str) -> bool:
    """Whether a target that the plan no longer names does not read as before."""
    entry = state.targets[name]
    touched = any(
        each.target == name and each.action == "set" and each.known_outcome is not Outcome.REFUSED
        for each in state.requests.values()
    )
    if not touched and not entry.target.kept and not any(name in stage.sets for stage in state.plan.stages):
        return False
    setting = _setting_back(state, name) or setting_back(entry)
    return touched or entry.target.kept if setting is None else not reads_as(state, name, setting)


def _with_target(entry: TargetState, target: Target) -> TargetState:
    """What is known of a target, as `target` names it."""

    def under(reading: TargetReading | None) -> TargetReading | None:
        return None if reading is None else replace(reading, target=target.name)

    drift = entry.drift
    if drift is not None:
        now, was = replace(drift.now, target=target.name), replace(drift.was, target=target.name)
        drift = replace(drift, now=now, was=was)
    return replace(
        entry,
        target=target,
        opening=under(entry.opening),
        reading=under(entry.reading),
        confirmed=under(entry.confirmed),
        drift=drift,
    )


def with_names(state: RolloutState, names: Mapping[str, str]) -> RolloutState:
    """The state whose requests, and accepted changes, name their targets by new names."""
    if not names:
        return state
    requests = {
        key: replace(each, target=names[each.target]) if each.target in names else each
        for key, each in state.requests.items()
    }
    decisions = tuple(
        replace(each, subject=names[each.subject or ""]) if each.verb is Verb.ACCEPT and each.subject in names else each
        for each in state.decisions
    )
    return replace(state, requests=requests, decisions=decisions)


def sources_of(state: RolloutState, plan: Plan) -> dict[str, SourceState]:
    """What is known of the sources of `plan`; a source with another adapter begins anew."""
    return {
        name: source
        if (source := state.sources.get(name)) is not None and source.adapter == spec.adapter
        else SourceState(name, spec.adapter)
        for name, spec in plan.backends.items()
    }


def kept_steps(state: RolloutState) -> list[str]:
    """The ids of the steps of targets that are kept from an earlier plan."""
    kept = {name for name, entry in state.targets.items() if entry.target.kept}
    return [f"{name}-back" for name in state.targets if name in kept]


def without_kept(state: RolloutState, name: str) -> RolloutState:
    """The state without a target that was kept, and without its backend if no other needs that."""
    targets = {each: entry for each, entry in state.targets.items() if each != name}
    used = {entry.target.backend for entry in targets.values()}
    backends = {each: spec for each, spec in state.plan.backends.items() if not spec.kept or each in used}
    plan = replace(state.plan, backends=backends, targets={each: entry.target for each, entry in targets.items()})
    sources = {each: source for each, source in state.sources.items() if each in backends}
    return replace(state, plan=plan, targets=targets, sources=sources, checklist=checklist_of(plan, targets))


def without_returned(state: RolloutState, name: str) -> RolloutState:
    """The state without a kept target that reads as before, while no rollback watches it."""
    entry = state.targets.get(name)
    if entry is None or not entry.target.kept or state.rollback is not None:
        return state
    setting = setting_back(entry)
    if setting is None or not entry.satisfies(setting):
        return state
    return without_kept(state, name) if _is_read_since_last_call(state, entry) else state


def _is_read_since_last_call(state: RolloutState, entry: TargetState) -> bool:
    """Whether a reading showed the last call for a target: a later one that differs is newer than the call."""
    name = entry.target.name
    if not has_unread_call(state, name):
        return True
    last = [each for each in state.requests.values() if each.target == name and each.action == "set"][-1]
    shown = entry.confirmed is not None and entry.confirmed.satisfies(last.setting)
    return shown and last.outcome is Outcome.ACCEPTED
