"""Recorded traces. None is kept in the repository, so what needs one says so."""

from __future__ import annotations

from tests.bench.judge.cells import Scale
from tests.bench.judge.tables import Findings, Goal, Held


def run(_: Scale, __: int) -> Findings:
    """The goals that only a recording can show."""
    why = "no recorded traces in the repository"
    return Findings(
        [],
        [
            Goal(
                "real injected faults at 8 req/s, slow share at least doubled", ">= 95 %, <= 30 s", why, Held.UNMEASURED
            ),
            Goal("false halts in recorded fault-free minutes", "0", why, Held.UNMEASURED),
        ],
    )
