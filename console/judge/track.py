"""One metric's judgement as it grows tick by tick: the shape's evidence, the latch, the stage it counts for.

A track is a pure function of the finalised ticks it was given and of where the stages began, so streaming, batch, a
replay after a crash and a second console agree bit for bit. Immutable: `after` and `overridden` return the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from adapters.contract import Buckets, Counts, Gauge, Reading, Shape
from console.judge.counts import CountsTrack
from console.judge.evidence import Evidence
from console.judge.gauges import GaugeTrack
from console.judge.latch import READY, WARN, Latch
from console.judge.latency import LatencyTrack
from console.judge.policy import MetricPolicy, is_judgeable
from console.judge.value import Value

WARM_TICKS = 6
PASS_TICKS = 12
WARM_EVENTS = 3.0
"""Canary events that a `pass_below` times worse canary would have shown by now, below which nothing can be said."""


SILENT_TICKS = 3
"""Ticks without anything to judge by after which that is said."""
MISSED = 20.0
"""Requests that the canary's share so far would have meant, of which not one came: no chance any more."""


class Word(StrEnum):
    """A metric's own state, by evidence alone; the first that fits holds."""

    FAIL = "FAIL"
    WARN = "WARN"
    WARMING_UP = "WARMING UP"
    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    WATCHING = "WATCHING"


Shaped = CountsTrack | LatencyTrack | GaugeTrack


class Track(Value):
    """Everything judged of one metric so far."""

    __slots__ = (
        "alone",
        "dirty",
        "judged_to",
        "latch",
        "model",
        "paired_at",
        "stage",
        "standing",
        "terms",
        "ticks",
        "total",
    )

    def __init__(
        self,
        terms: MetricPolicy,
        shaped: Shaped,
        stage: int,
        *,
        latch: Latch | None = None,
        standing: Evidence | None = None,
        ticks: int = 0,
        total: int = 0,
        dirty: int = 0,
        judged_to: float = 0.0,
        paired_at: float | None = None,
        alone: bool = False,
    ) -> None:
        self.terms = terms
        self.model = shaped
        self.stage = stage
        """The stage of the last tick, by number of stages reached."""
        self.latch = latch or Latch()
        self.standing = standing or shaped.evidence(alone=alone)
        self.ticks = ticks
        """Ticks of this stage that counted."""
        self.total = total
        """Ticks of the rollout that counted."""
        self.dirty = dirty
        """Samples that could not be judged (not finite, negative, more bad than total)."""
        self.judged_to = judged_to
        """Start of the last tick looked at, unix seconds."""
        self.paired_at = paired_at
        """Start of the last tick that counted."""
        self.alone = alone
        """The last tick had no baseline to compare with, by configuration."""

    @classmethod
    def begin(cls, terms: MetricPolicy, history: Sequence[Reading], stage: int) -> Track:
        """Nothing judged yet. `history`: the ticks before the stage, oldest first; only the baseline's side is read."""
        baseline = [reading.baseline for reading in history if is_judgeable(reading.baseline)]
        shaped: Shaped
        if terms.shape is Shape.GAUGE:
            shaped = GaugeTrack.begin(terms, [sample for sample in baseline if isinstance(sample, Gauge)])
        elif terms.shape is Shape.HISTOGRAM:
            shaped = LatencyTrack.begin(terms, [sample for sample in baseline if isinstance(sample, Buckets)])
        else:
            shaped = CountsTrack.begin(terms, [sample for sample in baseline if isinstance(sample, Counts)])
        return cls(terms, shaped, stage)

    def after(self, reading: Reading, stage: int, *, alone: bool = False) -> Track:
        """After one finalised tick, which must be later than all before it.

        Args:
            stage: the number of stages reached when the tick began.
            alone: there is no baseline to compare with: the canary has all traffic, or the metric has none.
        """
        at = reading.at.timestamp()
        shaped, latch, ticks, standing = self.model, self.latch, self.ticks, self.standing
        if stage != self.stage:
            shaped, latch = self._release()
            shaped, ticks = shaped.next_stage(), 0
            standing = shaped.evidence(alone=alone)
        dirty = self.dirty + (not is_judgeable(reading.canary)) + (not is_judgeable(reading.baseline))
        counted = shaped.after(reading, alone=alone) if dirty == self.dirty else None
        total, paired_at = self.total, self.paired_at
        if counted is not None:
            shaped, ticks, total, paired_at = counted, ticks + 1, total + 1, at
            standing = shaped.evidence(alone=alone)
            latch = latch.after(
                at,
                worse=standing.worse if standing.can_fail else 0.0,
                trivial=standing.trivial,
                limit=standing.limit,
                clearly=clearly(standing, self.terms),
                above=standing.ratio is not None and standing.ratio >= self.terms.tolerance,
            )
            if not standing.can_fail:
                latch = latch.warning(standing.worse >= WARN or latch.warned)
        return Track(
            self.terms,
            shaped,
            stage,
            latch=latch,
            standing=standing,
            ticks=ticks,
            total=total,
            dirty=dirty,
            judged_to=at,
            paired_at=paired_at,
            alone=alone,
        )

    def _release(self) -> tuple[Shaped, Latch]:
        """Shape and latch after what stood was overridden, or left behind with its stage."""
        if self.latch.failed_at is None:
            return self.model, self.latch
        shaped = self.model.discounted()
        stands = shaped.evidence(alone=self.alone)
        return shaped, self.latch.release(worse=stands.worse if stands.can_fail else 0.0, limit=stands.limit)

    def overridden(self) -> Track:
        """After a recorded override of this metric."""
        shaped, latch = self._release()
        return Track(
            self.terms,
            shaped,
            self.stage,
            latch=latch,
            standing=shaped.evidence(alone=self.alone),
            ticks=self.ticks,
            total=self.total,
            dirty=self.dirty,
            judged_to=self.judged_to,
            paired_at=self.paired_at,
            alone=self.alone,
        )

    def silence_reason(self, tick_s: float, stale_after_s: float) -> str | None:
        """Why nothing is learned any more although both arms have samples, in words; None while something is.

        What was shown before that is no verdict on now: a canary that gets no request has not passed.
        """
        gone_s = 0.0 if self.paired_at is None else self.judged_to - self.paired_at
        if gone_s > max(stale_after_s, SILENT_TICKS * tick_s):
            return f"no tick in {gone_s:.0f} s in which the arms could be compared"
        shaped = self.model.tracks[0] if isinstance(self.model, LatencyTrack) and self.model.tracks else self.model
        if isinstance(shaped, CountsTrack):
            arm, ticks, due = shaped.idle
            if ticks >= SILENT_TICKS and due >= MISSED:
                return f"no request to the {arm} in {ticks * tick_s:.0f} s, where its share was {due:,.0f}"
        return None

    def word(self) -> Word:
        """The state by evidence alone, first match wins."""
        standing = self.standing
        if self.latch.failed_at is not None:
            return Word.FAIL
        if self.latch.warned:
            return Word.WARN
        if self.ticks < WARM_TICKS:
            return Word.WARMING_UP
        ready = standing.ready >= READY
        if standing.expected is not None and standing.expected < WARM_EVENTS and not ready:
            return Word.WARMING_UP
        return Word.PASS if ready and standing.fits and self.ticks >= PASS_TICKS else Word.WATCHING


def clearly(standing: Evidence, terms: MetricPolicy) -> bool:
    """Whether the excess since the regression's likeliest beginning is large enough to matter in absolute terms.

    A point estimate on purpose: that the canary is worse, and not just trivially, the two keys have shown
    already; a third piece of evidence would delay real finds near the border without protecting anybody.
    """
    return terms.min_excess <= 0.0 or standing.excess is None or standing.excess >= terms.min_excess
