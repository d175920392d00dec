"""A verdict's context beside the ticks: time, exposure, and the source's state."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime

from console.judge.verdict import ArmTotals


@dataclass(frozen=True, slots=True)
class VerdictContext:
    """All that a verdict depends on beside the ticks."""

    now: datetime
    exposed: bool
    """Whether the canary has traffic according to the readings; False before the first stage."""
    alone: bool
    """Whether the canary has all the traffic, so that there is no concurrent baseline."""
    canary_at: datetime | None
    baseline_at: datetime | None
    """The newest sample's own time, per arm."""
    since: datetime | None = None
    """Time at which the stage was confirmed: its first samples arrive a moment later."""
    min_requests: int = 0
    partial: str | None = None
    problem: str | None = None
    source_fault: str | None = None
    """Reason why the source does not answer; None while it does."""
    stale_after_s: float = 30.0
    tick_s: float = 10.0
    left_s: float = math.inf
    """Rest of the stage's time in seconds; 0 when it is over."""
    level: ArmTotals = field(default_factory=ArmTotals)
    """The baseline's own level, for display while there is no canary to pair it with."""
