"""Which ticks are final, which stage a tick counts for, and how far each metric's track has come. Pure.

A tick is final once the newest sample of its metric is two scrapes older than the tick's end, by the samples' own
times: every console that folds the same samples judges the same ticks in the same order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, overload

from adapters.contract import Buckets, Kind, Reading, Shape
from console.judge.latency import LatencyTrack, chosen_edges, slow_reading
from console.judge.policy import MetricPolicy
from console.judge.track import Track
from console.judge.verdict import VerdictState
from console.plan.nouns import Metric
from console.state.ledger import place_after, place_from
from console.state.values import AnyState, Boundary, MetricState, RolloutState

if TYPE_CHECKING:
    from console.events.kinds import DecisionTaken

SETTLES = 2
"""Scrapes after which a tick is taken to be final."""
PLOTTED_TICKS = 360
"""The newest ticks by which a histogram that is not judged yet is drawn: an hour of them."""


def enter_stage(state: AnyState, at: datetime) -> AnyState:
    """The state from `at` on, when the rollout has come to stand at stage `reached`."""
    state = replace(state, decided_before=len(state.decisions))
    if state.reached is None:
        return replace(state, stage_since=at)
    boundary = Boundary(at, state.reached, state.exposing, _given_share(state))
    return replace(state, stage_since=at, boundaries=(*state.boundaries, boundary))


def _given_share(state: RolloutState) -> float | None:
    """The canary's configured share where every deploy target reads the same; None otherwise."""
    deploys = [entry for entry in state.targets.values() if entry.target.kind is Kind.DEPLOY]
    shares = {entry.reading.percent if entry.reading is not None else None for entry in deploys}
    return shares.pop() if len(shares) == 1 else None


def has_no_baseline(entry: MetricState) -> bool:
    """Whether the metric has no baseline at all, so that only the canary's own ceiling can speak."""
    return entry.metric.query.arms is None and entry.baseline_at is None


def judge_final_ticks(boundaries: tuple[Boundary, ...], entry: MetricState) -> MetricState:
    """The metric with every tick judged that has become final, from the first stage that exposes anything on."""
    newest = max((at for at in (entry.canary_at, entry.baseline_at) if at is not None), default=None)
    exposed_at = min((boundary.at for boundary in boundaries if boundary.exposing), default=None)
    if entry.unjudged or newest is None or exposed_at is None:
        return entry
    last = newest.timestamp() - entry.tick_s - SETTLES * (entry.spacing_s or 0.0)
    track = entry.track
    # a tick before every stage that exposes anything is not judged
    first = place_from(entry.ledger, exposed_at) if track is None else place_after(entry.ledger, track.judged_to)
    for place in range(first, len(entry.ledger)):
        if entry.ledger[place].at.timestamp() > last:
            break
        track = judge_tick(boundaries, entry, place, track)
    return entry if track is entry.track else replace(entry, track=track)


def judge_tick(boundaries: tuple[Boundary, ...], entry: MetricState, place: int, track: Track | None) -> Track | None:
    """`track` after the tick at `place` of the ledger; the same where it is none to be judged."""
    reading = entry.ledger[place]
    boundary = next((each for each in reversed(boundaries) if each.at <= reading.at), None)
    if boundary is None or not boundary.exposing:
        return track
    if (reading.at - boundary.at).total_seconds() < entry.metric.warmup_s:
        return track
    if track is None:
        before = entry.ledger[: min(place, place_from(entry.ledger, boundary.at))]
        track = Track.begin(MetricPolicy.of(entry.metric), before, boundary.reached)
    if _is_overridden(entry, track, reading.at.timestamp()):
        track = track.after_override()
    lonely = has_no_baseline(entry) or (boundary.share is not None and boundary.share >= 100.0)
    return track.after(reading, boundary.reached, alone=lonely)


def rejudge(state: RolloutState, boundaries: tuple[Boundary, ...], entry: MetricState, metric: Metric) -> MetricState:
    """The metric as an accepted plan has it, which numbers the stages as in `boundaries`.

    Where that makes a difference, what was judged is judged again: evidence that a 2x is excluded says nothing of the
    1.2x that is asked for now.
    """
    was, now = ((MetricPolicy.of(each), each.warmup_s) for each in (entry.metric, metric))
    entry = replace(entry, metric=metric)
    if (was, boundaries) == (now, state.boundaries):
        return entry
    return judge_final_ticks(boundaries, replace(entry, track=None))


def _is_overridden(entry: MetricState, track: Track, until: float) -> bool:
    """Whether an override lies after the track's last tick, up to `until`.

    By the time of ticks and not by the order in which events arrive: a console that hears of an override before it
    hears of the samples that another one polled meanwhile comes to the same track.
    """
    return any(track.judged_to < at.timestamp() <= until for at in entry.overrides)


def current_track(entry: MetricState) -> Track | None:
    """The metric's track after all overrides."""
    track = entry.track
    if track is None or not entry.overrides or not _is_overridden(entry, track, math.inf):
        return track
    return track.after_override()


@dataclass(frozen=True, slots=True)
class _SlowReadings(Sequence[Reading]):
    """A ledger of histograms, each as the share slower than `edge`, made when it is drawn."""

    ledger: Sequence[Reading]
    edge: float

    def __len__(self) -> int:
        return len(self.ledger)

    @overload
    def __getitem__(self, place: int) -> Reading: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Reading]: ...
    def __getitem__(self, place: int | slice) -> Reading | Sequence[Reading]:
        if isinstance(place, slice):
            return _SlowReadings(self.ledger[place], self.edge)
        return slow_reading(self.ledger[place], self.edge)


def plotted_readings(entry: MetricState) -> Sequence[Reading]:
    """The ledger as it is drawn: a histogram as the share of requests slower than the edge that tells most."""
    if entry.metric.query.shape is not Shape.HISTOGRAM:
        return entry.ledger
    shaped = entry.track.model if entry.track is not None else None
    telling = shaped.dominant_model if isinstance(shaped, LatencyTrack) else None
    if telling is not None:
        return _SlowReadings(entry.ledger, telling[0])
    newest = entry.ledger[-PLOTTED_TICKS:]
    edges = chosen_edges([tick.baseline for tick in newest if isinstance(tick.baseline, Buckets)])
    return _SlowReadings(entry.ledger, edges[0]) if edges else ()


def apply_override(state: RolloutState, event: DecisionTaken) -> RolloutState:
    """The state after a decision that overrode what its card showed: a FAIL on it is let go."""
    metrics = dict(state.metrics)
    for shown in event.card.metrics:
        entry = metrics.get(shown.metric)
        if entry is not None and shown.verdict == VerdictState.FAIL:
            metrics[shown.metric] = replace(entry, overrides=(*entry.overrides, event.at))
    return replace(state, metrics=metrics)
