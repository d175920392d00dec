"""Model of bad events among all events.

It combines the split between the arms, the canary's own ceiling, and the negligible share. A tick counts only if both
arms have counters. Where the canary has all the traffic, or the metric has no baseline, only the evidence about the
canary alone continues. All values are immutable.
"""

from __future__ import annotations

from copy import copy

from adapters.contract import Counts, Reading
from console.judge.absolute import Ceiling, Floor
from console.judge.bursts import phi_before
from console.judge.evidence import Evidence
from console.judge.policy import MetricPolicy
from console.judge.split import Split
from console.judge.value import Value

PAST_TOLERANCE = 1.5
"""Ratio to the baseline of the hour before, above which a canary at 100 % warns; it never fails by it."""
NOT_IDLE = ("", 0, 0.0)


class CountsTrack(Value):
    """Evidence from the counts of one metric so far."""

    __slots__ = ("floor", "idle", "k", "limit", "n", "policy", "split", "then", "under", "weight")

    def __init__(
        self,
        policy: MetricPolicy,
        split: Split,
        *,
        limit: Ceiling | None,
        then: Ceiling | None,
        floor: Floor | None,
        under: Floor | None,
        weight: float,
        k: float = 0.0,
        n: float = 0.0,
        idle: tuple[str, int, float] = NOT_IDLE,
    ) -> None:
        self.policy = policy
        self.split = split
        self.limit = limit
        self.then = then
        """Against "at most `PAST_TOLERANCE` times as bad as the baseline before"; updated where the canary is alone."""
        self.floor = floor
        """Of this stage, against "the canary's share is not negligible"."""
        self.under = under
        """Of this stage, against "the canary is at its limit or above"; a pass without a baseline rests on it."""
        self.weight = weight
        """Weight of the negligible share's evidence beside the ratio's, fixed before the stage from the history."""
        self.k, self.n = k, n
        """The canary's bad events and all its events of this stage, paired or alone."""
        self.idle = idle
        """(arm without events while the other has some, or ""; ticks since; events expected by its earlier share)."""

    @classmethod
    def begin(cls, policy: MetricPolicy, history: list[Counts]) -> CountsTrack:
        """A track with nothing judged yet; `history` has the baseline's ticks before the stage, oldest first."""
        bad, total = sum(tick.bad for tick in history), sum(tick.total for tick in history)
        common = total > 0.0 and bad / total >= policy.negligible
        limited = policy.limit is not None and policy.limit > 0.0
        return cls(
            policy,
            Split.begin(policy.tolerance, policy.worse_by, phi_before([tick.bad for tick in history])),
            limit=Ceiling(policy.limit) if policy.limit is not None and limited else None,
            then=Ceiling(PAST_TOLERANCE * bad / total) if bad > 0.0 and not policy.falling else None,
            floor=Floor(policy.negligible) if policy.negligible > 0.0 else None,
            under=Floor(policy.limit) if policy.limit is not None and limited else None,
            weight=0.0 if policy.negligible <= 0.0 or common else 0.5,
        )

    def next_stage(self) -> CountsTrack:
        """The track at a new stage."""
        track = copy(self)
        track.split = self.split.next_stage()
        track.limit = self.limit.next_stage() if self.limit is not None else None
        track.floor = Floor(self.floor.rate) if self.floor is not None else None
        track.under = Floor(self.under.rate) if self.under is not None else None
        track.k, track.n, track.idle = 0.0, 0.0, NOT_IDLE
        return track

    def after_override(self) -> CountsTrack:
        """The track after an override: see `Mixture.after_override`."""
        track = copy(self)
        track.split = self.split.after_override()
        track.limit = self.limit.after_override() if self.limit is not None else None
        return track

    def after(self, reading: Reading, *, alone: bool) -> CountsTrack | None:
        """The track after a tick; None if an arm is missing."""
        canary, baseline = reading.canary, reading.baseline
        if not isinstance(canary, Counts):
            return None
        if alone:
            return self._with(self.split, canary, None)
        if not isinstance(baseline, Counts):
            return None
        at, split = reading.at.timestamp(), self.split
        if self.policy.falling:
            split = split.after(at, baseline.bad, baseline.total, canary.bad, canary.total)
        else:
            split = split.after(at, canary.bad, canary.total, baseline.bad, baseline.total)
        return self._with(split, canary, baseline)

    def _with(self, split: Split, canary: Counts, baseline: Counts | None) -> CountsTrack:
        """A copy with `split`, and a tick added to the canary's own evidence, with phi from before this tick."""
        k, n, phi = canary.bad, canary.total, self.split.bursts.phi
        return CountsTrack(
            self.policy,
            split,
            limit=self.limit.after(k, n, phi) if self.limit is not None else None,
            then=self.then.after(k, n, phi) if self.then is not None and baseline is None else self.then,
            floor=self.floor.after(k, n, phi) if self.floor is not None else None,
            under=self.under.after(k, n, phi) if self.under is not None else None,
            weight=self.weight,
            k=self.k + k,
            n=self.n + n,
            idle=self._idle_after(canary.total, baseline.total) if baseline is not None else NOT_IDLE,
        )

    def _idle_after(self, nc: float, nb: float) -> tuple[str, int, float]:
        """`idle` after a tick with `nc` canary and `nb` baseline events."""
        if nc <= 0.0 and nb <= 0.0:
            return self.idle
        if nc > 0.0 and nb > 0.0:
            return NOT_IDLE
        others = self.split.nc if self.policy.falling else self.split.nb
        arm, events, own, other = ("canary", nb, self.n, others) if nc <= 0.0 else ("baseline", nc, others, self.n)
        due = events * own / other if other > 0.0 else 0.0
        known, ticks, so_far = self.idle
        return (arm, ticks + 1, so_far + due) if known == arm else (arm, 1, due)

    def evidence(self, *, alone: bool) -> Evidence:
        """Evidence after the last tick."""
        policy = self.policy
        limit = self.limit.evidence if self.limit is not None else 0.0
        floor = self.floor.evidence if self.floor is not None else 0.0
        fits = self.n <= 0.0 or policy.limit is None or self.k / self.n <= policy.limit
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
