"""Guarded JSON Patches for a Rollout, one per verb. None skips a step when sent twice. Pure.

Unlike the vendor's tool, which computes the next step from an earlier read and sends it without a guard, so that a
promote sent twice skips an analysis or releases the next pause. Here every patch tests the state that was seen, and
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
    """One call that changes a Rollout."""

    operations: tuple[Operation, ...]
    status: bool = True
    """True: it goes to the status subresource, which takes nothing else; False: to the object itself."""
    urgent: bool = False
    """True: it does not wait for a quiet moment."""

    def line(self, where: str) -> str:
        """Format the call on one line: "PATCH rollouts/web/status: test ..; remove .."."""
        operations = "; ".join(str(operation) for operation in self.operations)
        return f"PATCH {where}{'/status' if self.status else ''}: {operations}"


def release(seen: GuardToken) -> RolloutPatch:
    """End exactly the pause that was seen, at its step and version."""
    return RolloutPatch((*_place(seen), _pauses(seen), remove("status", "pauseConditions")))


def skip(seen: GuardToken) -> RolloutPatch:
    """Leave the running step that was seen, for the next one."""
    return RolloutPatch((*_place(seen), replace("status", "currentStepIndex", value=_next(seen))))


def accept(seen: GuardToken, *, at_step: bool) -> RolloutPatch:
    """Go on in spite of an inconclusive analysis. That of a step also leaves the step."""
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
    """Give the version that was seen all the traffic at once."""
    return RolloutPatch(
        (
            check("status", "currentPodHash", value=seen.hash),
            check("status", "stableRS", value=seen.stable),
            add("status", "promoteFull", value=True),
        )
    )


def abort(hashed: str) -> RolloutPatch:
    """Move the traffic back to the stable version. Refused only where the version, not the step, has changed."""
    return RolloutPatch((check("status", "currentPodHash", value=hashed), add("status", "abort", value=True)))


def retry(seen: GuardToken) -> RolloutPatch:
    """Start again from the first step, after an abort."""
    return RolloutPatch(
        (
            check("status", "currentPodHash", value=seen.hash),
            check("status", "abort", value=True),
            replace("status", "abort", value=False),
        )
    )


def pause() -> RolloutPatch:
    """Pause by hand. Harmless when repeated."""
    return RolloutPatch((add("spec", "paused", value=True),), status=False, urgent=True)


def resume() -> RolloutPatch:
    """End a pause by hand, and nothing else."""
    return RolloutPatch((check("spec", "paused", value=True), replace("spec", "paused", value=False)), status=False)


def restart(at: datetime) -> RolloutPatch:
    """Replace every pod, a few at a time."""
    return RolloutPatch((add("spec", "restartAt", value=at.strftime("%Y-%m-%dT%H:%M:%SZ")),), status=False)


def wake(at: datetime) -> RolloutPatch:
    """Write an annotation, so that the controller looks again."""
    written = add("metadata", "annotations", WOKEN, value=at.strftime("%Y-%m-%dT%H:%M:%SZ"))
    return RolloutPatch((written,), status=False, urgent=True)


def undo(shown_revision: str, template: Any) -> RolloutPatch:
    """Set `template` again, if the revision is still `shown_revision`."""
    return RolloutPatch(
        (
            check("metadata", "annotations", REVISION, value=shown_revision),
            replace("spec", "template", value=template),
        ),
        status=False,
    )


def undo_workload(generation: int, template: Any) -> RolloutPatch:
    """Set `template` again on the workload that a Rollout refers to."""
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
    """Test for exactly the pauses that were seen. One added since must not be released with them."""
    return check(
        "status", "pauseConditions", value=[{"reason": reason, "startTime": began} for reason, began in seen.pauses]
    )


def _next(seen: GuardToken) -> int:
    return (seen.index or 0) + 1
