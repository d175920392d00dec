"""Latency from a histogram: a request slower than a fixed bucket edge is bad.

The edges are chosen once, from the baseline before the stage: those nearest its p90 and its p99. Each edge has a counts
model, and their evidence is averaged (the average of e-values is an e-value under any dependence). Without a history
the baseline's first ticks of the stage choose the edges, and are then not judged.
"""

from __future__ import annotations

from adapters.contract import Buckets, Counts, Reading
from console.judge.counts import CountsTrack
from console.judge.evidence import Evidence
from console.judge.policy import MetricPolicy
from console.judge.value import Value

QUANTILES = (0.9, 0.99)
_ENOUGH = 100.0
"""Baseline requests needed to choose the edges."""


def chosen_edges(history: list[Buckets]) -> tuple[float, ...]:
    """The bucket edges nearest the baseline's p90 and p99, in the histogram's unit.

    () with fewer than `_ENOUGH` requests.
    """
    total = 0.0
    within: dict[float, float] = {}
    for buckets in history:
        total += buckets.total
        for edge, count in buckets.within:
            within[edge] = within.get(edge, 0.0) + count
    if total < _ENOUGH or not within:
        return ()
    nearest = (min(within, key=lambda edge: (abs(within[edge] / total - quantile), edge)) for quantile in QUANTILES)
    return tuple(sorted(set(nearest)))


def slow_counts(buckets: Buckets, edge: float) -> Counts | None:
    """Requests slower than `edge` as bad events; None without such an edge."""
    for bound, count in buckets.within:
        if bound == edge:
            return Counts(total=buckets.total, bad=buckets.total - count)
    return None


def slow_reading(reading: Reading, edge: float) -> Reading:
    """The tick with each arm's histogram as `slow_counts`; an arm that is none, or lacks the edge, is a gap."""
    arms = [slow_counts(arm, edge) if isinstance(arm, Buckets) else None for arm in (reading.canary, reading.baseline)]
    return Reading(reading.at, arms[0], arms[1])


class LatencyTrack(Value):
    """One counts model per edge. Immutable."""

    __slots__ = ("collected", "edges", "policy", "tracks")

    def __init__(
        self,
        policy: MetricPolicy,
        edges: tuple[float, ...],
        tracks: tuple[CountsTrack, ...],
        collected: tuple[Buckets, ...] = (),
    ) -> None:
        self.policy = policy
        self.edges = edges
        """Bucket edges, fixed once chosen; () before that."""
        self.tracks = tracks
        self.collected = collected
        """Baseline ticks collected while the edges are not chosen yet."""

    @classmethod
    def begin(cls, policy: MetricPolicy, history: list[Buckets]) -> LatencyTrack:
        """A track with nothing judged yet; `history` has the baseline's ticks before the stage, oldest first."""
        chosen = chosen_edges(history)
        tracks = []
        for edge in chosen:
            counts = [count for buckets in history if (count := slow_counts(buckets, edge)) is not None]
            tracks.append(CountsTrack.begin(policy, counts))
        return cls(policy, chosen, tuple(tracks))

    def next_stage(self) -> LatencyTrack:
        """The track at a new stage; the edges stay."""
        return LatencyTrack(self.policy, self.edges, tuple(track.next_stage() for track in self.tracks), self.collected)

    def after_override(self) -> LatencyTrack:
        """The track after an override: see `Mixture.after_override`."""
        tracks = tuple(track.after_override() for track in self.tracks)
        return LatencyTrack(self.policy, self.edges, tracks, self.collected)

    def after(self, reading: Reading, *, alone: bool) -> LatencyTrack | None:
        """The track after a tick; None if the tick does not count."""
        if not self.edges:
            return self._choose(reading.baseline)
        tracks = []
        for edge, track in zip(self.edges, self.tracks, strict=True):
            after = track.after(slow_reading(reading, edge), alone=alone)
            if after is None:
                return None
            tracks.append(after)
        return LatencyTrack(self.policy, self.edges, tuple(tracks))

    def _choose(self, baseline: object) -> LatencyTrack | None:
        if not isinstance(baseline, Buckets):
            return None
        begun = LatencyTrack.begin(self.policy, [*self.collected, baseline])
        return begun if begun.edges else LatencyTrack(self.policy, (), (), (*self.collected, baseline))

    def evidence(self, *, alone: bool) -> Evidence:
        """Evidence after the last tick: averaged over the edges, ratios of the dominant edge."""
        if not self.tracks:
            return Evidence(worse=1.0, ready=1.0, ratio=None, expected=0.0)
        each = [track.evidence(alone=alone) for track in self.tracks]
        top = max(each, key=lambda evidence: evidence.worse)
        count = len(each)
        return Evidence(
            worse=sum(evidence.worse for evidence in each) / count,
            trivial=sum(evidence.trivial for evidence in each) / count,
            limit=sum(evidence.limit for evidence in each) / count,
            ready=sum(evidence.ready for evidence in each) / count,
            passes_by=top.passes_by,
            fits=all(evidence.fits for evidence in each),
            can_fail=top.can_fail,
            ratio=top.ratio,
            expected=max((evidence.expected or 0.0 for evidence in each), default=0.0),
            excess=top.excess,
        )

    @property
    def dominant_model(self) -> tuple[float, CountsTrack] | None:
        """The edge with the largest evidence, and its model; None without edges."""
        pairs = list(zip(self.edges, self.tracks, strict=True))
        return max(pairs, key=lambda pair: pair[1].split.worse.evidence) if pairs else None
