"""Guarded JSON Patches for a Rollout, one per verb. None skips a step when sent twice. Pure.

Unlike the vendor's tool, which computes the next step from an earlier read and sends it without a guard, so that a
promote sent twice skips an analysis or releases the next pause. Here every patch tests the state that was seen, and
only `skip` and `accept` ever write a step's number.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from adapters.deploy.argo.guard import GuardToken
from adapters.deploy.argo.wire import REVISION
from adapters.kube.jsonpatch import Operation, Patch, add, check, remove, replace

WOKEN = "warroom/woken-at"
"""The annotation that `wake` writes."""


def _on_status(*operations: Operation) -> Patch:
    return Patch(operations, "status")


PAUSE = Patch((add("spec", "paused", value=True),), urgent=True)
"""Pause by hand. Harmless when repeated."""
RESUME = Patch((check("spec", "paused", value=True), replace("spec", "paused", value=False)))
"""End a pause by hand, and nothing else."""


def release(seen: GuardToken) -> Patch:
    """End exactly the pause that was seen, at its step and version."""
    return _on_status(*_place(seen), _pauses(seen), remove("status", "pauseConditions"))


def skip(seen: GuardToken) -> Patch:
    """Leave the running step that was seen, for the next one."""
    return _on_status(*_place(seen), _to_next_step(seen))


def accept(seen: GuardToken, *, at_step: bool) -> Patch:
    """Go on in spite of an inconclusive analysis. That of a step also leaves the step."""
    if not at_step:
        return release(seen)
    return _on_status(
        *_place(seen),
        _pauses(seen),
        check("status", "controllerPause", value=True),
        replace("status", "controllerPause", value=False),
        _to_next_step(seen),
        remove("status", "pauseConditions"),
    )


def full(seen: GuardToken) -> Patch:
    """Give the version that was seen all the traffic at once."""
    stable = check("status", "stableRS", value=seen.stable)
    return _on_status(_version(seen), stable, add("status", "promoteFull", value=True))


def abort(seen: GuardToken) -> Patch:
    """Move the traffic back to the stable version. Refused only where the version, not the step, has changed."""
    return _on_status(_version(seen), add("status", "abort", value=True))


def retry(seen: GuardToken) -> Patch:
    """Start again from the first step, after an abort."""
    aborted = check("status", "abort", value=True)
    return _on_status(_version(seen), aborted, replace("status", "abort", value=False))


def restart(at: datetime) -> Patch:
    """Replace every pod, a few at a time."""
    return Patch((add("spec", "restartAt", value=_wire_time(at)),))


def wake(at: datetime) -> Patch:
    """Write an annotation, so that the controller looks again."""
    return Patch((add("metadata", "annotations", WOKEN, value=_wire_time(at)),), urgent=True)


def undo(shown_revision: str, template: Any) -> Patch:
    """Set `template` again, if the revision is still `shown_revision`."""
    guard = check("metadata", "annotations", REVISION, value=shown_revision)
    return Patch((guard, replace("spec", "template", value=template)))


def undo_workload(generation: int, template: Any) -> Patch:
    """Set `template` again on the workload that a Rollout refers to."""
    guard = check("metadata", "generation", value=generation)
    return Patch((guard, replace("spec", "template", value=template)))


def _version(seen: GuardToken) -> Operation:
    return check("status", "currentPodHash", value=seen.hash)


def _place(seen: GuardToken) -> tuple[Operation, ...]:
    found = [_version(seen)]
    if seen.index is not None:
        found.insert(0, check("status", "currentStepIndex", value=seen.index))
    if seen.active:
        found.append(check("status", "blueGreen", "activeSelector", value=seen.active))
    return tuple(found)


def _pauses(seen: GuardToken) -> Operation:
    """Test for exactly the pauses that were seen. One added since must not be released with them."""
    pauses = [{"reason": reason, "startTime": began} for reason, began in seen.pauses]
    return check("status", "pauseConditions", value=pauses)


def _to_next_step(seen: GuardToken) -> Operation:
    return replace("status", "currentStepIndex", value=(seen.index or 0) + 1)


def _wire_time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
