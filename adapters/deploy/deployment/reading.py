"""Make one TargetReading of a Deployment and its ReplicaSets. Pure.

It has no steps and no traffic control: the share is that of the pods, and an estimate. "Complete" has the meaning of
`kubectl rollout status`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from adapters.contract import Phase, StepsReading, TargetReading, TargetRef, VersionsReading, Wait
from adapters.deploy.deployment.wire import HASH_LABEL, REVISION, Deployment, GuardToken
from adapters.kube.marks import marks_of
from adapters.kube.wire import ReplicaSet, earlier, gitops_notes
from adapters.sanitize import one_line


def reading_of(
    target: TargetRef, deployment: Deployment, sets: Sequence[ReplicaSet], at: datetime, lacks: Mapping[str, str]
) -> TargetReading:
    """Make the reading of a target. `lacks`: verb -> the permission that is missing for it."""
    whole = max(deployment.replicas, deployment.wanted if deployment.replicas == 0 else 0)
    percent = 100.0 * min(deployment.updated, whole) / whole if whole else 100.0 if is_complete(deployment) else None
    version, before = versions(deployment, sets)
    seen = GuardToken(deployment.revision, version or "", bool(deployment.paused))
    return TargetReading(
        target=target.target,
        at=at,
        percent=percent,
        phase=phase_of(deployment),
        detail=one_line(_detail(deployment)),
        problem="it is being deleted" if deployment.meta.deleted is not None else _trouble(deployment),
        versions=VersionsReading(
            canary=version, baseline=before, revision=str(seen), revisions=earlier(sets, REVISION, deployment.revision)
        ),
        steps=StepsReading(
            step=0, count=0, at_rest=is_complete(deployment), waits=Wait.MANUAL if deployment.paused else None
        ),
        cannot={**_cannot(deployment), **lacks},
        notes=_notes(deployment),
        marks=marks_of(deployment.meta),
    )


def is_complete(deployment: Deployment) -> bool:
    """Whether every pod is of the wanted template, and available."""
    return (
        deployment.observed >= deployment.meta.generation
        and deployment.updated == deployment.wanted
        and deployment.replicas == deployment.updated
        and deployment.available == deployment.updated
    )


def phase_of(deployment: Deployment) -> Phase:
    """Derive the phase; the first match wins."""
    if not deployment.observed:
        return Phase.PENDING
    if is_complete(deployment):
        return Phase.PAUSED if deployment.paused else Phase.HEALTHY
    if deployment.paused:
        return Phase.PAUSED
    if deployment.observed >= deployment.meta.generation and _failure(deployment) is not None:
        return Phase.DEGRADED
    return Phase.PROGRESSING


def versions(deployment: Deployment, sets: Sequence[ReplicaSet]) -> tuple[str | None, str | None]:
    """Find the hashes of the wanted template and of the one before it."""
    ranked = sorted((rank, one) for one in sets if (rank := _rank(one)) is not None) if sets else []
    wanted = next((one for _, one in ranked if one.meta.annotations.get(REVISION) == deployment.revision), None)
    if wanted is None:
        return None, None
    older = [one for rank, one in ranked if rank < (_rank(wanted) or 0)]
    serving = [one for one in older if one.available]
    before = serving[-1] if serving else older[-1] if older else None
    return wanted.meta.labels.get(HASH_LABEL), None if before is None else before.meta.labels.get(HASH_LABEL)


def _rank(one: ReplicaSet) -> int | None:
    text = one.meta.annotations.get(REVISION, "")
    return int(text) if text.isdigit() else None


def _failure(deployment: Deployment) -> str | None:
    for one in deployment.conditions:
        if one.type == "Progressing" and one.reason == "ProgressDeadlineExceeded":
            return one.message or one.reason
    return None


def _trouble(deployment: Deployment) -> str | None:
    """Say why its pods cannot be created (a quota, an admission refusal). None where they can."""
    for one in deployment.conditions:
        if one.type == "ReplicaFailure" and one.status == "True":
            return one_line(f"its pods are refused: {one.message or one.reason}", 200)
    return None


def _detail(deployment: Deployment) -> str:
    parts = [f"revision {deployment.revision or '?'}"]
    if not is_complete(deployment):
        parts.append(f"{deployment.updated} of {deployment.replicas} pods are new: an estimate, not the traffic")
    if (failed := _failure(deployment)) is not None:
        parts.append(failed)
    return "; ".join(parts)


def _notes(deployment: Deployment) -> tuple[str, ...]:
    found = gitops_notes(deployment.meta, "an undo")
    if deployment.paused and 0 < deployment.updated < deployment.replicas:  # pods of several versions serve at once
        share = f"{deployment.updated} of {deployment.replicas} pods are new"
        found.append(f"mixed fleet: {share}, and stay so while it is paused; nothing steers the traffic")
    return tuple(found)


def _cannot(deployment: Deployment) -> dict[str, str]:
    found = {"promote": "a Deployment goes on by itself: there is no step to promote"}
    if deployment.paused:
        found |= {"pause": "it is paused already", "restart": "it is paused: resume it first"}
    else:
        found["resume"] = "it is not paused"
    return found
