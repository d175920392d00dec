"""What a metric's evidence says after a tick, whatever its shape: the numbers from which a state is decided."""

from __future__ import annotations

from console.judge.value import Value


class Evidence(Value):
    """Evidence ("so many to one") and what it is about. Immutable by convention, made anew for each tick."""

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
        """Against "the canary keeps its limit"."""
        self.ready = ready
        """For a pass."""
        self.passes_by = passes_by
        """What a pass would have shown: "ratio", "negligible" or "limit"."""
        self.fits = fits
        """The canary's own level, as seen, is within its limit."""
        self.can_fail = can_fail
        """Key 1 may convict; False where there is only the past to compare with."""
        self.ratio = ratio
        """canary/baseline in the direction that is worse, this stage; None where it cannot be formed."""
        self.expected = expected
        """Canary events expected in this stage if it were `pass_below` times worse; None where that says nothing."""
        self.excess = excess
        """Absolute excess since the likeliest beginning; None where nothing speaks for one."""
