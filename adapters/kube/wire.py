"""Wire models shared by all Kubernetes adapters: metadata, conditions, ReplicaSets, durations.

Unknown fields are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, AliasPath, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

_KEEPERS = {
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "argocd.argoproj.io/instance": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
}
"""Annotations and labels by which a GitOps controller knows what it keeps in line with a repository."""
_DURATION = re.compile(r"(?:([0-9.]+)h)?(?:([0-9.]+)m)?(?:([0-9.]+)s)?(?:([0-9.]+)ms)?")
_UNITS_S = (3600.0, 60.0, 1.0, 0.001)


def utc(moment: datetime) -> datetime:
    """Convert to UTC; a moment without a zone is taken as UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


T = TypeVar("T")
Moment = Annotated[datetime, AfterValidator(utc)]
Items = Annotated[list[T], BeforeValidator(lambda value: [] if value is None else value)]
"""A list; null is an empty one."""
Part = Annotated[T, BeforeValidator(lambda value: {} if value is None else value)]
"""An object; null is an empty one."""


class Wire(BaseModel):
    """Base of every wire model. Immutable; filled by the wire's names or by ours."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _objects_on_paths(cls, value: Any) -> Any:
        """Refuse anything but an object or null on the way to a nested field, which would pass for absent."""
        for field in cls.model_fields.values():
            part = value
            for key in field.validation_alias.path[:-1] if isinstance(field.validation_alias, AliasPath) else ():
                part = part.get(key) if isinstance(part, dict) else None
                if not isinstance(part, dict | None):
                    raise ValueError(f"{key} is not an object")
        return value


class Manager(Wire):
    """One entry of managedFields."""

    manager: str = ""
    subresource: str = ""
    fields: Part[dict[str, Any]] = Field(default_factory=dict, alias="fieldsV1")


class Owner(Wire):
    """One entry of ownerReferences."""

    uid: str = ""


class Meta(Wire):
    """The metadata of an object."""

    name: str
    uid: str = ""
    generation: int = 0
    version: str = Field("", alias="resourceVersion")
    labels: Part[dict[str, str]] = Field(default_factory=dict)
    annotations: Part[dict[str, str]] = Field(default_factory=dict)
    owners: Items[Owner] = Field([], alias="ownerReferences")
    managers: Items[Manager] = Field([], alias="managedFields")
    deleted: Moment | None = Field(None, alias="deletionTimestamp")

    @property
    def keeper(self) -> str | None:
        """The GitOps controller that keeps the object in line with a repository. None where none is known."""
        keys = {**self.labels, **self.annotations}
        return next((name for key, name in _KEEPERS.items() if key in keys), None)


class StatusCondition(Wire):
    """One entry of status.conditions."""

    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""


class ReplicaSet(Wire):
    """A ReplicaSet, without its pod template, which only an undo needs."""

    meta: Meta = Field(alias="metadata")
    available: int = Field(0, validation_alias=AliasPath("status", "availableReplicas"))


def gitops_notes(meta: Meta, changes: str) -> list[str]:
    """Warn that a GitOps controller may revert `changes` ("an undo"). Empty where no controller is known."""
    if meta.keeper is None:
        return []
    return [f"{meta.keeper} keeps it in line with its repository and may revert {changes} within seconds"]


def earlier(sets: Sequence[ReplicaSet], annotation: str, than: str) -> tuple[str, ...]:
    """List the revisions below `than` that ReplicaSets hold. Newest first, at most five."""
    numbers = {int(text) for one in sets if (text := one.meta.annotations.get(annotation, "")).isdigit()}
    below = [number for number in numbers if not than.isdigit() or number < int(than)]
    return tuple(str(number) for number in sorted(below, reverse=True)[:5])


def go_duration_s(text: str) -> float | None:
    """Parse a duration such as "1h30m", in seconds; None where it is not one.

    Source: Go, time.ParseDuration; without µs and ns.
    """
    found = _DURATION.fullmatch(text)
    try:
        return None if found is None else sum(float(n) * u for n, u in zip(found.groups(), _UNITS_S, strict=True) if n)
    except ValueError:
        return None


def reasons_by_verb(*rules: tuple[tuple[str, ...], bool, str]) -> dict[str, str]:
    """Map each verb to the reason of the first of its rules that holds. A rule: (verbs, whether it holds, reason)."""
    found: dict[str, str] = {}
    for verbs, holds, why in rules:
        if holds:
            found = {**dict.fromkeys(verbs, why), **found}
    return found
