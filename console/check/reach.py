"""Print the regressions that a plan's stages can find, by metric. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from adapters.contract import Shape
from console.check.flow import Stream
from console.check.sensitivity import StageSensitivity, duration_text
from console.judge.gauges import LENGTHS
from console.plan.exposures import stage_exposures
from console.plan.nouns import Metric, Plan

_BLOCKS = (5, 3)
"""Blocks that measure a gauge's noise without history, and the fewest blocks that can fail it."""


def lines(
    plan: Plan, streams: Mapping[str, Sequence[Stream]], facts: Mapping[str, Sequence[str]] | None = None
) -> Iterator[str]:
    """One line for each stage, below each metric whose traffic is known; `facts`: metric -> further lines about it."""
    stages = stage_exposures(plan)
    known = any(streams.values()) or bool(facts)
    for name, metric in plan.metrics.items():
        own = list((facts or {}).get(name, ()))
        if metric.query.shape is Shape.GAUGE and known:
            yield from (f"{name}: a gauge; {_gauge_text(metric, plan)}", *(f"  {fact}" for fact in own))
        elif own and not streams.get(name):
            yield f"{name}: too little traffic to compute what a stage finds"
            yield from (f"  {fact}" for fact in own)
        for number, stream in enumerate(streams.get(name, ())):
            yield f"{name}: {stream}"
            yield from (f"  {fact}" for fact in own if not number)
            if plan.stages_from is not None and not stages:
                yield f"  stages: {plan.stages_from.target}'s own, known once it is read"
            for exposure in stages:
                if exposure.stage.manual is None or exposure.stage.bake_s > 0.0:  # a manual step alone judges no metric
                    yield f"  stage {exposure.stage.name}: {StageSensitivity(stream, exposure).line()}"


def warnings(plan: Plan, streams: Mapping[str, Sequence[Stream]]) -> Iterator[str]:
    """One line for each stage whose bake is too short for a healthy canary to pass; the last one need not pass."""
    stages = stage_exposures(plan)[:-1]
    for own in streams.values():
        found = [StageSensitivity(stream, exposure).warning() for stream in own for exposure in stages]
        yield from (line for line in found if line is not None)


def _gauge_text(metric: Metric, plan: Plan) -> str:
    block_s = LENGTHS[0] * plan.timing.tick_for(None)
    soonest = duration_text(sum(_BLOCKS) * block_s)
    text = f"judged in blocks of {duration_text(block_s)} or more, so it takes {soonest} or more to fail or pass"
    return text if metric.limit is None else f"{text}; above {metric.limit:g} it fails at the third tick"
