"""What a verdict depends on beside the ticks: the time, what is exposed, what the source said about its answer."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime

from console.judge.verdict import ArmTotals


@dataclass(frozen=True, slots=True)
class VerdictContext:
    """What the verdict depends on beside the ticks."""

    now: datetime
    exposed: bool
    """The canary has traffic according to the readings; False before the first stage."""
    alone: bool
    """The canary has all the traffic: no concurrent baseline."""
    canary_at: datetime | None
    baseline_at: datetime | None
    """Newest sample's own time, per arm."""
    since: datetime | None = None
    """When the stage was confirmed: its first samples need a moment to arrive."""
    min_requests: int = 0
    partial: str | None = None
    problem: str | None = None
    source_fault: str | None = None
    """Why the source does not answer, while it does not."""
    stale_after_s: float = 30.0
    tick_s: float = 10.0
    left_s: float = math.inf
    """What is left of the stage's time; 0 when it is over."""
    level: ArmTotals = field(default_factory=ArmTotals)
    """The baseline's own level, for showing it while there is no canary to pair it with."""
