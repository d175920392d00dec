"""assess(state, now) -> state: what the folded facts mean at this moment. Pure; time is an input.

Verdicts, the running part of the bake clock and how long a requested stage is waited for depend on now, so they are
reckoned here and not folded. The result is for looking at: the engine goes on folding the state it assessed, never the
assessed one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from adapters.contract import Buckets, Counts, Reading, Shape
from console.judge.rule import verdict
from console.judge.stage import stage_verdict, traffic_mismatch
from console.judge.track import Track
from console.judge.verdict import ArmTotals, StageVerdict, Verdict, VerdictContext
from console.plan.nouns import Role
from console.state.checklist import mark_overdue
from console.state.exposure import has_all_traffic, is_exposed
from console.state.judging import current_track, has_no_baseline
from console.state.ledger import place_after, place_from
from console.state.samples import extended_bake
from console.state.targets import confirm_stage
from console.state.values import AnyState, MetricState, RolloutState


def assess(state: AnyState, now: datetime) -> AnyState:
    """`state` with its verdicts, bake clock, the marks of a stage and steps under way and `as_of` at `now` (UTC)."""
    state = replace(confirm_stage(extended_bake(state, now), now), as_of=now, checklist=mark_overdue(state, now))
    metrics = {name: replace(entry, verdict=verdict_of(state, entry, now)) for name, entry in state.metrics.items()}
    state = replace(state, metrics=metrics)
    return replace(state, stage_verdict=_stage_verdict(state))


def verdict_of(state: RolloutState, entry: MetricState, now: datetime) -> Verdict:
    """One metric's verdict on the stage we stand on."""
    source = state.sources.get(entry.metric.backend)
    stage = state.current
    critical = entry.metric.role is Role.CRITICAL
    return verdict(
        entry.metric,
        _track(state, entry),
        VerdictContext(
            now=now,
            exposed=is_exposed(state),
            alone=has_all_traffic(state) or has_no_baseline(entry),
            since=state.stage_since,
            canary_at=entry.canary_at,
            baseline_at=entry.baseline_at,
            min_requests=stage.stage.min_requests if stage is not None and critical else 0,
            partial=entry.partial,
            problem=entry.problem,
            source_fault=source.reason if source is not None and source.failed_since is not None else None,
            stale_after_s=entry.stale_after_s,
            tick_s=entry.tick_s,
            left_s=_left_s(state, entry),
            unjudged=entry.unjudged,
            level=_level(stage_ticks(state, entry)) if entry.track is None else ArmTotals(),
        ),
    )


def _track(state: RolloutState, entry: MetricState) -> Track | None:
    """The evidence that counts for the current stage: a FAIL of an earlier stage does, a pass does not."""
    track = current_track(entry)
    if track is None or state.reached is None or track.stage == state.reached or track.latch.failed_at is not None:
        return track
    return None


def _left_s(state: RolloutState, entry: MetricState) -> float:
    """The stage's remaining bake time for this metric, in seconds; infinite for a stage that has none.

    In the ticks that are judged: those of the bake's last seconds become final some time after it.
    """
    stage = state.current
    if stage is None or stage.stage.bake_s <= 0.0 or state.as_of is None:
        return math.inf
    track = entry.track
    behind_s = 0.0 if track is None else state.as_of.timestamp() - track.judged_to - entry.tick_s
    return max(0.0, stage.stage.bake_s - state.baked_s + max(0.0, behind_s))


def is_over(state: RolloutState, entry: MetricState) -> bool:
    """Whether the metric has had the stage's time."""
    return _left_s(state, entry) <= 0.0


def _level(readings: Sequence[Reading]) -> ArmTotals:
    counts = [sample for reading in readings if isinstance(sample := reading.baseline, Counts | Buckets)]
    total = sum(sample.total for sample in counts)
    bad = sum(sample.bad for sample in counts if isinstance(sample, Counts))
    return ArmTotals(total, bad, bad / total if total > 0 and any(isinstance(s, Counts) for s in counts) else None)


def _stage_verdict(state: RolloutState) -> StageVerdict | None:
    if not state.reached or not is_exposed(state):
        return None
    return stage_verdict(
        tuple(state.plan.metrics.values()),
        {name: entry.verdict for name, entry in state.metrics.items() if entry.verdict is not None},
        {name: current_track(entry) for name, entry in state.metrics.items()},
        mismatch=_mismatch(state),
        over=all(is_over(state, state.metrics[metric.name]) for metric in state.plan.critical),
    )


def _mismatch(state: RolloutState) -> float | None:
    """The canary's share of the requests of the first critical counter, where it is not what the stage gave it."""
    share = state.boundaries[-1].share if state.boundaries else None
    if share is None or state.promoting is not None:
        return None
    for metric in state.plan.critical:
        entry = state.metrics[metric.name]
        if metric.query.shape is Shape.GAUGE or entry.track is None:
            continue
        ticks = stage_ticks(state, entry)
        return traffic_mismatch(ticks[: place_after(ticks, entry.track.judged_to)], share / 100.0, entry.tick_s)
    return None


def stage_ticks(state: RolloutState, entry: MetricState) -> Sequence[Reading]:
    """The ticks of the stage we stand on: those that began after it was confirmed."""
    since = state.stage_since
    return () if since is None else entry.ledger[place_from(entry.ledger, since) :]
