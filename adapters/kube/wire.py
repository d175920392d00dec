"""What every object of a cluster has, as far as adapters read it, and the ReplicaSets of Rollouts and Deployments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

_KEEPERS = {
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "argocd.argoproj.io/instance": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
}
"""Annotations and labels by which a GitOps controller knows what it keeps in line with a repository."""


def utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def none_is_empty(value: object) -> object:
    return {} if value is None else value


def none_is_no_item(value: object) -> object:
    return [] if value is None else value


Moment = Annotated[datetime, AfterValidator(utc)]


class Wire(BaseModel):
    """What every model here has: a field that is null is as one that is not there."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)


class Manager(Wire):
    """One entry of managedFields."""

    manager: str = ""
    subresource: str = ""
    fields: Annotated[dict[str, Any], BeforeValidator(none_is_empty)] = Field(default_factory=dict, alias="fieldsV1")


class Owner(Wire):
    uid: str = ""
    kind: str = ""


class Meta(Wire):
    name: str
    uid: str = ""
    generation: int = 0
    version: str = Field("", alias="resourceVersion")
    labels: Annotated[dict[str, str], BeforeValidator(none_is_empty)] = Field(default_factory=dict)
    annotations: Annotated[dict[str, str], BeforeValidator(none_is_empty)] = Field(default_factory=dict)
    owners: Annotated[list[Owner], BeforeValidator(none_is_no_item)] = Field(
        default_factory=list, alias="ownerReferences"
    )
    managers: Annotated[list[Manager], BeforeValidator(none_is_no_item)] = Field(
        default_factory=list, alias="managedFields"
    )
    deleted: Moment | None = Field(None, alias="deletionTimestamp")

    @property
    def kept(self) -> str | None:
        """Who keeps it as a repository says, in words that warn; None where nobody is known to."""
        keys = {**self.labels, **self.annotations}
        keeper = next((who for key, who in _KEEPERS.items() if key in keys), None)
        if keeper is None:
            return None
        return f"{keeper} keeps it as its repository says: an undo may be put back in seconds"


class Condition(Wire):
    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""


class ReplicaSetStatus(Wire):
    available: int = Field(0, alias="availableReplicas")


class ReplicaSet(Wire):
    """A ReplicaSet, without its pod template, which only an undo wants."""

    meta: Meta = Field(alias="metadata")
    status: Annotated[ReplicaSetStatus, BeforeValidator(none_is_empty)] = ReplicaSetStatus()


def earlier(sets: Sequence[ReplicaSet], annotation: str, than: str) -> tuple[str, ...]:
    """The revisions that ReplicaSets still hold below revision `than`, newest first, at most five."""
    numbers = {int(text) for one in sets if (text := one.meta.annotations.get(annotation, "")).isdigit()}
    below = [number for number in numbers if not than.isdigit() or number < int(than)]
    return tuple(str(number) for number in sorted(below, reverse=True)[:5])
