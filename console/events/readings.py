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
    marks: tuple[str, ...] = ()


_VERSIONS = {"canary": "canary_version", "baseline": "baseline_version"}
"""Field of VersionsReading -> stored key, where they differ."""
_STEPS = {"count": "steps", "own": "own_steps"}
"""Field of StepsReading -> stored key, where they differ."""


def _flat(reading: TargetReading) -> FlatReading:
    own = {each.name: getattr(reading, each.name) for each in fields(TargetReading)}
    versions, steps = own.pop("versions"), own.pop("steps")
    flat = own | _stored_keys(versions, _VERSIONS) | _stored_keys(steps or StepsReading(step=0, count=0), _STEPS)
    return FlatReading(**flat if steps is not None else flat | {"step": None, "steps": None})


def _stored_keys(part: VersionsReading | StepsReading, keys: dict[str, str]) -> dict[str, Any]:
    return {keys.get(each.name, each.name): getattr(part, each.name) for each in fields(part)}


def _nest_fields(stored: object) -> object:
    """The fields of a TargetReading from its stored keys; anything else as it is."""
    if not isinstance(stored, dict):
        return stored
    found = {each.name: stored[each.name] for each in fields(TargetReading) if each.name in stored}
    found["versions"] = _pick_keys(stored, VersionsReading, _VERSIONS)
    found["steps"] = None
    if stored.get("steps") is not None:
        found["steps"] = {**_pick_keys(stored, StepsReading, _STEPS), "step": stored.get("step") or 0}
    return found


def _pick_keys(
    stored: dict[str, Any], kind: type[VersionsReading | StepsReading], keys: dict[str, str]
) -> dict[str, Any]:
    names = {each.name: keys.get(each.name, each.name) for each in fields(kind)}
    return {name: stored[key] for name, key in names.items() if key in stored}


StoredReading = Annotated[TargetReading, BeforeValidator(_nest_fields), PlainSerializer(_flat, return_type=FlatReading)]
"""A TargetReading as a field of an event."""
