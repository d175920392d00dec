"""What each verb sends to a Rollout: guarded JSON Patches, none of which makes a step be skipped when sent twice. Pure.

Never copied from the vendor's tool: that one computes the next step from an earlier read and sends it without a guard,
so that a promote sent twice skips an analysis or releases the next pause. Here every patch tests what was seen, and
only `skip` and `accept` ever write a step's number.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.deploy.argo.guard import GuardToken
from adapters.deploy.argo.wire import REVISION
from adapters.kube.jsonpatch import Operation, add, check, remove, replace

WOKEN = "warroom/woken-at"
"""The annotation that `wake` writes."""


@dataclass(frozen=True, slots=True)
class RolloutPatch:
    """One call."""

    operations: tuple[Operation, ...]
    status: bool = True
    """It goes to the status subresource, which takes nothing else; otherwise to the object itself."""
    urgent: bool = False
    """It does not wait for a quiet moment."""

    def line(self, where: str) -> str:
        """The call in one line: "PATCH rollouts/web/status: test .., remove .."."""
        told = "; ".join(str(operation) for operation in self.operations)
        return f"PATCH {where}{'/status' if self.status else ''}: {told}"


def release(seen: GuardToken) -> RolloutPatch:
    """End the pause that was seen: it, at its step, of that version."""
    return RolloutPatch((*_place(seen), _pauses(seen), remove("status", "pauseConditions")))


def skip(seen: GuardToken) -> RolloutPatch:
    """Leave the step that was seen running, for the next."""
    return RolloutPatch((*_place(seen), replace("status", "currentStepIndex", value=_next(seen))))


def accept(seen: GuardToken, *, at_step: bool) -> RolloutPatch:
    """Go on in spite of an inconclusive analysis: of the step (which is then left), or of the background."""
    if not at_step:
        return release(seen)
    return RolloutPatch(
        (
            *_place(seen),
            _pauses(seen),
            check("status", "controllerPause", value=True),
            replace("status", "controllerPause", value=False),
            replace("status", "currentStepIndex", value=_next(seen)),
            remove("status", "pauseConditions"),
        )
    )


def full(seen: GuardToken) -> RolloutPatch:
    """Give the version that was seen everything, past every step, pause and analysis."""
    return RolloutPatch(
        (
            check("status", "currentPodHash", value=seen.hash),
            check("status", "stableRS", value=seen.stable),
            add("status", "promoteFull", value=True),
        )
    )


def abort(hashed: str) -> RolloutPatch:
    """Traffic back to the stable version; never fails because a step has moved, only because the version has."""
    return RolloutPatch((check("status", "currentPodHash", value=hashed), add("status", "abort", value=True)))


def retry(seen: GuardToken) -> RolloutPatch:
    """Begin again from the first step, after an abort."""
    return RolloutPatch(
        (
            check("status", "currentPodHash", value=seen.hash),
            check("status", "abort", value=True),
            replace("status", "abort", value=False),
        )
    )


def pause() -> RolloutPatch:
    """Stay where it is. Harmless when repeated."""
    return RolloutPatch((add("spec", "paused", value=True),), status=False, urgent=True)


def resume() -> RolloutPatch:
    """Take back a pause by hand, and nothing else."""
    return RolloutPatch((check("spec", "paused", value=True), replace("spec", "paused", value=False)), status=False)


def restart(at: datetime) -> RolloutPatch:
    """Replace every pod, a few at a time."""
    return RolloutPatch((add("spec", "restartAt", value=at.strftime("%Y-%m-%dT%H:%M:%SZ")),), status=False)


def wake(at: datetime) -> RolloutPatch:
    """Change nothing that counts, so that the controller hears of the object again."""
    written = add("metadata", "annotations", WOKEN, value=at.strftime("%Y-%m-%dT%H:%M:%SZ"))
    return RolloutPatch((written,), status=False, urgent=True)


def undo(shown_revision: str, template: Any) -> RolloutPatch:
    """Back to `template`, if the revision is still the one that was shown."""
    return RolloutPatch(
        (
            check("metadata", "annotations", REVISION, value=shown_revision),
            replace("spec", "template", value=template),
        ),
        status=False,
    )


def undo_workload(generation: int, template: Any) -> RolloutPatch:
    """The same for the Deployment or ReplicaSet that a Rollout takes its template from."""
    return RolloutPatch(
        (check("metadata", "generation", value=generation), replace("spec", "template", value=template)), status=False
    )


def _place(seen: GuardToken) -> tuple[Operation, ...]:
    found = [check("status", "currentPodHash", value=seen.hash)]
    if seen.index is not None:
        found.insert(0, check("status", "currentStepIndex", value=seen.index))
    if seen.active:
        found.append(check("status", "blueGreen", "activeSelector", value=seen.active))
    return tuple(found)


def _pauses(seen: GuardToken) -> Operation:
    """All of them, exactly: one that was added since is not released with the one that was seen."""
    return check(
        "status", "pauseConditions", value=[{"reason": reason, "startTime": began} for reason, began in seen.pauses]
    )


def _next(seen: GuardToken) -> int:
    return (seen.index or 0) + 1
