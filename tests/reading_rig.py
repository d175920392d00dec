"""Readings of targets for tests: one varied in a few fields, and the steps of one that has them."""

from __future__ import annotations

from dataclasses import fields, replace

from adapters.contract import StepsReading, TargetReading, VersionsReading

_STEPS = {each.name for each in fields(StepsReading)}
_VERSIONS = {each.name for each in fields(VersionsReading)}


def varied(reading: TargetReading, **changes: object) -> TargetReading:
    """`reading` with these fields changed, those of its steps and of its versions among them."""
    steps = {name: value for name, value in changes.items() if name in _STEPS}
    versions = {name: value for name, value in changes.items() if name in _VERSIONS}
    others = {name: value for name, value in changes.items() if name not in _STEPS | _VERSIONS}
    if steps:
        others["steps"] = replace(reading.steps or StepsReading(0, 0), **steps)  # type: ignore[arg-type]
    return replace(reading, versions=replace(reading.versions, **versions), **others)  # type: ignore[arg-type]


def steps_read(reading: TargetReading | None) -> StepsReading:
    """The steps of a reading that has them."""
    assert reading is not None and reading.steps is not None
    return reading.steps
