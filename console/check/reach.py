"""What a plan's stages can find, metric by metric, in lines. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from adapters.contract import Shape
from console.check.flow import Stream
from console.check.sensitivity import StageSensitivity, lasting
from console.judge.gauges import LENGTHS
from console.plan.exposures import StageExposure, stage_exposures
from console.plan.nouns import Metric, Plan

_BLOCKS = (5, 3)
"""Blocks of a gauge that tell its noise where no history does, and that convict at the soonest."""


def lines(
    plan: Plan, streams: Mapping[str, Sequence[Stream]], facts: Mapping[str, Sequence[str]] | None = None
) -> Iterator[str]:
    """One line a stage below each metric of which something is known.

    Args:
        streams: what flows, by metric.
        facts: what else was seen of a metric, in lines of their own.
    """
    stages = stage_exposures(plan)
    known = any(streams.values()) or bool(facts)
    for name, metric in plan.metrics.items():
        own = list((facts or {}).get(name, ()))
        if metric.query.shape is Shape.GAUGE and known:
            yield f"{name}: a gauge; {_gauge(metric, plan)}"
            yield from (f"  {fact}" for fact in own)
        elif own and not streams.get(name):
            yield f"{name}: too little flowed to reckon with"
            yield from (f"  {fact}" for fact in own)
        for number, stream in enumerate(streams.get(name, ())):
            yield f"{name}: {stream}"
            yield from (f"  {fact}" for fact in own if not number)
            if plan.stages_from is not None and not stages:
                yield f"  stages: {plan.stages_from.target}'s own, known once it is read"
            for exposure in stages:
                if _judges_metrics(exposure):
                    yield f"  stage {exposure.stage.name}: {StageSensitivity(stream, exposure).line()}"


def warnings(plan: Plan, streams: Mapping[str, Sequence[Stream]]) -> Iterator[str]:
    """Stages whose bake is too short for a healthy canary to pass; the last one need not be left."""
    stages = stage_exposures(plan)[:-1]
    for own in streams.values():
        told = [StageSensitivity(stream, exposure).warning() for stream in own for exposure in stages]
        yield from (line for line in told if line is not None)


def _judges_metrics(exposure: StageExposure) -> bool:
    """A manual step without a bake looks at nothing."""
    return exposure.stage.manual is None or exposure.stage.bake_s > 0.0


def _gauge(metric: Metric, plan: Plan) -> str:
    block_s = LENGTHS[0] * plan.timing.tick_for(None)
    soonest = lasting(sum(_BLOCKS) * block_s)
    told = f"judged in blocks of {lasting(block_s)} or more, so it takes {soonest} or more to fail or pass"
    return told if metric.limit is None else f"{told}; above {metric.limit:g} it fails at the third tick"
