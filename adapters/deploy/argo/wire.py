"""What Argo Rollouts keeps in a cluster, as far as we read it: Rollouts, AnalysisRuns, and the ReplicaSets below them.

Source: argoproj.io/v1alpha1, Argo Rollouts 1.0 to 1.9. Unknown fields are ignored, unknown kinds of step are kept.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from adapters.kube import Resource
from adapters.kube.wire import Condition, Meta, Moment, Wire, none_is_empty, none_is_no_item, utc

GROUP, VERSION = "argoproj.io", "v1alpha1"
ROLLOUTS = Resource(GROUP, VERSION, "rollouts", "Rollout")
ANALYSIS_RUNS = Resource(GROUP, VERSION, "analysisruns", "AnalysisRun")
HASH_LABEL = "rollouts-pod-template-hash"
REVISION = "rollout.argoproj.io/revision"
WORKLOAD_GENERATION = "rollout.argoproj.io/workload-generation"


class TrafficRouting(Wire):
    most: int | None = Field(None, alias="maxTrafficWeight")


class CanaryStrategy(Wire):
    steps: Annotated[list[dict[str, Any]], BeforeValidator(none_is_no_item)] = Field(default_factory=list)
    routing: TrafficRouting | None = Field(None, alias="trafficRouting")


class BlueGreenStrategy(Wire):
    auto: bool | None = Field(None, alias="autoPromotionEnabled")
    auto_s: int | None = Field(None, alias="autoPromotionSeconds")


class RolloutStrategy(Wire):
    canary: CanaryStrategy | None = None
    blue_green: BlueGreenStrategy | None = Field(None, alias="blueGreen")


class WorkloadRef(Wire):
    api_version: str = Field("", alias="apiVersion")
    kind: str = ""
    name: str = ""


class RollbackWindow(Wire):
    revisions: int = 0


class RolloutSpec(Wire):
    replicas: int | None = None
    paused: bool | None = None
    strategy: Annotated[RolloutStrategy, BeforeValidator(none_is_empty)] = RolloutStrategy()
    workload: WorkloadRef | None = Field(None, alias="workloadRef")
    window: RollbackWindow | None = Field(None, alias="rollbackWindow")


class PauseCondition(Wire):
    reason: str = ""
    began: str = Field("", alias="startTime")
    """As the controller wrote it: a guard has to say it letter by letter."""

    @property
    def began_at(self) -> datetime | None:
        try:
            return utc(datetime.fromisoformat(self.began.replace("Z", "+00:00")))
        except ValueError:
            return None


class Weight(Wire):
    weight: int = 0


class Weights(Wire):
    canary: Annotated[Weight, BeforeValidator(none_is_empty)] = Weight()
    verified: bool | None = None


class RunStatus(Wire):
    name: str = ""
    status: str = ""
    message: str = ""


class CanaryStatus(Wire):
    weights: Weights | None = None
    step_run: RunStatus | None = Field(None, alias="currentStepAnalysisRunStatus")
    background_run: RunStatus | None = Field(None, alias="currentBackgroundAnalysisRunStatus")
    experiment: str | None = Field(None, alias="currentExperiment")


class BlueGreenStatus(Wire):
    active: str = Field("", alias="activeSelector")
    preview: str = Field("", alias="previewSelector")
    before: RunStatus | None = Field(None, alias="prePromotionAnalysisRunStatus")
    after: RunStatus | None = Field(None, alias="postPromotionAnalysisRunStatus")


class RolloutStatus(Wire):
    phase: str = ""
    message: str = ""
    observed: str = Field("", alias="observedGeneration")
    workload_observed: str = Field("", alias="workloadObservedGeneration")
    index: int | None = Field(None, alias="currentStepIndex")
    step_hash: str = Field("", alias="currentStepHash")
    hash: str = Field("", alias="currentPodHash")
    stable: str = Field("", alias="stableRS")
    pauses: Annotated[list[PauseCondition], BeforeValidator(none_is_no_item)] = Field(
        default_factory=list, alias="pauseConditions"
    )
    controller_pause: bool | None = Field(None, alias="controllerPause")
    abort: bool | None = None
    promote_full: bool | None = Field(None, alias="promoteFull")
    replicas: int = 0
    updated: int = Field(0, alias="updatedReplicas")
    available: int = Field(0, alias="availableReplicas")
    conditions: Annotated[list[Condition], BeforeValidator(none_is_no_item)] = Field(default_factory=list)
    canary: Annotated[CanaryStatus, BeforeValidator(none_is_empty)] = CanaryStatus()
    blue_green: Annotated[BlueGreenStatus, BeforeValidator(none_is_empty)] = Field(BlueGreenStatus(), alias="blueGreen")


class Rollout(Wire):
    """One Rollout."""

    meta: Meta = Field(alias="metadata")
    spec: Annotated[RolloutSpec, BeforeValidator(none_is_empty)] = RolloutSpec()
    status: Annotated[RolloutStatus, BeforeValidator(none_is_empty)] = RolloutStatus()

    @property
    def promoted(self) -> bool:
        """Nothing is under way: what is wanted is what is stable."""
        return bool(self.status.hash) and self.status.hash == self.status.stable


class Measurement(Wire):
    phase: str = ""
    value: str = ""
    started: Moment | None = Field(None, alias="startedAt")
    finished: Moment | None = Field(None, alias="finishedAt")
    message: str = ""


class MetricResult(Wire):
    name: str = ""
    phase: str = ""
    message: str = ""
    count: int = 0
    successful: int = 0
    failed: int = 0
    inconclusive: int = 0
    error: int = 0
    measurements: Annotated[list[Measurement], BeforeValidator(none_is_no_item)] = Field(default_factory=list)


class RunSpec(Wire):
    terminate: bool | None = None


class RunResult(Wire):
    phase: str = ""
    message: str = ""
    metrics: Annotated[list[MetricResult], BeforeValidator(none_is_no_item)] = Field(
        default_factory=list, alias="metricResults"
    )


class AnalysisRun(Wire):
    """One AnalysisRun; it has no status subresource."""

    meta: Meta = Field(alias="metadata")
    spec: Annotated[RunSpec, BeforeValidator(none_is_empty)] = RunSpec()
    status: Annotated[RunResult, BeforeValidator(none_is_empty)] = RunResult()
