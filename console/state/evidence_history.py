"""The evidence of a metric tick by tick, computed again from its ledger. Pure.

The state keeps only where the evidence stands. A long rollout is thousands of ticks, so a course is followed in steps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from console.judge.track import Track
from console.state.judging import judge_tick
from console.state.ledger import place_after
from console.state.values import Boundary, MetricState


@dataclass(frozen=True, slots=True)
class EvidencePoint:
    """The evidence after one judged tick."""

    at: float
    """The tick's start, unix seconds."""
    worse: float
    """Key 1, so many to one."""
    ready: float
    """For a pass, so many to one."""


@dataclass(frozen=True, slots=True)
class EvidenceHistory:
    """The evidence of the stage's ticks so far."""

    points: tuple[EvidencePoint, ...] = ()
    """Of the stage of the last tick, oldest first."""
    whole: bool = False
    """It has reached what is judged; False while steps are left."""
    track: Track | None = None
    to: float = 0.0
    """Start of the last tick followed, unix seconds."""

    def extend(self, boundaries: tuple[Boundary, ...], entry: MetricState, at_most: int) -> EvidenceHistory:
        """The course `at_most` ticks further, or up to the newest judged one."""
        if entry.track is None:
            return replace(self, whole=True)
        ledger = entry.ledger
        first = place_after(ledger, self.to)
        track, marks, to = self.track, list(self.points), self.to
        for place in range(first, min(first + at_most, len(ledger))):
            at = ledger[place].at.timestamp()
            if at > entry.track.judged_to:
                break
            before, track, to = track, judge_tick(boundaries, entry, place, track), at
            if track is None or track is before:
                continue
            if before is not None and before.stage != track.stage:
                marks.clear()
            if before is None or before.total != track.total:
                marks.append(EvidencePoint(at, track.evidence.worse, track.evidence.ready))
        return EvidenceHistory(tuple(marks), to >= entry.track.judged_to or first + at_most >= len(ledger), track, to)
