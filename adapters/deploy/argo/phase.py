"""Derive a Rollout's phase, wait, step and traffic share, in neutral words. Pure.

Argo's own `phase` has one word for several states ("Paused" is a timer, a gate, a hand or a doubtful analysis), and
only for the generation that the controller has seen: here it is one input among several.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from adapters.contract import OwnStep, Phase, Wait
from adapters.deploy.argo.wire import HASH_LABEL, WORKLOAD_GENERATION, PauseCondition, Rollout
from adapters.kube.wire import ReplicaSet

BLUE_GREEN_PAUSE = "BlueGreenPause"


@dataclass(frozen=True, slots=True)
class PhaseState:
    """The phase of a Rollout, and its wait."""

    phase: Phase
    waits: Wait | None = None
    until: datetime | None = None


def is_observed(rollout: Rollout) -> bool:
    """Whether the controller has seen the current spec and workload."""
    meta, status = rollout.meta, rollout.status
    if status.observed.isdigit() and int(status.observed) < meta.generation:
        return False
    wanted = meta.annotations.get(WORKLOAD_GENERATION)
    return not (rollout.workload is not None and wanted and status.workload_observed not in ("", wanted))


def phase_state(rollout: Rollout, steps: Sequence[OwnStep]) -> PhaseState:
    """Derive phase and wait. The first match wins, in the controller's own order."""
    status = rollout.status
    if not status.phase or not (is_observed(rollout) or status.hash):
        return PhaseState(Phase.PENDING)
    if status.abort:
        return PhaseState(Phase.ABORTED)
    if not is_observed(rollout):  # a pause by hand stands in the spec, seen or not
        return PhaseState(Phase.PROGRESSING, Wait.MANUAL if rollout.paused else None)
    if status.controller_pause and not status.pauses and not rollout.paused:
        return PhaseState(Phase.PROGRESSING)
    if status.phase == "Degraded":
        retried = status.message.startswith("RolloutAborted")  # its abort was undone; this phase is the old one
        return PhaseState(Phase.PROGRESSING) if retried else PhaseState(Phase.DEGRADED, *_wait(rollout, steps))
    if rollout.paused:
        return PhaseState(Phase.PAUSED, Wait.MANUAL)
    if status.pauses:
        return PhaseState(Phase.PAUSED, *_wait(rollout, steps))
    if status.phase == "Progressing":
        return PhaseState(Phase.PROGRESSING)
    if status.phase == "Healthy" and rollout.is_promoted:
        return PhaseState(Phase.HEALTHY)
    return PhaseState(Phase.UNKNOWN)


def _wait(rollout: Rollout, steps: Sequence[OwnStep]) -> tuple[Wait | None, datetime | None]:
    if rollout.paused:
        return Wait.MANUAL, None
    if any(pause.reason.startswith("Inconclusive") for pause in rollout.status.pauses):
        return Wait.JUDGEMENT, None
    if not rollout.status.pauses:
        return None, None
    pause = rollout.status.pauses[0]
    lasts_s = _lasts_s(rollout, steps, pause)
    began = pause.began_at
    if lasts_s is None or began is None:
        return Wait.GATE, None
    return Wait.TIMER, began + timedelta(seconds=lasts_s)


def _lasts_s(rollout: Rollout, steps: Sequence[OwnStep], pause: PauseCondition) -> float | None:
    if pause.reason == BLUE_GREEN_PAUSE:
        return steps[0].lasts_s if steps else None
    index = rollout.status.index
    return steps[index].lasts_s if index is not None and 0 <= index < len(steps) else None


def step_of(rollout: Rollout, steps: Sequence[OwnStep]) -> int:
    """The current step, 0-based; the number of steps when all are done."""
    if rollout.blue_green is not None:
        return 1 if rollout.is_promoted or rollout.status.active == rollout.status.hash else 0
    if rollout.is_promoted:
        return len(steps)
    return min(max(rollout.status.index or 0, 0), len(steps))


def desired_percent(rollout: Rollout, steps: Sequence[OwnStep]) -> float:
    """The share wanted for the new version, 0..100. It is the last weight set at or before the current step."""
    if rollout.is_promoted:
        return 100.0
    if rollout.status.abort:
        return 0.0
    if rollout.blue_green is not None:
        return 100.0 if step_of(rollout, steps) else 0.0
    index = step_of(rollout, steps)
    if rollout.status.promote_full or not steps or index >= len(steps):
        return 100.0
    return steps[index].percent or 0.0


def actual_percent(rollout: Rollout, replica_sets: Sequence[ReplicaSet]) -> tuple[float | None, str]:
    """Return (actual share of the new version, 0..100; its source).

    With a traffic router its weight; without one, the version's share of the available pods.
    """
    status = rollout.status
    if rollout.blue_green is not None:
        return (100.0 if status.active == status.hash else 0.0), ""
    canary = rollout.canary
    if canary is not None and canary.routing is not None:
        weights = status.weights
        if rollout.is_promoted or weights is None:
            return (100.0 if rollout.is_promoted else 0.0), ""
        share = 100.0 * weights.canary / (canary.routing.most or 100)
        return share, "not confirmed by the router yet" if weights.verified is False else ""
    ours = [one.available for one in replica_sets if one.meta.labels.get(HASH_LABEL) == status.hash]
    fresh, whole = sum(ours) if ours else status.updated, status.available
    if whole <= 0:
        return (100.0 if rollout.is_promoted else 0.0 if status.abort else None), "no pod is available"
    return 100.0 * min(fresh, whole) / whole, f"{min(fresh, whole)} of {whole} pods"
