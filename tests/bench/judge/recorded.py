"""Goals that need recorded traces; the repository has none, so they are reported as not measured."""

from __future__ import annotations

from tests.bench.judge.cells import Scale
from tests.bench.judge.tables import Findings, Goal, GoalResult


def run(_: Scale, __: int) -> Findings:
    """Report the goals that need a recording."""
    reason = "no recorded traces in the repository"
    return Findings(
        [],
        [
            Goal(
                "real injected faults at 8 req/s, slow share at least doubled",
                ">= 95 %, <= 30 s",
                reason,
                GoalResult.UNMEASURED,
            ),
            Goal("false halts in recorded fault-free minutes", "0", reason, GoalResult.UNMEASURED),
        ],
    )
