"""A metric's lasting conclusions: a latched FAIL, and a WARN with two thresholds.

A latched FAIL survives good minutes and silence. A recorded override of the metric, or a new stage, releases it. From
then on a FAIL takes twice the evidence of that moment. This holds for each kind of FAIL separately: an override of
"worse than the baseline" says nothing about the limit. Immutable.
"""

from __future__ import annotations

from console.judge.value import Value

FAIL_AT = 100.0
"""Key 1: evidence against "no worse" for a FAIL. At most 1 in 100 healthy rollouts, however often judged."""
NOT_TRIVIAL = 5.0
"""Key 2: evidence against "no worse than the tolerance" for a FAIL, at the same tick as key 1."""
WARN = 10.0
"""Evidence at which a WARN begins."""
CALM = 5.0
"""Evidence below which a WARN ends."""
READY = 20.0
"""Evidence against "`pass_below` or worse" for a pass."""


class Latch(Value):
    """One metric's lasting conclusions."""

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
        """Start of the tick that latched the FAIL, in unix seconds; None without a FAIL."""
        self.by = by
        """Cause of the FAIL: "worse", or "limit" once the limit was broken, which fails a stage by itself."""
        self.peak = peak
        """Largest evidence of that kind since then."""
        self.acknowledged = acknowledged
        """Evidence of key 1 that was overridden."""
        self.limit_acknowledged = over
        """Evidence of the ceiling that was overridden."""
        self.warned = warned

    @property
    def needed_worse(self) -> float:
        """Evidence of key 1 that a FAIL needs."""
        return max(FAIL_AT, 2.0 * self.acknowledged)

    @property
    def needed_limit(self) -> float:
        """Evidence of the ceiling that a FAIL needs."""
        return max(FAIL_AT, 2.0 * self.limit_acknowledged)

    def after(self, at: float, *, worse: float, trivial: float, limit: float, material: bool, above: bool) -> Latch:
        """The latch after a tick.

        Args:
            at: the tick's start, unix seconds.
            worse, trivial, limit: evidence of key 1, key 2, the ceiling.
            material: the excess is large enough to matter in absolute terms.
            above: the ratio is at or above the tolerance.
        """
        convicted = worse >= self.needed_worse and trivial >= NOT_TRIVIAL and material
        broken = limit >= self.needed_limit
        most = max(worse, limit)
        warned = (most >= CALM) if self.warned else (worse >= WARN and above) or limit >= WARN
        failed_at = at if self.failed_at is None and (convicted or broken) else self.failed_at
        if failed_at is None:
            return self._with(None, "", 0.0, warned=warned)
        by = "limit" if broken else self.by or "worse"
        peak = self.peak if by == self.by else 0.0
        return self._with(failed_at, by, max(peak, limit if by == "limit" else worse), warned=warned)

    def with_warning(self, warned: bool) -> Latch:
        """A copy with `warned` replaced."""
        return self._with(self.failed_at, self.by, self.peak, warned=warned)

    def _with(self, failed_at: float | None, by: str, peak: float, *, warned: bool) -> Latch:
        return Latch(failed_at, by, peak, self.acknowledged, self.limit_acknowledged, warned=warned)

    def release(self, *, worse: float, limit: float) -> Latch:
        """The latch after an override or at a new stage."""
        if self.failed_at is None:
            return self
        return Latch(None, "", 0.0, max(self.acknowledged, worse), max(self.limit_acknowledged, limit), warned=True)
