"""What is sent to a Canary: guarded JSON Patches of its spec. Nobody but its controller writes its status. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.deploy.flagger.guard import GuardToken
from adapters.kube.jsonpatch import Operation, add, check


@dataclass(frozen=True, slots=True)
class CanaryPatch:
    """One call."""

    operations: tuple[Operation, ...]

    def line(self, where: str) -> str:
        """The call in one line: "PATCH canaries/web: add /spec/suspend true"."""
        return f"PATCH {where}: {'; '.join(str(operation) for operation in self.operations)}"


def suspend() -> CanaryPatch:
    """Stop looking at it: the weight stays, and so does whatever is wrong with it. Harmless when repeated."""
    return CanaryPatch((add("spec", "suspend", value=True),))


def unsuspend() -> CanaryPatch:
    """Look at it again, if it is suspended."""
    return CanaryPatch((check("spec", "suspend", value=True), add("spec", "suspend", value=False)))


def skip(seen: GuardToken) -> CanaryPatch:
    """Promote the release that was seen without any further check; stays so for every later one until taken back."""
    return CanaryPatch(
        (check("status", "lastAppliedSpec", value=seen.applied), add("spec", "skipAnalysis", value=True))
    )


def keep() -> CanaryPatch:
    """Check releases again."""
    return CanaryPatch((add("spec", "skipAnalysis", value=False),))
