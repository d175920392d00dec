"""What a verdict says: plain values. How it is reached: `console.judge.rule`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

SILENT = "silent"
"""The detail of a FAIL whose data has stopped."""


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
    """95 % interval of the ratio, valid however often it is looked at; high may be infinite."""
    brief: str = ""
    """What of the reason is not said by state, ratio and odds, in few words: since when, how long to go."""
    detail: str = ""
    """For `unsure`, which kind: WARN, WARMING UP, WATCHING, INCONCLUSIVE; for a pass what it excludes ("<2x"); for a
    FAIL whose data has stopped `SILENT`."""
    evidence: float | None = None
    """So many to one against "no worse than the baseline"; None before anything was judged."""
    ready: float | None = None
    """So many to one for a pass."""
    trivial: float | None = None
    """So many to one against "no worse than the tolerance"."""
    since: datetime | None = None
    """The likeliest beginning of a regression; a point estimate, None while nothing speaks for one."""
    lately: float | None = None
    """canary / baseline since then; `ratio` is of the whole stage."""
    idle: bool = False
    """Nothing is exposed, so that no verdict is expected: no_data without alarm."""
    age_s: float | None = None
    """Age of the newest sample of the arm that is behind; None when there is none."""


class StageWord(StrEnum):
    """The stage's own state; the first that fits holds."""

    FAIL = "FAIL"
    HOLD = "HOLD"
    WARN = "WARN"
    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    WATCHING = "WATCHING"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True)
class StageVerdict:
    """What the metrics of a stage say together."""

    word: StageWord
    reason: str
    evidence: float = 1.0
    """The mean of the critical metrics' evidence."""
    metric: str | None = None
    """The metric that decided, where one did."""
    mismatch: float | None = None
    """The canary's observed share of the traffic (0..1) where it is not the share it was given."""
    flagged: tuple[str, ...] = ()
    """`info` metrics that stand out (e-BH at 10 %); shown, never acted upon."""
