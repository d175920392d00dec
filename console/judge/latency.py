"""Latency from a histogram: a request is bad if it was slower than a fixed bucket edge.

The edges are chosen once, from the baseline before the stage: those nearest its p90 and its p99, one engine each, and
their evidence is averaged (the average of e-values is an e-value under any dependence). Without a history the
baseline's first ticks of the stage choose, and are then not judged.
"""

from __future__ import annotations

from adapters.contract import Buckets, Counts, Reading
from console.judge.counts import CountsTrack
from console.judge.evidence import Evidence
from console.judge.policy import MetricPolicy
from console.judge.value import Value

QUANTILES = (0.9, 0.99)
_ENOUGH = 100.0
"""Requests of the baseline that it takes to choose the edges."""


def edges(history: list[Buckets]) -> tuple[float, ...]:
    """The bucket edges nearest the baseline's p90 and p99, in the histogram's unit; () where too little was seen."""
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


def slower(buckets: Buckets, edge: float) -> Counts | None:
    """How many requests were slower than `edge`; None if the histogram has no such edge."""
    for bound, count in buckets.within:
        if bound == edge:
            return Counts(total=buckets.total, bad=buckets.total - count)
    return None


class LatencyTrack(Value):
    """Two engines for two edges. Immutable."""

    __slots__ = ("edges", "seen", "terms", "tracks")

    def __init__(
        self,
        terms: MetricPolicy,
        edges: tuple[float, ...],
        tracks: tuple[CountsTrack, ...],
        seen: tuple[Buckets, ...] = (),
    ) -> None:
        self.terms = terms
        self.edges = edges
        """Fixed once chosen; () before that."""
        self.tracks = tracks
        self.seen = seen
        """The baseline's ticks from which the edges are still to be chosen."""

    @classmethod
    def begin(cls, terms: MetricPolicy, history: list[Buckets]) -> LatencyTrack:
        """Nothing judged yet. `history`: the baseline's ticks before the stage, oldest first."""
        chosen = edges(history)
        tracks = []
        for edge in chosen:
            counts = [count for buckets in history if (count := slower(buckets, edge)) is not None]
            tracks.append(CountsTrack.begin(terms, counts))
        return cls(terms, chosen, tuple(tracks))

    def next_stage(self) -> LatencyTrack:
        """At a new stage; the edges stay."""
        return LatencyTrack(self.terms, self.edges, tuple(track.next_stage() for track in self.tracks), self.seen)

    def discounted(self) -> LatencyTrack:
        """After an override: see `Mixture.eased`."""
        return LatencyTrack(self.terms, self.edges, tuple(track.discounted() for track in self.tracks), self.seen)

    def after(self, reading: Reading, *, alone: bool) -> LatencyTrack | None:
        """After a tick; None where it does not count."""
        if not self.edges:
            return self._choose(reading.baseline)
        tracks = []
        for edge, track in zip(self.edges, self.tracks, strict=True):
            arms = [
                slower(sample, edge) if isinstance(sample, Buckets) else None
                for sample in (reading.canary, reading.baseline)
            ]
            after = track.after(Reading(reading.at, arms[0], arms[1]), alone=alone)
            if after is None:
                return None
            tracks.append(after)
        return LatencyTrack(self.terms, self.edges, tuple(tracks))

    def _choose(self, baseline: object) -> LatencyTrack | None:
        if not isinstance(baseline, Buckets):
            return None
        seen = (*self.seen, baseline)
        return LatencyTrack.begin(self.terms, list(seen)) if edges(list(seen)) else LatencyTrack(
            self.terms, (), (), seen
        )  # fmt: skip

    def evidence(self, *, alone: bool) -> Evidence:
        """What stands after the last tick: the engines' evidence averaged, the numbers of the edge that says most."""
        if not self.tracks:
            return Evidence(worse=1.0, ready=1.0, ratio=None, expected=0.0)
        each = [track.evidence(alone=alone) for track in self.tracks]
        top = max(each, key=lambda standing: standing.worse)
        count = len(each)
        return Evidence(
            worse=sum(standing.worse for standing in each) / count,
            trivial=sum(standing.trivial for standing in each) / count,
            limit=sum(standing.limit for standing in each) / count,
            ready=sum(standing.ready for standing in each) / count,
            passes_by=top.passes_by,
            fits=all(standing.fits for standing in each),
            can_fail=top.can_fail,
            ratio=top.ratio,
            expected=max((standing.expected or 0.0 for standing in each), default=0.0),
            excess=top.excess,
        )

    @property
    def dominant_model(self) -> tuple[float, CountsTrack] | None:
        """The edge whose evidence is largest, with its engine; None before the edges are chosen."""
        pairs = list(zip(self.edges, self.tracks, strict=True))
        return max(pairs, key=lambda pair: pair[1].split.worse.evidence) if pairs else None
