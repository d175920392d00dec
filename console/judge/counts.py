"""Bad events among events: the split of both arms, the canary's own ceiling, and the share that is negligible.

A tick counts only if both arms have counters; where the canary has all the traffic, or the metric has no baseline, only
what speaks of the canary alone goes on. Everything here is immutable.
"""

from __future__ import annotations

from adapters.contract import Counts, Reading
from console.judge.absolute import Ceiling, below
from console.judge.bursts import phi_before
from console.judge.split import Split
from console.judge.standing import Standing
from console.judge.terms import Terms
from console.judge.value import Value

THEN = 1.5
"""At 100 % the canary is compared with the baseline of the hour before: above this many times it warns, never fails."""


class CountsTrack(Value):
    """What the counts of one metric have said so far."""

    __slots__ = ("k", "limit", "n", "split", "terms", "then")

    def __init__(
        self,
        terms: Terms,
        split: Split,
        limit: Ceiling | None,
        then: Ceiling | None,
        k: float = 0.0,
        n: float = 0.0,
    ) -> None:
        self.terms = terms
        self.split = split
        self.limit = limit
        self.then = then
        """Against "the canary is as bad as the baseline was before, `THEN` times"; fed where it is alone."""
        self.k, self.n = k, n
        """The canary's bad events and events of this stage, paired or alone."""

    @classmethod
    def begin(cls, terms: Terms, history: list[Counts]) -> CountsTrack:
        """Nothing judged yet. `history`: the baseline's ticks before the stage, oldest first."""
        bad, total = sum(tick.bad for tick in history), sum(tick.total for tick in history)
        return cls(
            terms,
            Split.begin(terms.tolerance, terms.worse_by, phi_before([tick.bad for tick in history])),
            Ceiling(terms.limit) if terms.limit is not None and terms.limit > 0.0 else None,
            Ceiling(THEN * bad / total) if bad > 0.0 and not terms.falling else None,
        )

    def next_stage(self) -> CountsTrack:
        """At a new stage."""
        return CountsTrack(
            self.terms,
            self.split.next_stage(),
            self.limit.next_stage() if self.limit is not None else None,
            self.then,
        )

    def after(self, reading: Reading, *, alone: bool) -> CountsTrack | None:
        """After a tick; None where it does not count (an arm is missing)."""
        canary, baseline = reading.canary, reading.baseline
        if not isinstance(canary, Counts):
            return None
        if isinstance(baseline, Counts) and not alone:
            return self.paired(reading.at.timestamp(), canary.bad, canary.total, baseline.bad, baseline.total)
        return self.single(canary.bad, canary.total) if alone else None

    def paired(self, at: float, kc: float, nc: float, kb: float, nb: float) -> CountsTrack:
        """After a tick of both arms that began `at` (unix seconds)."""
        split, limit = self.split, self.limit
        if limit is not None:
            limit = limit.after(kc, nc, split.discount(nc, nb, kc + kb))
        split = split.after(at, kb, nb, kc, nc) if self.terms.falling else split.after(at, kc, nc, kb, nb)
        return CountsTrack(self.terms, split, limit, self.then, self.k + kc, self.n + nc)

    def single(self, k: float, n: float) -> CountsTrack:
        """After a tick of the canary alone."""
        phi = self.split.bursts.phi
        limit = self.limit.after(k, n, phi) if self.limit is not None else None
        then = self.then.after(k, n, phi) if self.then is not None else None
        return CountsTrack(self.terms, self.split, limit, then, self.k + k, self.n + n)

    def standing(self, *, alone: bool) -> Standing:
        """What stands after the last tick."""
        split, terms = self.split, self.terms
        limit = self.limit.evidence if self.limit is not None else 0.0
        negligible = below(terms.negligible, self.k, self.n) if terms.negligible > 0.0 else 0.0
        share = self.k / self.n if self.n > 0.0 else None
        under_limit = share is None or terms.limit is None or share <= terms.limit
        if alone:
            under = below(terms.limit, self.k, self.n) if terms.limit else 0.0
            warn = self.then.evidence if self.then is not None else 0.0
            return Standing(
                worse=warn, limit=limit, ready=max(under, negligible), passes_by="limit" if under >= negligible else
                "negligible", fits=under_limit, can_fail=False, ratio=None, expected=None,
            )  # fmt: skip
        better = split.better.evidence
        ready = (better + negligible) / 2.0 if terms.negligible > 0.0 else better
        best = split.onset.best()
        excess = None
        if best is not None and best[3] > 0.0 and best[5] > 0.0:
            excess = best[2] / best[3] - best[4] / best[5]
        return Standing(
            worse=split.worse.evidence,
            trivial=split.trivial.evidence,
            limit=limit,
            ready=ready,
            passes_by="ratio" if better >= negligible else "negligible",
            fits=under_limit,
            ratio=split.ratio(),
            expected=split.worse_by * split.kb / split.nb * split.nc if split.nb > 0.0 else 0.0,
            excess=excess,
        )
