"""The stages of a State: their marks, and those taken from a target's own steps. Pure.

Of its own steps a target gives one stage for every pause, and one for all of them done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from adapters.contract import LAST_STEP, Setting, StepsReading, TargetReading
from console.plan.nouns import Plan, Stage, StagesFrom
from console.state.values import RolloutState, StageMark, StageState


def with_stages(plan: Plan, readings: Mapping[str, TargetReading]) -> Plan:
    """`plan` with the stages that it takes from a target, as that target reads; as it is where it takes none.

    A target that was not read, or has no steps of its own, gives no stages.
    """
    wanted = plan.stages_from
    if wanted is None or plan.stages:
        return plan
    reading = readings.get(wanted.target)
    if reading is None or reading.steps is None:
        return plan
    return replace(plan, stages=_stages(wanted, reading.steps))


def under_plan(state: RolloutState, plan: Plan) -> RolloutState:
    """The state under a plan whose stages have become known."""
    stages = tuple(StageState(number, stage) for number, stage in enumerate(plan.stages, start=1))
    return state if plan is state.plan else replace(state, plan=plan, stages=stages)


def mark_stage(
    stages: tuple[StageState, ...],
    index: int,
    *,
    mark: StageMark,
    confirmed_at: datetime | None = None,
    trouble: str = "",
) -> tuple[StageState, ...]:
    """`stages` with another mark of the one at `index` (0-based), which keeps when it was confirmed unless given."""
    entry = stages[index]
    entry = replace(entry, mark=mark, confirmed_at=confirmed_at or entry.confirmed_at, trouble=trouble)
    return (*stages[:index], entry, *stages[index + 1 :])


def stages_at(stages: tuple[StageState, ...], reached: int) -> tuple[StageState, ...]:
    """The stages of a rollout of which only the readings, or a person, say how far it is: no times are known."""
    return tuple(
        replace(entry, mark=StageMark.CONFIRMED if entry.number <= reached else StageMark.PLANNED, trouble="")
        for entry in stages
    )


def _stages(wanted: StagesFrom, steps: StepsReading) -> tuple[Stage, ...]:
    found: list[Stage] = []
    for number, step in enumerate(steps.own):
        if step.waits:
            percent = None if step.percent is None else round(step.percent)
            name = _name(percent, number, {stage.name for stage in found})
            sets = {wanted.target: Setting(percent, step=number)}
            found.append(Stage(name, sets, bake_s=wanted.bake_s, min_requests=wanted.min_requests))
    found.append(Stage("full", {wanted.target: Setting(100, step=LAST_STEP)}))
    return tuple(replace(stage, team=wanted.team, approvals=wanted.approvals) for stage in found)


def _name(percent: int | None, number: int, used: set[str]) -> str:
    """A name that can be typed: "20pct", or "step-3" where the share says nothing or was named before."""
    name = f"{percent}pct" if percent else f"step-{number}"
    return name if name not in used else f"step-{number}"
