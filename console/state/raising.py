"""Which derived rollback steps would raise exposure. Pure.

Going down never waits. A derived step that goes up is sent only where this rollout itself lowered the target; otherwise
the opening that it is derived from may be wrong, and a person decides.
"""

from __future__ import annotations

from dataclasses import replace

from adapters.contract import Outcome, Setting
from console.state.requests import RequestState
from console.state.values import RolloutState, StepState, TargetState

ROUNDING = 0.5
"""Points of exposure by which a setting, a whole percentage, may lie above a reading."""


def asked_exposure(setting: Setting) -> float:
    """The exposure to the new version that a setting asks for, 0..100."""
    if setting.on is False or setting.version is not None:
        return 0.0
    return 100.0 if setting.percent is None else float(setting.percent)


def known_exposure(entry: TargetState) -> float | None:
    """The exposure that a target reads; where its reading gives none, the one that was last confirmed."""
    reads = None if entry.reading is None else entry.reading.exposure
    return reads if reads is not None or entry.confirmed is None else entry.confirmed.exposure


def marked_as_lowering(request: RequestState, entry: TargetState | None) -> RequestState:
    """`request` with whether it asks for less than its target reads now and read at the opening."""
    if request.action != "set" or entry is None or entry.opening is None or entry.opening.exposure is None:
        return request
    reads, asked = known_exposure(entry), asked_exposure(request.setting)
    return replace(request, lowers=reads is not None and asked < min(reads, entry.opening.exposure))


def is_lowered(state: RolloutState, target: str) -> bool:
    """Whether a request of this rollout, not refused, lowered a target below its opening."""
    requests = state.requests.values()
    return any(each.target == target and each.lowers and each.known_outcome is not Outcome.REFUSED for each in requests)


def why_held(state: RolloutState, entry: StepState) -> str | None:
    """Why a derived step waits for a person because it would raise a target; None where it may be sent."""
    if not entry.step.derived or entry.released:
        return None
    for name, setting in entry.step.sets.items():
        target, asked = state.targets[name], asked_exposure(setting)
        reads = known_exposure(target)
        if reads is not None and asked <= reads + ROUNDING:
            continue
        if reads is None and asked == 0:
            continue
        if not is_lowered(state, name):
            shown = "an unknown exposure" if reads is None else f"{reads:g} %"
            return f"would raise {name} from {shown} to {asked:g} %: type its id to send it, or skip it"
    return None
