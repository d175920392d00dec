"""One metric's judgment tick by tick: the shape's model, the latch, the stage.

A track is a pure function of its finalized ticks and of the beginnings of the stages. Streaming, batch, a replay after
a crash and a second console therefore agree bit for bit. Immutable: `after` and `after_override` return the next track.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
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
"""Ticks of a stage before its first verdict."""
PASS_TICKS = 12
"""Ticks of a stage before a pass."""
WARM_EVENTS = 3.0
"""Events expected from a `pass_below` times worse canary, below which there is no verdict."""
SILENT_TICKS = 3
"""Ticks without comparable data after which the verdict is no_data."""
MISSED = 20.0
"""Requests expected from an arm's earlier share; if none came, chance is excluded."""


class MetricWord(StrEnum):
    """A metric's own state by evidence alone; the first that applies is used."""

    FAIL = "FAIL"
    WARN = "WARN"
    WARMING_UP = "WARMING UP"
    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    WATCHING = "WATCHING"


Model = CountsTrack | LatencyTrack | GaugeTrack


class Track(Value):
    """All that was judged of one metric so far."""

    __slots__ = (
        *("policy", "model", "stage", "latch", "evidence"),
        *("ticks", "total", "dirty", "judged_to", "paired_at", "alone"),
    )

    def __init__(
        self,
        policy: MetricPolicy,
        model: Model,
        stage: int,
        *,
        latch: Latch | None = None,
        evidence: Evidence | None = None,
        ticks: int = 0,
        total: int = 0,
        dirty: int = 0,
        judged_to: float = 0.0,
        paired_at: float | None = None,
        alone: bool = False,
    ) -> None:
        self.policy = policy
        self.model = model
        self.stage = stage
        """Stage of the last tick, as the number of stages reached."""
        self.latch = latch or Latch()
        self.evidence = evidence or model.evidence(alone=alone)
        self.ticks = ticks
        """Ticks of this stage that counted."""
        self.total = total
        """Ticks of the rollout that counted."""
        self.dirty = dirty
        """Samples that could not be judged (not finite, negative, more bad than total)."""
        self.judged_to = judged_to
        """Start of the last tick, counted or not, in unix seconds."""
        self.paired_at = paired_at
        """Start of the last tick that counted, in unix seconds."""
        self.alone = alone
        """Whether the last tick had no baseline by configuration."""

    @classmethod
    def begin(cls, policy: MetricPolicy, history: Sequence[Reading], stage: int) -> Track:
        """A track with nothing judged yet, in the stage that is reached as number `stage`.

        `history` has the ticks before the stage, oldest first; only the baseline's arm is read.
        """
        baseline = [reading.baseline for reading in history if is_judgeable(reading.baseline)]
        model: Model
        if policy.shape is Shape.GAUGE:
            model = GaugeTrack.begin(policy, [sample for sample in baseline if isinstance(sample, Gauge)])
        elif policy.shape is Shape.HISTOGRAM:
            model = LatencyTrack.begin(policy, [sample for sample in baseline if isinstance(sample, Buckets)])
        else:
            model = CountsTrack.begin(policy, [sample for sample in baseline if isinstance(sample, Counts)])
        return cls(policy, model, stage)

    def after(self, reading: Reading, stage: int, *, alone: bool = False) -> Track:
        """The track after one finalized tick, which must be later than all before it.

        Args:
            stage: the number of stages reached when the tick began.
            alone: there is no baseline: the canary has all traffic, or the metric has none.
        """
        at = reading.at.timestamp()
        model, latch, ticks, evidence = self.model, self.latch, self.ticks, self.evidence
        if stage != self.stage:
            model, latch = self._release()
            model, ticks = model.next_stage(), 0
            evidence = model.evidence(alone=alone)
        dirty = self.dirty + (not is_judgeable(reading.canary)) + (not is_judgeable(reading.baseline))
        counted = model.after(reading, alone=alone) if dirty == self.dirty else None
        total, paired_at = self.total, self.paired_at
        if counted is not None:
            model, ticks, total, paired_at = counted, ticks + 1, total + 1, at
            evidence = model.evidence(alone=alone)
            latch = latch.after(
                at,
                worse=evidence.worse if evidence.can_fail else 0.0,
                trivial=evidence.trivial,
                limit=evidence.limit,
                material=has_material_excess(evidence, self.policy),
                above=evidence.ratio is not None and evidence.ratio >= self.policy.tolerance,
            )
            if not evidence.can_fail:
                latch = latch.with_warning(evidence.worse >= WARN or latch.warned)
        return Track(
            self.policy,
            model,
            stage,
            latch=latch,
            evidence=evidence,
            ticks=ticks,
            total=total,
            dirty=dirty,
            judged_to=at,
            paired_at=paired_at,
            alone=alone,
        )

    def _release(self) -> tuple[Model, Latch]:
        """Model and latch after an override or the end of a stage."""
        if self.latch.failed_at is None:
            return self.model, self.latch
        model = self.model.after_override()
        stands = model.evidence(alone=self.alone)
        return model, self.latch.release(worse=stands.worse if stands.can_fail else 0.0, limit=stands.limit)

    def after_override(self) -> Track:
        """The track after a recorded override of this metric."""
        track = copy(self)
        track.model, track.latch = self._release()
        track.evidence = track.model.evidence(alone=self.alone)
        return track

    def silence_reason(self, tick_s: float, stale_after_s: float) -> str | None:
        """Reason why samples of both arms bring no evidence now; None while they do.

        Earlier evidence is then no verdict: a canary that gets no request has not passed.
        """
        gone_s = 0.0 if self.paired_at is None else self.judged_to - self.paired_at
        if gone_s > max(stale_after_s, SILENT_TICKS * tick_s):
            return f"no tick in {gone_s:.0f} s in which the arms could be compared"
        model = self.model.tracks[0] if isinstance(self.model, LatencyTrack) and self.model.tracks else self.model
        if isinstance(model, CountsTrack):
            arm, ticks, due = model.idle
            if ticks >= SILENT_TICKS and due >= MISSED:
                return f"no request to the {arm} in {ticks * tick_s:.0f} s, where its share was {due:,.0f}"
        return None

    def word(self) -> MetricWord:
        """The state by evidence alone; the first that applies."""
        evidence = self.evidence
        if self.latch.failed_at is not None:
            return MetricWord.FAIL
        if self.latch.warned:
            return MetricWord.WARN
        if self.ticks < WARM_TICKS:
            return MetricWord.WARMING_UP
        ready = evidence.ready >= READY
        if evidence.expected is not None and evidence.expected < WARM_EVENTS and not ready:
            return MetricWord.WARMING_UP
        return MetricWord.PASS if ready and evidence.fits and self.ticks >= PASS_TICKS else MetricWord.WATCHING


def has_material_excess(evidence: Evidence, policy: MetricPolicy) -> bool:
    """Whether the absolute excess since the regression's likeliest beginning matters.

    A point estimate on purpose: the two keys have already shown that the canary is worse, and not just trivially. A
    third piece of evidence would delay real finds near the border without preventing false ones.
    """
    return policy.min_excess <= 0.0 or evidence.excess is None or evidence.excess >= policy.min_excess
