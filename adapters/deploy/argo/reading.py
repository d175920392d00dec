"""Make one TargetReading of a Rollout and its dependents. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from adapters.contract import OwnStep, Phase, StepsReading, TargetReading, TargetRef, VersionsReading, Wait
from adapters.deploy.argo.analysis import cut_short, lines
from adapters.deploy.argo.guard import GuardToken
from adapters.deploy.argo.phase import PhaseState, actual_percent, desired_percent, is_observed, phase_state, step_of
from adapters.deploy.argo.steps import steps_of
from adapters.deploy.argo.wire import REVISION, AnalysisRun, Rollout
from adapters.kube.client import MANAGER
from adapters.kube.marks import marks_of
from adapters.kube.wire import Meta, ReplicaSet, earlier, gitops_notes, reasons_by_verb
from adapters.sanitize import one_line

CONTROLLER = "rollouts-controller"
"""The field manager of Argo's controller."""


@dataclass(frozen=True, slots=True)
class RolloutView:
    """A Rollout with its ReplicaSets and AnalysisRuns."""

    rollout: Rollout
    replica_sets: tuple[ReplicaSet, ...] = ()
    runs: tuple[AnalysisRun, ...] = ()

    @property
    def versions(self) -> tuple[tuple[str, str], ...]:
        """The (uid, resourceVersion) of each object."""
        parts: tuple[Rollout | ReplicaSet | AnalysisRun, ...] = (self.rollout, *self.replica_sets, *self.runs)
        return tuple((part.meta.uid, part.meta.version) for part in parts)


def reading_of(target: TargetRef, view: RolloutView, at: datetime, lacks: Mapping[str, str]) -> TargetReading:
    """Make the reading of a target. `lacks`: verb -> the permission that is missing for it."""
    rollout = view.rollout
    steps = steps_of(rollout)
    stands = phase_state(rollout, steps)
    percent, how = actual_percent(rollout, view.replica_sets)
    step = step_of(rollout, steps)
    seen = GuardToken.of(rollout)
    return TargetReading(
        target=target.target,
        at=at,
        percent=percent,
        phase=stands.phase,
        detail=one_line(_detail(rollout, steps, step, stands, seen, how if percent is not None else "")),
        problem=_problem(rollout, how if percent is None else ""),
        versions=VersionsReading(
            canary=seen.hash or None,
            baseline=seen.stable or None,
            revision=str(seen),
            revisions=earlier(view.replica_sets, REVISION, seen.revision),
        ),
        changed_by=_hand(rollout.meta),
        steps=StepsReading(
            step=step,
            count=len(steps),
            own=steps,
            at_rest=rollout.is_promoted,
            waits=stands.waits,
            until=stands.until,
            desired=desired_percent(rollout, steps),
            skipped=cut_short(rollout, view.runs),
        ),
        cannot={**_cannot(rollout, stands, seen), **lacks},
        notes=_notes(rollout, view.runs),
        marks=marks_of(rollout.meta),
    )


def _problem(rollout: Rollout, how: str) -> str | None:
    if rollout.meta.deleted is not None:
        return "it is being deleted"
    invalid = next((one.message for one in rollout.status.conditions if one.type == "InvalidSpec"), None)
    if invalid is not None:
        return one_line(f"its spec is invalid: {invalid}", 200)
    return how or None


def _detail(
    rollout: Rollout, steps: Sequence[OwnStep], step: int, stands: PhaseState, seen: GuardToken, how: str
) -> str:
    status, parts = rollout.status, []
    if rollout.is_promoted:
        parts.append(f"revision {seen.revision or '?'} has everything")
    elif step < len(steps):
        parts.append(f"step {step} of {len(steps)}: {steps[step].text}")
    if how:
        parts.append(how)
    if stands.phase in (Phase.DEGRADED, Phase.ABORTED, Phase.PROGRESSING) and status.message:
        parts.append(status.message)
    return "; ".join(parts)


def _cannot(rollout: Rollout, stands: PhaseState, seen: GuardToken) -> dict[str, str]:
    """Map each verb that the Rollout's state rules out to the reason. Missing permissions are not known here."""
    under_way = bool(seen.hash) and seen.hash != seen.stable
    no_steps = rollout.blue_green is not None or seen.index is None
    why = _no_advance(rollout, stands, under_way)
    orders = ("skip", "promote-full", "accept")
    return reasons_by_verb(
        (("promote",), why is not None, why or ""),
        (("pause",), seen.aborted, "it is aborted"),
        (("pause",), not under_way, "nothing is under way"),
        (("pause",), seen.by_hand, "it is paused by hand already"),
        (("resume",), not seen.by_hand, "it is not paused by hand"),
        ((*orders, "abort"), not under_way, "nothing is under way"),
        ((*orders, "abort"), seen.aborted, "it is aborted: retry begins again"),
        ((*orders, "abort"), seen.full, "it is being promoted in full: only an undo goes back"),
        (orders, seen.by_hand, "it is paused by hand: resume it first"),
        (("skip",), no_steps, "it has no steps"),
        (("skip",), bool(seen.pauses), "it stands at a pause: promote ends it"),
        (("skip",), bool(rollout.status.controller_pause), "its pause was just ended, and it has not gone on yet"),
        (("accept",), stands.waits is not Wait.JUDGEMENT, "no analysis is inconclusive"),
        (("retry",), not seen.aborted, "it is not aborted"),
    )


def _no_advance(rollout: Rollout, stands: PhaseState, under_way: bool) -> str | None:
    """Say why there is no pause to end. None where there is one."""
    match stands.waits:
        case Wait.GATE | Wait.TIMER:
            return None
        case Wait.MANUAL:
            return "it is paused by hand: resume it first"
        case Wait.JUDGEMENT:
            return "its analysis was inconclusive: accept it, or roll back"
    if rollout.status.abort:
        return "it is aborted: retry begins again"
    if not is_observed(rollout):
        return "its controller has not taken up the newest change yet"
    if not under_way:
        return "nothing is under way: no new version was set"
    return "it goes on by itself: there is no pause to end"


def _notes(rollout: Rollout, runs: Sequence[AnalysisRun]) -> tuple[str, ...]:
    found = gitops_notes(rollout.meta, "an undo")
    if not is_observed(rollout):
        found.append("its controller has not taken up the newest change yet")
    if rollout.status.promote_full and not rollout.is_promoted:
        found.append("it is being promoted in full: an abort is ignored, only an undo goes back")
    if rollout.workload is not None:
        found.append(one_line(f"its template is that of {rollout.workload.kind} {rollout.workload.name}", 120))
    return (*found, *lines(runs))


def _hand(meta: Meta) -> str | None:
    """The author of the current step. None where that is the controller or us."""
    for one in meta.managers:
        written = one.fields.get("f:status")
        if one.subresource == "status" and isinstance(written, dict) and "f:currentStepIndex" in written:
            return None if one.manager in (CONTROLLER, MANAGER) else one_line(one.manager, 60)
    return None
