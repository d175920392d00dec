"""What was concluded and stays concluded: a FAIL is latched, a WARN has two thresholds. Immutable.

A latched FAIL survives good minutes and silence. A recorded override of the metric, and a new stage, let it go; from
then on it takes twice the evidence that stood at that moment to latch again, each way to a FAIL by itself: who has
overridden "worse than the baseline" has not seen the limit broken.
"""

from __future__ import annotations

from console.judge.value import Value

FAIL_AT = 100.0
"""Key 1: evidence against "no worse" that a FAIL needs. 1 in 100 healthy rollouts at most, however often looked at."""
NOT_TRIVIAL = 5.0
"""Key 2: evidence against "no worse than the tolerance" that a FAIL needs at the same tick."""
WARN = 10.0
CALM = 5.0
"""A WARN begins at the one and ends below the other."""
READY = 20.0
"""Evidence against "`pass_below` or worse" that a pass needs."""


class Latch(Value):
    """One metric's standing conclusions."""

    __slots__ = ("acknowledged", "by", "failed_at", "limit_acknowledged", "peak", "warned")

    def __init__(
        self,
        failed_at: float | None = None,
        by: str = "",
        peak: float = 0.0,
        acknowledged: float = 0.0,
        over: float = 0.0,
        *,
        warned: bool = False,
    ) -> None:
        self.failed_at = failed_at
        """Start of the tick that latched the FAIL, unix seconds."""
        self.by = by
        """What convicted: "worse", or "limit" from when the limit was broken, which fails a stage by itself."""
        self.peak = peak
        """The largest evidence of that kind since then."""
        self.acknowledged = acknowledged
        """The evidence of key 1 that somebody has already overridden."""
        self.limit_acknowledged = over
        """The same of the ceiling's evidence."""
        self.warned = warned

    @property
    def needed_worse(self) -> float:
        """What key 1 takes for a FAIL."""
        return max(FAIL_AT, 2.0 * self.acknowledged)

    @property
    def needed_limit(self) -> float:
        """What the ceiling's evidence takes."""
        return max(FAIL_AT, 2.0 * self.limit_acknowledged)

    def after(self, at: float, *, worse: float, trivial: float, limit: float, clearly: bool, above: bool) -> Latch:
        """After a tick.

        Args:
            worse, trivial, limit: evidence of key 1, key 2, the ceiling.
            clearly: the excess is large enough to matter in absolute terms.
            above: the ratio is at or above the tolerance.
        """
        convicted = worse >= self.needed_worse and trivial >= NOT_TRIVIAL and clearly
        broken = limit >= self.needed_limit
        most = max(worse, limit)
        warned = (most >= CALM) if self.warned else (worse >= WARN and above) or limit >= WARN
        failed_at = at if self.failed_at is None and (convicted or broken) else self.failed_at
        if failed_at is None:
            return self._with(None, "", 0.0, warned=warned)
        by = "limit" if broken else self.by or "worse"
        peak = self.peak if by == self.by else 0.0
        return self._with(failed_at, by, max(peak, limit if by == "limit" else worse), warned=warned)

    def warning(self, warned: bool) -> Latch:
        """The same with another word on the WARN."""
        return self._with(self.failed_at, self.by, self.peak, warned=warned)

    def _with(self, failed_at: float | None, by: str, peak: float, *, warned: bool) -> Latch:
        return Latch(failed_at, by, peak, self.acknowledged, self.limit_acknowledged, warned=warned)

    def release(self, *, worse: float, limit: float) -> Latch:
        """After an override, or at a new stage, with this much evidence standing."""
        if self.failed_at is None:
            return self
        return Latch(None, "", 0.0, max(self.acknowledged, worse), max(self.limit_acknowledged, limit), warned=True)
