"""Which version a target goes back to, which one this rollout brings, and how far that one is exposed. Pure.

A backend that owns its steps speaks of the version that is wanted now. Before a new one is set that is the old one,
with everything; after an undo it is the old one again, on its way up. Neither is exposure to the new version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from adapters.contract import MetricQuery, TargetReading
from console.state.values import TargetState


def old_version(opening: TargetReading | None) -> str | None:
    """The version that had the traffic before this rollout; None for a backend that names no versions."""
    if opening is None or opening.steps is None:
        return None
    return opening.versions.canary if opening.steps.at_rest else opening.versions.baseline


def arm_versions(reading: TargetReading, opening: TargetReading | None) -> tuple[str, str] | None:
    """(the version this rollout brings, "" while there is none; the one before it). None: no versions are named."""
    old = old_version(opening or reading) or reading.versions.baseline
    if old is None:
        return None
    named = (reading.versions.canary, reading.versions.baseline)
    return next((version for version in named if version and version != old), ""), old


def with_versions(query: MetricQuery, targets: Mapping[str, TargetState]) -> MetricQuery | None:
    """`query` with its arms' values, where they are a target's versions; None while that target names none."""
    arms = query.arms
    if arms is None or arms.of is None:
        return query
    entry = targets.get(arms.of)
    found = None if entry is None or entry.reading is None else arm_versions(entry.reading, entry.opening)
    return None if found is None else replace(query, arms=replace(arms, canary=found[0], baseline=found[1]))


def as_exposure(reading: TargetReading, opening: TargetReading | None) -> TargetReading:
    """`reading` with its share counted for the new version, as `opening` tells old from new."""
    if reading.steps is None or reading.versions.canary is None:
        return reading
    if reading.versions.canary != old_version(opening or reading):
        return reading
    steps = reading.steps
    return replace(
        reading,
        percent=None if reading.percent is None else 100.0 - reading.percent,
        steps=replace(
            steps,
            desired=None if steps.desired is None else 100.0 - steps.desired,
            step=0 if steps.at_rest else steps.step,
        ),
    )
