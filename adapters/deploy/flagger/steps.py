"""Derive a Canary's steps, which Flagger does not list. Pure.

Between two of them Flagger asks the gate that is there, if there is one: confirm-rollout before it starts,
confirm-traffic-increase before each weight, confirm-promotion at the last. Source: Flagger's scheduler (1.36).
"""

from __future__ import annotations

from dataclasses import dataclass

from adapters.contract import OwnStep
from adapters.deploy.flagger.wire import CONFIRM_PROMOTION, CONFIRM_ROLLOUT, CONFIRM_TRAFFIC, Analysis, Canary
from adapters.kube.wire import go_duration_s

DEFAULT_S = 60.0
"""How often Flagger looks at a Canary that names no interval."""
_LEAST_S = 10.0
_BEGUN = ("Progressing", "WaitingPromotion")
WAITING, FAILED = "Waiting", "Failed"
UNDER_WAY = (WAITING, *_BEGUN)
"""Phases in which a promote can let it go on, and in which Flagger restarts if its target changes."""
PROMOTING = ("Promoting", "Finalising")
AT_REST = ("Initialized", "Succeeded")


@dataclass(frozen=True, slots=True)
class GatedStep:
    """One step and the gates at its end."""

    step: OwnStep
    gates: tuple[str, ...]


def interval_s(analysis: Analysis) -> float:
    """Seconds between two checks of a Canary by Flagger, at least 10."""
    wanted_s = go_duration_s(analysis.interval)
    return max(wanted_s, _LEAST_S) if wanted_s else DEFAULT_S


def weights(analysis: Analysis) -> tuple[int, ...]:
    """List the canary's weights in order, up to the promoted one."""
    if analysis.step_weights and not analysis.step_weight:
        return tuple(dict.fromkeys(min(weight, 100) for weight in analysis.step_weights if weight > 0))
    if analysis.step_weight <= 0:
        return ()
    most = min(analysis.step_weights[-1], 100) if analysis.step_weights else analysis.max_weight or 100
    found: list[int] = []
    while (found[-1] if found else 0) < most and len(found) < 100:
        found.append(min((found[-1] if found else 0) + analysis.step_weight, 100))
    return tuple(found)


def by_iterations(canary: Canary) -> bool:
    """Whether it counts checks instead of raising a weight: A/B tests, blue-green."""
    return canary.analysis.iterations > 0 or canary.provider == "kubernetes"


def gated_steps(canary: Canary) -> tuple[GatedStep, ...]:
    """List the steps in order, with all gates, ours or not."""
    found: list[GatedStep] = []
    if canary.webhook(CONFIRM_ROLLOUT) is not None:
        found.append(_gated_step(canary, "start", 0, CONFIRM_ROLLOUT))
    if by_iterations(canary):
        found.append(_gated_step(canary, f"{rounds(canary)} checks", 0, CONFIRM_PROMOTION))
        if not canary.analysis.match:  # blue-green asks a second time, with all traffic on the canary
            there = 0 if canary.provider == "kubernetes" else 100
            found.append(_gated_step(canary, "all traffic, then promotion", there, CONFIRM_PROMOTION))
        return tuple(found)
    each = (0, *weights(canary.analysis))
    for weight in each[:-1]:
        found.append(_gated_step(canary, f"weight {weight} %", weight, CONFIRM_TRAFFIC))
    found.append(
        _gated_step(canary, f"weight {each[-1]} %, then promotion", each[-1], CONFIRM_TRAFFIC, CONFIRM_PROMOTION)
    )
    return tuple(found)


def rounds(canary: Canary) -> int:
    """The number of checks it counts: ten where the Canary gives none."""
    return canary.analysis.iterations or 10


def _gated_step(canary: Canary, text: str, percent: int, *kinds: str) -> GatedStep:
    there = tuple(kind for kind in kinds if canary.webhook(kind) is not None)
    lasts_s = None if there else interval_s(canary.analysis)
    return GatedStep(OwnStep(text, float(percent), waits=bool(there), lasts_s=lasts_s), there)


def first_step(canary: Canary) -> int:
    """The first step of a release that has begun: its first checks."""
    return 1 if canary.webhook(CONFIRM_ROLLOUT) is not None else 0


def step_of(canary: Canary) -> int:
    """The current step, 0-based; the number of steps when all are done."""
    steps, status = gated_steps(canary), canary.status
    first = first_step(canary)
    if status.phase in _BEGUN:
        if by_iterations(canary):
            return min(first + (status.iterations > rounds(canary)), len(steps) - 1)
        passed = sum(1 for weight in weights(canary.analysis) if weight <= status.weight)
        return min(first + passed, len(steps) - 1)
    if status.phase in (*PROMOTING, *AT_REST):
        return len(steps)
    return 0
