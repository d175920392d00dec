"""Where a rollout stands by the readings of its targets. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.contract import TargetReading
from console.plan.nouns import Plan


def infer(plan: Plan, readings: Mapping[str, TargetReading]) -> tuple[int | None, tuple[int, ...]]:
    """(stages reached, stages the readings fit).

    Reached is None when that is not exactly one.

    Everything at nothing is stage 0. Otherwise stage k fits when every target touched up to k reads as last set there
    and every target first touched later reads as nothing; a manual stage is invisible, so it fits wherever the stage
    before it does. A backend that owns its steps stands at the last stage that it has reached and before the next.
    """
    touched = {name for stage in plan.stages for name in stage.sets}
    if not plan.stages or any(name not in readings for name in touched):
        return None, ()
    if all(readings[name].exposure == 0 for name in touched):
        return 0, (0,)
    fits = [number for number in range(len(plan.stages) + 1) if _fits(plan, number, touched, readings)]
    return (fits[0] if len(fits) == 1 else None), tuple(fits)


def _fits(plan: Plan, number: int, touched: set[str], readings: Mapping[str, TargetReading]) -> bool:
    expected = {name: setting for stage in plan.stages[:number] for name, setting in stage.sets.items()}
    for name in touched:
        if readings[name].steps is not None:
            later = [stage.sets[name] for stage in plan.stages[number:] if name in stage.sets]
            there = name not in expected or readings[name].satisfies(expected[name])
            if not there or any(readings[name].satisfies(setting) for setting in later[:1]):
                return False
        elif name in expected:
            if not readings[name].satisfies(expected[name]):
                return False
        elif readings[name].exposure != 0:
            return False
    return True
