"""Bad events among events: the split of both arms, the canary's own ceiling, and the share that is negligible.

A tick counts only if both arms have counters; where the canary has all the traffic, or the metric has no baseline, only
what speaks of the canary alone goes on. Everything here is immutable.
"""

from __future__ import annotations

from adapters.contract import Counts, Reading
from console.judge.absolute import Ceiling, Floor
from console.judge.bursts import phi_before
from console.judge.evidence import Evidence
from console.judge.policy import MetricPolicy
from console.judge.split import Split
from console.judge.value import Value

THEN = 1.5
"""At 100 % the canary is compared with the baseline of the hour before: above this many times it warns, never fails."""
NONE_IDLE = ("", 0, 0.0)


class CountsTrack(Value):
    """What the counts of one metric have said so far."""

    __slots__ = ("floor", "idle", "k", "limit", "n", "split", "terms", "then", "under", "weight")

    def __init__(
        self,
        terms: MetricPolicy,
        split: Split,
        *,
        limit: Ceiling | None,
        then: Ceiling | None,
        floor: Floor | None,
        under: Floor | None,
        weight: float,
        k: float = 0.0,
        n: float = 0.0,
        idle: tuple[str, int, float] = NONE_IDLE,
    ) -> None:
        self.terms = terms
        self.split = split
        self.limit = limit
        self.then = then
        """Against "the canary is at most `THEN` times as bad as the baseline was before"; fed where it is alone."""
        self.floor = floor
        """In this stage, against "the canary's share is not negligible"."""
        self.under = under
        """In this stage, against "the canary is at its limit or above"; what a pass rests on where it is alone."""
        self.weight = weight
        """What the negligible share's evidence weighs beside the ratio's: fixed before the stage, from the history."""
        self.k, self.n = k, n
        """The canary's bad events and events of this stage, paired or alone."""
        self.idle = idle
        """An arm that has had no event beside the other's, for how many ticks, and how many its share would have meant
        by then."""

    @classmethod
    def begin(cls, terms: MetricPolicy, history: list[Counts]) -> CountsTrack:
        """Nothing judged yet. `history`: the baseline's ticks before the stage, oldest first."""
        bad, total = sum(tick.bad for tick in history), sum(tick.total for tick in history)
        common = total > 0.0 and bad / total >= terms.negligible
        limited = terms.limit is not None and terms.limit > 0.0
        return cls(
            terms,
            Split.begin(terms.tolerance, terms.worse_by, phi_before([tick.bad for tick in history])),
            limit=Ceiling(terms.limit) if terms.limit is not None and limited else None,
            then=Ceiling(THEN * bad / total) if bad > 0.0 and not terms.falling else None,
            floor=Floor(terms.negligible) if terms.negligible > 0.0 else None,
            under=Floor(terms.limit) if terms.limit is not None and limited else None,
            weight=0.0 if terms.negligible <= 0.0 or common else 0.5,
        )

    def next_stage(self) -> CountsTrack:
        """At a new stage."""
        return CountsTrack(
            self.terms,
            self.split.next_stage(),
            limit=self.limit.next_stage() if self.limit is not None else None,
            then=self.then,
            floor=Floor(self.floor.rate) if self.floor is not None else None,
            under=Floor(self.under.rate) if self.under is not None else None,
            weight=self.weight,
        )

    def discounted(self) -> CountsTrack:
        """After an override: see `Mixture.eased`."""
        return CountsTrack(
            self.terms,
            self.split.discounted(),
            limit=self.limit.discounted() if self.limit is not None else None,
            then=self.then,
            floor=self.floor,
            under=self.under,
            weight=self.weight,
            k=self.k,
            n=self.n,
            idle=self.idle,
        )

    def after(self, reading: Reading, *, alone: bool) -> CountsTrack | None:
        """After a tick; None where it does not count (an arm is missing)."""
        canary, baseline = reading.canary, reading.baseline
        if not isinstance(canary, Counts):
            return None
        if alone:
            return self._with(self.split, canary, None)
        if not isinstance(baseline, Counts):
            return None
        at, split = reading.at.timestamp(), self.split
        if self.terms.falling:
            split = split.after(at, baseline.bad, baseline.total, canary.bad, canary.total)
        else:
            split = split.after(at, canary.bad, canary.total, baseline.bad, baseline.total)
        return self._with(split, canary, baseline)

    def _with(self, split: Split, canary: Counts, baseline: Counts | None) -> CountsTrack:
        """With a canary tick added to what speaks of the canary alone; phi is what it was before this tick."""
        k, n, phi = canary.bad, canary.total, self.split.bursts.phi
        return CountsTrack(
            self.terms,
            split,
            limit=self.limit.after(k, n, phi) if self.limit is not None else None,
            then=self.then.after(k, n, phi) if self.then is not None and baseline is None else self.then,
            floor=self.floor.after(k, n, phi) if self.floor is not None else None,
            under=self.under.after(k, n, phi) if self.under is not None else None,
            weight=self.weight,
            k=self.k + k,
            n=self.n + n,
            idle=self._idle_after(canary.total, baseline.total) if baseline is not None else NONE_IDLE,
        )

    def _idle_after(self, nc: float, nb: float) -> tuple[str, int, float]:
        """`idle` after a tick with so many events of the canary and of the baseline."""
        if nc <= 0.0 and nb <= 0.0:
            return self.idle
        if nc > 0.0 and nb > 0.0:
            return NONE_IDLE
        others = self.split.nc if self.terms.falling else self.split.nb
        arm, events, own, other = ("canary", nb, self.n, others) if nc <= 0.0 else ("baseline", nc, others, self.n)
        due = events * own / other if other > 0.0 else 0.0
        known, ticks, so_far = self.idle
        return (arm, ticks + 1, so_far + due) if known == arm else (arm, 1, due)

    def evidence(self, *, alone: bool) -> Evidence:
        """What stands after the last tick."""
        terms = self.terms
        limit = self.limit.evidence if self.limit is not None else 0.0
        floor = self.floor.evidence if self.floor is not None else 0.0
        fits = self.n <= 0.0 or terms.limit is None or self.k / self.n <= terms.limit
        if alone:
            under = self.under.evidence if self.under is not None else 0.0
            return Evidence(
                worse=self.then.evidence if self.then is not None else 0.0,
                limit=limit,
                ready=max(under, floor),
                passes_by="limit" if under >= floor else "negligible",
                fits=fits,
                can_fail=False,
                ratio=None,
                expected=None,
            )
        split = self.split
        better = split.better.evidence
        return Evidence(
            worse=split.worse.evidence,
            trivial=split.trivial.evidence,
            limit=limit,
            ready=(1.0 - self.weight) * better + self.weight * floor,
            passes_by="ratio" if better >= floor or self.weight <= 0.0 else "negligible",
            fits=fits,
            ratio=split.ratio(),
            expected=split.worse_by * split.kb / split.nb * split.nc if split.nb > 0.0 else 0.0,
            excess=split.excess.estimate(split.worse),
        )
