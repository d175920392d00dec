"""Wire models of Argo Rollouts: Rollouts and AnalysisRuns.

Source: argoproj.io/v1alpha1, Argo Rollouts 1.0 to 1.9. Unknown fields are ignored, unknown kinds of step are kept.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import AliasPath, Field

from adapters.kube import Resource
from adapters.kube.wire import Items, Meta, Moment, Part, StatusCondition, Wire, utc

GROUP, VERSION = "argoproj.io", "v1alpha1"
ROLLOUTS = Resource(GROUP, VERSION, "rollouts", "Rollout")
ANALYSIS_RUNS = Resource(GROUP, VERSION, "analysisruns", "AnalysisRun")
HASH_LABEL = "rollouts-pod-template-hash"
REVISION = "rollout.argoproj.io/revision"
WORKLOAD_GENERATION = "rollout.argoproj.io/workload-generation"


class TrafficRouting(Wire):
    """The trafficRouting of a canary."""

    most: int | None = Field(None, alias="maxTrafficWeight")


class CanaryStrategy(Wire):
    """The strategy `canary`."""

    steps: Items[dict[str, Any]] = Field([])
    routing: TrafficRouting | None = Field(None, alias="trafficRouting")


class BlueGreenStrategy(Wire):
    """The strategy `blueGreen`."""

    auto: bool | None = Field(None, alias="autoPromotionEnabled")
    auto_s: int | None = Field(None, alias="autoPromotionSeconds")


class WorkloadRef(Wire):
    """The object that a Rollout takes its template from."""

    kind: str = ""
    name: str = ""


class PauseCondition(Wire):
    """A pause that the controller has begun."""

    reason: str = ""
    began: str = Field("", alias="startTime")
    """As the controller wrote it: a guard repeats it letter by letter."""

    @property
    def began_at(self) -> datetime | None:
        """The beginning, UTC; None where it cannot be parsed."""
        try:
            return utc(datetime.fromisoformat(self.began.replace("Z", "+00:00")))
        except ValueError:
            return None


class Weights(Wire):
    """The weights that the traffic router was given."""

    canary: int = Field(0, validation_alias=AliasPath("canary", "weight"))
    verified: bool | None = None


class RolloutStatus(Wire):
    """The status of a Rollout."""

    phase: str = ""
    message: str = ""
    observed: str = Field("", alias="observedGeneration")
    workload_observed: str = Field("", alias="workloadObservedGeneration")
    index: int | None = Field(None, alias="currentStepIndex")
    hash: str = Field("", alias="currentPodHash")
    stable: str = Field("", alias="stableRS")
    pauses: Items[PauseCondition] = Field([], alias="pauseConditions")
    controller_pause: bool | None = Field(None, alias="controllerPause")
    abort: bool | None = None
    promote_full: bool | None = Field(None, alias="promoteFull")
    updated: int = Field(0, alias="updatedReplicas")
    available: int = Field(0, alias="availableReplicas")
    conditions: Items[StatusCondition] = Field([])
    weights: Weights | None = Field(None, validation_alias=AliasPath("canary", "weights"))
    step_run: str = Field("", validation_alias=AliasPath("canary", "currentStepAnalysisRunStatus", "status"))
    """The phase of the step's AnalysisRun."""
    active: str = Field("", validation_alias=AliasPath("blueGreen", "activeSelector"))
    """The hash that a blue-green serves."""


class Rollout(Wire):
    """One Rollout, without its pod template. It has one of the two strategies."""

    meta: Meta = Field(alias="metadata")
    paused: bool | None = Field(None, validation_alias=AliasPath("spec", "paused"))
    canary: CanaryStrategy | None = Field(None, validation_alias=AliasPath("spec", "strategy", "canary"))
    blue_green: BlueGreenStrategy | None = Field(None, validation_alias=AliasPath("spec", "strategy", "blueGreen"))
    workload: WorkloadRef | None = Field(None, validation_alias=AliasPath("spec", "workloadRef"))
    status: Part[RolloutStatus] = RolloutStatus()

    @property
    def is_promoted(self) -> bool:
        """Whether the wanted version is the stable one: nothing is under way."""
        return bool(self.status.hash) and self.status.hash == self.status.stable


class Measurement(Wire):
    """One measurement of a metric."""

    phase: str = ""
    value: str = ""
    started: Moment | None = Field(None, alias="startedAt")
    finished: Moment | None = Field(None, alias="finishedAt")
    message: str = ""


class MetricResult(Wire):
    """The results of one metric of an AnalysisRun."""

    name: str = ""
    phase: str = ""
    successful: int = 0
    failed: int = 0
    inconclusive: int = 0
    error: int = 0
    measurements: Items[Measurement] = Field([])


class AnalysisRun(Wire):
    """One AnalysisRun; it has no status subresource."""

    meta: Meta = Field(alias="metadata")
    terminate: bool | None = Field(None, validation_alias=AliasPath("spec", "terminate"))
    phase: str = Field("", validation_alias=AliasPath("status", "phase"))
    message: str = Field("", validation_alias=AliasPath("status", "message"))
    metrics: Items[MetricResult] = Field([], validation_alias=AliasPath("status", "metricResults"))
