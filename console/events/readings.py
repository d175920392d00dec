"""How a TargetReading is stored: flat, each field under a key of its own, as in the first journals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

from adapters.contract import OwnStep, Phase, StepsReading, TargetReading, VersionsReading, Wait


@dataclass(frozen=True, slots=True)
class FlatReading:
    """The stored keys of a reading, in their order; a key that came later may be missing in an old journal."""

    target: str
    at: datetime
    percent: float | None
    on: bool | None
    phase: Phase
    detail: str
    problem: str | None
    canary_version: str | None
    baseline_version: str | None
    release: str | None
    revision: str | None
    changed_by: str | None
    step: int | None
    """None, as `steps`, for a backend without steps of its own."""
    steps: int | None
    """How many there are."""
    own_steps: tuple[OwnStep, ...]
    at_rest: bool
    waits: Wait | None
    until: datetime | None
    desired: float | None
    skipped: str | None
    cannot: Mapping[str, str]
    revisions: tuple[str, ...]
    notes: tuple[str, ...]
    asks_s: float | None


_VERSIONS = {"canary": "canary_version", "baseline": "baseline_version"}
"""Field of VersionsReading -> stored key, where they differ."""
_STEPS = {"count": "steps", "own": "own_steps"}
"""Field of StepsReading -> stored key, where they differ."""


def _flat(reading: TargetReading) -> FlatReading:
    versions, steps = reading.versions, reading.steps or StepsReading(step=0, count=0)
    return FlatReading(
        target=reading.target,
        at=reading.at,
        percent=reading.percent,
        on=reading.on,
        phase=reading.phase,
        detail=reading.detail,
        problem=reading.problem,
        canary_version=versions.canary,
        baseline_version=versions.baseline,
        release=versions.release,
        revision=versions.revision,
        changed_by=reading.changed_by,
        step=None if reading.steps is None else steps.step,
        steps=None if reading.steps is None else steps.count,
        own_steps=steps.own,
        at_rest=steps.at_rest,
        waits=steps.waits,
        until=steps.until,
        desired=steps.desired,
        skipped=steps.skipped,
        cannot=reading.cannot,
        revisions=versions.revisions,
        notes=reading.notes,
        asks_s=steps.asks_s,
    )


def _nested(stored: object) -> object:
    """The fields of a TargetReading from its stored keys; anything else as it is."""
    if not isinstance(stored, dict):
        return stored
    found = {each.name: stored[each.name] for each in fields(TargetReading) if each.name in stored}
    found["versions"] = _picked(stored, VersionsReading, _VERSIONS)
    found["steps"] = None
    if stored.get("steps") is not None:
        found["steps"] = {**_picked(stored, StepsReading, _STEPS), "step": stored.get("step") or 0}
    return found


def _picked(stored: dict[str, Any], kind: type[VersionsReading | StepsReading], keys: dict[str, str]) -> dict[str, Any]:
    names = {each.name: keys.get(each.name, each.name) for each in fields(kind)}
    return {name: stored[key] for name, key in names.items() if key in stored}


StoredReading = Annotated[TargetReading, BeforeValidator(_nested), PlainSerializer(_flat, return_type=FlatReading)]
"""A TargetReading as a field of an event."""
