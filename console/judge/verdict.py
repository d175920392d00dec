"""Verdicts, and all that one depends on beside the ticks, as plain values; `console.judge.rule` makes them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

SILENT = "silent"
"""The detail of a FAIL whose data has stopped."""

NOT_JUDGED = "NOT JUDGED"
"""The detail of an unsure verdict whose recorded samples are not judged yet."""


class VerdictState(StrEnum):
    """The five states of a metric; only `pass` counts as a pass."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    UNSURE = "unsure"
    STALE = "stale"
    NO_DATA = "no_data"


@dataclass(frozen=True, slots=True)
class ArmTotals:
    """One arm's totals of the current stage."""

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
    """95 % interval of the ratio, valid at all times; high may be infinite."""
    brief: str = ""
    """The part of the reason that state, ratio and odds do not give: the beginning, the time left."""
    detail: str = ""
    """For `unsure` its kind: WARN, WARMING UP, WATCHING, INCONCLUSIVE, NOT JUDGED; for a pass what it excludes ("<2x");
    for a FAIL whose data has stopped `SILENT`."""
    evidence: float | None = None
    """Odds to one against "no worse than the baseline"; None before anything was judged."""
    ready: float | None = None
    """Odds to one for a pass."""
    trivial: float | None = None
    """Odds to one against "no worse than the tolerance"."""
    since: datetime | None = None
    """The likeliest beginning of a regression, as a point estimate; None if there is none."""
    lately: float | None = None
    """canary / baseline since then; `ratio` is of the whole stage."""
    idle: bool = False
    """Nothing is exposed, so no verdict is expected: no_data without an alarm."""
    age_s: float | None = None
    """Age of the newest sample of the older arm; None without samples."""


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
    unjudged: int = 0
    """Recorded samples that the track lacks."""
    level: ArmTotals = ArmTotals()
    """The baseline's own level, for display while there is no canary to pair it with."""


class StageWord(StrEnum):
    """The stage's own state; the first that applies is used."""

    FAIL = "FAIL"
    HOLD = "HOLD"
    WARN = "WARN"
    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    WATCHING = "WATCHING"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True)
class StageVerdict:
    """The verdict of all metrics of a stage."""

    word: StageWord
    reason: str
    evidence: float = 1.0
    """The mean of the critical metrics' evidence."""
    metric: str | None = None
    """The deciding metric, if there is one."""
    mismatch: float | None = None
    """The canary's observed share of the traffic (0..1) if it differs from the set share."""
    flagged: tuple[str, ...] = ()
    """`info` metrics that stand out (e-BH at 10 %); shown, without effect."""
