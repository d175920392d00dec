"""Split a state into what events make and what samples make. Pure.

A checkpoint holds the second part alone. Laid over a state of the events up to the same place, it gives the state of a
full replay, so that nothing in a checkpoint can change a decision, a request or a reading of a target.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime

from console.state.values import AnyState, MetricState, Poll, RolloutState, StageMark

METRIC_FIELDS = (
    *("ledger", "canary_at", "baseline_at", "read_at", "partial", "problem", "spacing_s", "tick_s", "track", "late"),
)
"""Fields of a MetricState that samples make."""


class Mismatch(ValueError):
    """The parts belong to another state."""


@dataclass(frozen=True, slots=True)
class SampleParts:
    """Everything in a RolloutState that samples make or have a part in."""

    metrics: Mapping[str, MetricState]
    """Of these `METRIC_FIELDS` count."""
    sources: Mapping[str, tuple[datetime | None, float | None]]
    """Per source (last answer, skew in seconds)."""
    targets: Mapping[str, datetime | None]
    """When each was last read."""
    stages: tuple[tuple[StageMark, str], ...]
    """Mark and trouble of each stage: whether one counts as failed depends on when its targets were read."""
    baked_s: float
    clocked_at: datetime | None
    polled: Poll | None
    latest_at: datetime | None


def sample_parts(state: RolloutState) -> SampleParts:
    """The part of `state` that samples make."""
    return SampleParts(
        metrics=dict(state.metrics),
        sources={name: (entry.ok_at, entry.skew_s) for name, entry in state.sources.items()},
        targets={name: entry.read_at for name, entry in state.targets.items()},
        stages=tuple((entry.mark, entry.trouble) for entry in state.stages),
        baked_s=state.baked_s,
        clocked_at=state.clocked_at,
        polled=state.polled,
        latest_at=state.latest_at,
    )


def with_sample_parts(state: AnyState, parts: SampleParts) -> AnyState:
    """`state`, which events alone have made, with what samples make.

    Raises:
        Mismatch: they are of other metrics, sources, targets or stages.
    """
    for own, other in ((state.metrics, parts.metrics), (state.sources, parts.sources), (state.targets, parts.targets)):
        if list(own) != list(other):
            raise Mismatch("a checkpoint of another plan")
    if len(state.stages) != len(parts.stages):
        raise Mismatch("a checkpoint of other stages")
    return replace(
        state,
        metrics={name: _with_metric(entry, parts.metrics[name]) for name, entry in state.metrics.items()},
        sources={
            name: replace(entry, ok_at=parts.sources[name][0], skew_s=parts.sources[name][1])
            for name, entry in state.sources.items()
        },
        targets={name: replace(entry, read_at=parts.targets[name]) for name, entry in state.targets.items()},
        stages=tuple(
            replace(entry, mark=mark, trouble=trouble)
            for entry, (mark, trouble) in zip(state.stages, parts.stages, strict=True)
        ),
        baked_s=parts.baked_s,
        clocked_at=parts.clocked_at,
        polled=parts.polled,
        latest_at=parts.latest_at,
    )


def _with_metric(entry: MetricState, part: MetricState) -> MetricState:
    return replace(entry, unjudged=0, **{name: getattr(part, name) for name in METRIC_FIELDS})


def with_unjudged(state: AnyState, count: int) -> AnyState:
    """`state` with `count` recorded samples that were left out: its metrics are not judged until they are."""
    return replace(state, metrics={name: replace(entry, unjudged=count) for name, entry in state.metrics.items()})


def unjudged_samples(state: RolloutState) -> int:
    """The number of recorded samples that this state leaves out."""
    return max((entry.unjudged for entry in state.metrics.values()), default=0)


def difference(left: RolloutState, right: RolloutState) -> str | None:
    """The name of the first field in which two states differ; None if they are equal."""
    names = (each.name for each in fields(RolloutState))
    return next((name for name in names if getattr(left, name) != getattr(right, name)), None)
