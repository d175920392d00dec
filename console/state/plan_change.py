"""An accepted plan takes effect: targets, stages, metrics and sources that remain keep what is known. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from console.plan.nouns import Plan
from console.state.checklist import checklist_of
from console.state.derived_stages import with_stages
from console.state.judging import rejudge
from console.state.succession import sources_of, targets_under, with_names
from console.state.values import Boundary, MetricState, RolloutState, StageState

if TYPE_CHECKING:
    from console.events.kinds import DecisionTaken


def change_plan(state: RolloutState, event: DecisionTaken) -> RolloutState:
    """The accepted plan takes effect.

    A stage we stand on, or are under way to, that is not where it was leaves the rollout unplaced, and so does a target
    of a reached stage that points elsewhere. A rollback goes on by the plan that it began with.
    """
    accepted = state.plans.get(event.plan_digest or "")
    if accepted is None or state.rollback is not None:
        return state
    after = targets_under(state, accepted)
    readings = {name: each.reading for name, each in after.targets.items() if each.reading is not None}
    plan = with_stages(after.plan, readings)
    was = {entry.stage.name: entry for entry in state.stages}
    stages = tuple(
        replace(was[stage.name], number=number, stage=stage) if stage.name in was else StageState(number, stage)
        for number, stage in enumerate(plan.stages, start=1)
    )
    boundaries = _renumber_boundaries(state, plan)
    reached = _stages_still_reached(state, [stage.name for stage in plan.stages])
    if any(not after.elsewhere.isdisjoint(stage.sets) for stage in plan.stages[: reached or 0]):
        reached = None
    return replace(
        with_names(state, after.names),
        plan=plan,
        stages=stages,
        targets=after.targets,
        metrics=_metrics_under(state, plan, boundaries),
        boundaries=boundaries,
        sources=sources_of(state, plan),
        reached=reached,
        promoting=state.promoting if reached is not None else None,
        checklist=checklist_of(plan, after.targets),
    )


def _renumber_boundaries(state: RolloutState, plan: Plan) -> tuple[Boundary, ...]:
    """Where the rollout stood, by the new plan's numbers; a stage that it has no more gets none of them."""
    numbers = {stage.name: number for number, stage in enumerate(plan.stages, start=1)}
    moved = {entry.number: numbers.get(entry.stage.name, -entry.number) for entry in state.stages}
    return tuple(replace(each, reached=moved.get(each.reached, each.reached)) for each in state.boundaries)


def _metrics_under(state: RolloutState, plan: Plan, boundaries: tuple[Boundary, ...]) -> dict[str, MetricState]:
    return {
        name: rejudge(state, boundaries, measured, metric)
        if (measured := state.metrics.get(name)) is not None
        and (measured.metric.backend, measured.metric.query) == (metric.backend, metric.query)
        else MetricState(metric)
        for name, metric in plan.metrics.items()
    }


def _stages_still_reached(state: RolloutState, names: list[str]) -> int | None:
    """Stages reached in a plan with the stages `names`; None if that is ambiguous."""
    current = state.current.stage.name if state.current else None
    if current is not None and current not in names:
        return None
    reached = state.reached if current is None else names.index(current) + 1
    if state.promoting is None or state.next is None or reached is None:
        return reached
    return reached if names[reached : reached + 1] == [state.next.stage.name] else None
