"""What a verdict says: plain values. How it is reached: `console.judge.rule`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class VerdictState(StrEnum):
    """The five states. Don't know is a first-class answer, and only `pass` is a pass."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    UNSURE = "unsure"
    STALE = "stale"
    NO_DATA = "no_data"


@dataclass(frozen=True, slots=True)
class ArmTotals:
    """One arm's evidence in the current stage: events for counts, ticks and their mean for a gauge."""

    n: float = 0.0
    """Events (counts) or ticks (gauge)."""
    bad: float = 0.0
    """Bad events; 0 for a gauge."""
    value: float | None = None
    """The share bad/n (0..1) for counts, the mean level for a gauge; None without data."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One metric's verdict with its evidence and a one-line reason."""

    metric: str
    state: VerdictState
    reason: str
    canary: ArmTotals = ArmTotals()
    baseline: ArmTotals = ArmTotals()
    ratio: float | None = None
    """canary / baseline, point estimate; None when it cannot be formed."""
    low: float | None = None
    high: float | None = None
    """Two-sided 99 % interval of the ratio; high may be infinite."""
    idle: bool = False
    """Nothing is exposed, so that no verdict is expected: no_data without alarm."""
    age_s: float | None = None
    """Age of the newest sample of the arm that is behind; None when there is none."""
