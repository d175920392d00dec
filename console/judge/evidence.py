"""A metric's evidence after a tick: the numbers that decide its state."""

from __future__ import annotations

from console.judge.value import Value


class Evidence(Value):
    """Evidence as odds to one, with the ratios it is about.

    The same for every data shape. Immutable by convention; a new one is made for each tick.
    """

    __slots__ = ("can_fail", "excess", "expected", "fits", "limit", "passes_by", "ratio", "ready", "trivial", "worse")

    def __init__(
        self,
        *,
        worse: float,
        trivial: float = 0.0,
        limit: float = 0.0,
        ready: float,
        passes_by: str = "ratio",
        fits: bool = True,
        can_fail: bool = True,
        ratio: float | None,
        expected: float | None,
        excess: float | None = None,
    ) -> None:
        self.worse = worse
        """Key 1: against "no worse than the baseline"."""
        self.trivial = trivial
        """Key 2: against "no worse than the tolerance"."""
        self.limit = limit
        """Ceiling: against "the canary keeps its limit"."""
        self.ready = ready
        """For a pass."""
        self.passes_by = passes_by
        """Kind of pass that `ready` is for: "ratio", "negligible" or "limit"."""
        self.fits = fits
        """Whether the canary's observed level is within its limit."""
        self.can_fail = can_fail
        """Whether key 1 may cause a FAIL; False where only the past is there to compare with."""
        self.ratio = ratio
        """canary/baseline of this stage in the direction that is worse; None if it cannot be formed."""
        self.expected = expected
        """Canary events expected in this stage from a `pass_below` times worse canary; None if not meaningful."""
        self.excess = excess
        """Absolute excess since the likeliest beginning; None if there is none."""
