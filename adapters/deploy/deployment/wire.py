"""Wire models of a Deployment (apps/v1), and its guard token."""

from __future__ import annotations

import json
from dataclasses import dataclass

from pydantic import AliasPath, Field

from adapters.kube.wire import Items, Meta, StatusCondition, Wire

REVISION = "deployment.kubernetes.io/revision"
HASH_LABEL = "pod-template-hash"


class Deployment(Wire):
    """One Deployment, without its pod template, which only an undo needs."""

    meta: Meta = Field(alias="metadata")
    wanted: int = Field(1, validation_alias=AliasPath("spec", "replicas"))
    paused: bool | None = Field(None, validation_alias=AliasPath("spec", "paused"))
    observed: int = Field(0, validation_alias=AliasPath("status", "observedGeneration"))
    replicas: int = Field(0, validation_alias=AliasPath("status", "replicas"))
    updated: int = Field(0, validation_alias=AliasPath("status", "updatedReplicas"))
    available: int = Field(0, validation_alias=AliasPath("status", "availableReplicas"))
    conditions: Items[StatusCondition] = Field([], validation_alias=AliasPath("status", "conditions"))

    @property
    def revision(self) -> str:
        """The revision annotation, "" without one."""
        return self.meta.annotations.get(REVISION, "")


@dataclass(frozen=True, slots=True)
class GuardToken:
    """The state of a Deployment that a guard compares. Travels as the `revision` of a reading."""

    revision: str
    """The revision annotation, which identifies the template."""
    version: str
    """The hash of that template."""
    paused: bool

    @classmethod
    def parse(cls, text: str) -> GuardToken | None:
        """Parse the text that str() gave; None where it is another."""
        try:
            revision, version, paused = json.loads(text)
        except (ValueError, TypeError):
            return None
        return cls(str(revision), str(version), bool(paused))

    def __str__(self) -> str:
        return json.dumps([self.revision, self.version, self.paused], separators=(",", ":"))
