"""Guarded JSON Patches for a Canary's spec. Only its controller writes its status. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.deploy.flagger.guard import GuardToken
from adapters.kube.jsonpatch import Operation, add, check


@dataclass(frozen=True, slots=True)
class CanaryPatch:
    """One call that changes a Canary."""

    operations: tuple[Operation, ...]

    def line(self, where: str) -> str:
        """Format the call on one line: "PATCH canaries/web: add /spec/suspend true"."""
        return f"PATCH {where}: {'; '.join(str(operation) for operation in self.operations)}"


def suspend() -> CanaryPatch:
    """Have Flagger ignore the Canary. Its weight stays, and so does any fault. Harmless when repeated."""
    return CanaryPatch((add("spec", "suspend", value=True),))


def unsuspend() -> CanaryPatch:
    """Have Flagger go on with the Canary, if it is suspended."""
    return CanaryPatch((check("spec", "suspend", value=True), add("spec", "suspend", value=False)))


def skip(seen: GuardToken) -> CanaryPatch:
    """Promote the release that was seen without further checks. Every later one too, until `keep`."""
    return CanaryPatch(
        (check("status", "lastAppliedSpec", value=seen.applied), add("spec", "skipAnalysis", value=True))
    )


def keep() -> CanaryPatch:
    """Have releases checked again."""
    return CanaryPatch((add("spec", "skipAnalysis", value=False),))
