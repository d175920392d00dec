"""Which version a target goes back to, and its readings told as exposure to what this rollout brings. Pure.

A backend that owns its steps speaks of the version that is wanted now. Before a new one is set that is the old one,
with everything; after an undo it is the old one again, on its way up. Neither is exposure to the new version.
"""

from __future__ import annotations

from dataclasses import replace

from adapters.contract import TargetReading


def old_version(opening: TargetReading | None) -> str | None:
    """The version that had the traffic before this rollout; None for a backend that names no versions."""
    if opening is None or opening.steps is None:
        return None
    return opening.canary_version if opening.at_rest else opening.baseline_version


def as_exposure(reading: TargetReading, opening: TargetReading | None) -> TargetReading:
    """`reading` with its share told of the new version, as `opening` tells old from new."""
    if reading.steps is None or reading.canary_version is None:
        return reading
    if reading.canary_version != old_version(opening or reading):
        return reading
    return replace(
        reading,
        percent=None if reading.percent is None else 100.0 - reading.percent,
        desired=None if reading.desired is None else 100.0 - reading.desired,
        step=0 if reading.at_rest else reading.step,
    )
