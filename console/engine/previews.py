"""What each verb would send now, in the words of the backends, for the decision card. Sends nothing."""

from __future__ import annotations

from console.engine.backends import Backends
from console.events.evidence import PlannedCall, Verb
from console.state.card import wanted
from console.state.climb import stands_still
from console.state.values import Preview, State


def previews(state: State, backends: Backends) -> dict[str, Preview]:
    """Verb -> its preview, for the verbs that call something."""
    return {
        Verb.PROMOTE.value: _preview(state, backends, Verb.PROMOTE),
        Verb.ROLLBACK.value: _preview(state, backends, Verb.ROLLBACK),
        Verb.HALT.value: _halt(state, backends),
    }


def _preview(state: State, backends: Backends, verb: Verb) -> Preview:
    steps: dict[str, str] = {}
    if verb is Verb.ROLLBACK:
        steps = {name: entry.step.id for entry in state.checklist for name in entry.step.sets}
    calls = [
        PlannedCall(target.backend, name, str(setting), text, steps.get(name))
        for name, setting in wanted(state, verb).items()
        if (target := state.plan.targets[name])
        for text in backends.calls(target, setting, "set", _seen(state, name))
    ]
    return Preview(calls=tuple(calls))


def _seen(state: State, name: str) -> str | None:
    reading = state.targets[name].reading
    return reading.revision if reading is not None else None


def _halt(state: State, backends: Backends) -> Preview:
    calls, notes = [], []
    for name, target in state.plan.targets.items():
        powers = backends.capabilities(target)
        if powers.advances and stands_still(state.targets[name].reading):
            continue
        if powers.advances and powers.can_pause:
            calls.append(PlannedCall(target.backend, name, "paused", f"pause {target.ref.name}"))
        elif powers.advances:
            notes.append(f"{name} advances by itself and cannot be paused")
    return Preview(tuple(calls), tuple(notes))
