"""What was concluded and stays concluded: a FAIL is latched, a WARN has two thresholds. Immutable.

A latched FAIL survives good minutes and silence. A recorded override of the metric, and a new stage, let it go; from
then on it takes twice the evidence that stood at that moment to latch again.
"""

from __future__ import annotations

from console.judge.value import Value

CONVICT = 100.0
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

    __slots__ = ("acknowledged", "by", "failed_at", "peak", "warned")

    def __init__(
        self,
        failed_at: float | None = None,
        by: str = "",
        peak: float = 0.0,
        acknowledged: float = 0.0,
        warned: bool = False,
    ) -> None:
        self.failed_at = failed_at
        """Start of the tick that latched the FAIL, unix seconds."""
        self.by = by
        """What convicted: "worse" or "limit"."""
        self.peak = peak
        """The largest evidence since the FAIL was latched."""
        self.acknowledged = acknowledged
        """The evidence that somebody has already overridden."""
        self.warned = warned

    def after(self, at: float, *, worse: float, trivial: float, limit: float, clearly: bool, above: bool) -> Latch:
        """After a tick.

        Args:
            worse, trivial, limit: evidence of key 1, key 2, the ceiling.
            clearly: the excess is large enough to matter in absolute terms.
            above: the ratio is at or above the tolerance.
        """
        needed = max(CONVICT, 2.0 * self.acknowledged)
        convicted = worse >= needed and trivial >= NOT_TRIVIAL and clearly
        over = limit >= needed
        most = max(worse, limit)
        warned = (most >= CALM) if self.warned else (worse >= WARN and above) or limit >= WARN
        if self.failed_at is not None:
            return Latch(self.failed_at, self.by, max(self.peak, most), self.acknowledged, warned)
        if convicted or over:
            return Latch(at, "limit" if over and not convicted else "worse", most, self.acknowledged, warned)
        return Latch(None, "", 0.0, self.acknowledged, warned)

    def let_go(self, evidence: float) -> Latch:
        """After an override, or at a new stage, with this much evidence standing."""
        if self.failed_at is None:
            return self
        return Latch(None, "", 0.0, max(self.acknowledged, evidence), warned=True)
