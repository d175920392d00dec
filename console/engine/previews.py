"""Preview each verb's calls for the decision card; send nothing."""

from __future__ import annotations

from adapters.contract import Setting
from console.engine.backends import Backends
from console.events.evidence import PlannedCall, Verb
from console.state.card import wanted_settings
from console.state.local import Preview
from console.state.orders import preview_key
from console.state.stepped_targets import may_be_paused, stands_still
from console.state.values import State


def previews_for(state: State, backends: Backends) -> dict[str, Preview]:
    """Preview by verb, for the verbs that call backends."""
    return {
        Verb.PROMOTE.value: _preview(state, backends, Verb.PROMOTE),
        Verb.ROLLBACK.value: _preview(state, backends, Verb.ROLLBACK),
        Verb.CONFIRM.value: _preview(state, backends, Verb.CONFIRM),
        Verb.HALT.value: _halt(state, backends),
        Verb.RESUME.value: _resume(state, backends),
        **_orders(state, backends),
    }


def _preview(state: State, backends: Backends, verb: Verb) -> Preview:
    steps: dict[str, str] = {}
    if verb in (Verb.ROLLBACK, Verb.CONFIRM):
        steps = {name: entry.step.id for entry in state.checklist for name in entry.step.sets}
    calls = [
        PlannedCall(target.backend, name, str(setting), text, steps.get(name))
        for name, setting in wanted_settings(state, verb).items()
        if (target := state.plan.targets[name])
        for text in backends.calls(target, setting, "set", _revision_of(state, name))
    ]
    return Preview(calls=tuple(calls))


def _resume(state: State, backends: Backends) -> Preview:
    calls = [
        PlannedCall(target.backend, name, "resumed", f"resume {target.ref.name}")
        for name, target in state.plan.targets.items()
        if (powers := backends.capabilities(target)).advances
        and powers.can_pause
        and may_be_paused(state, state.targets[name])
    ]
    return Preview(tuple(calls))


def _orders(state: State, backends: Backends) -> dict[str, Preview]:
    """Preview of every possible order, by its key."""
    found = {}
    for name, target in state.plan.targets.items():
        reading = state.targets[name].reading
        if reading is None or reading.steps is None:
            continue
        for order in backends.capabilities(target).orders:
            about = (
                [f"undo {revision}" for revision in reading.versions.revisions]
                if order.name == "undo"
                else [order.name]
            )
            for words in about if order.name not in reading.cannot else ():
                texts = backends.calls(target, Setting(None), words, reading.versions.revision)
                calls = tuple(PlannedCall(target.backend, name, words, text) for text in texts)
                found[preview_key(f"{name} {words}")] = Preview(calls, (order.meaning,))
    return found


def _revision_of(state: State, name: str) -> str | None:
    reading = state.targets[name].reading
    return reading.versions.revision if reading is not None else None


def _halt(state: State, backends: Backends) -> Preview:
    calls, notes = [], []
    for name, target in state.plan.targets.items():
        powers = backends.capabilities(target)
        if powers.advances and stands_still(state, state.targets[name]):
            continue
        if powers.advances and powers.can_pause:
            calls.append(PlannedCall(target.backend, name, "paused", f"pause {target.ref.name}"))
        elif powers.advances:
            notes.append(f"{name} advances by itself and cannot be paused")
    return Preview(tuple(calls), tuple(notes))
