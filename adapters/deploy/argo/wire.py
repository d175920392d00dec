"""Wire models of Argo Rollouts: Rollouts and AnalysisRuns.

Source: argoproj.io/v1alpha1, Argo Rollouts 1.0 to 1.9. Unknown fields are ignored, unknown kinds of step are kept.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from adapters.kube import Resource
from adapters.kube.wire import Meta, Moment, StatusCondition, Wire, none_is_empty, none_is_no_item, utc

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

    steps: Annotated[list[dict[str, Any]], BeforeValidator(none_is_no_item)] = Field(default_factory=list)
    routing: TrafficRouting | None = Field(None, alias="trafficRouting")


class BlueGreenStrategy(Wire):
    """The strategy `blueGreen`."""

    auto: bool | None = Field(None, alias="autoPromotionEnabled")
    auto_s: int | None = Field(None, alias="autoPromotionSeconds")


class RolloutStrategy(Wire):
    """The strategy of a Rollout: one of the two."""

    canary: CanaryStrategy | None = None
    blue_green: BlueGreenStrategy | None = Field(None, alias="blueGreen")


class WorkloadRef(Wire):
    """The object that a Rollout takes its template from."""

    api_version: str = Field("", alias="apiVersion")
    kind: str = ""
    name: str = ""


class RollbackWindow(Wire):
    """The revisions to which a rollback skips the steps."""

    revisions: int = 0


class RolloutSpec(Wire):
    """The spec of a Rollout, without its template."""

    replicas: int | None = None
    paused: bool | None = None
    strategy: Annotated[RolloutStrategy, BeforeValidator(none_is_empty)] = RolloutStrategy()
    workload: WorkloadRef | None = Field(None, alias="workloadRef")
    window: RollbackWindow | None = Field(None, alias="rollbackWindow")


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


class Weight(Wire):
    """The weight of one destination."""

    weight: int = 0


class Weights(Wire):
    """The weights that the traffic router was given."""

    canary: Annotated[Weight, BeforeValidator(none_is_empty)] = Weight()
    verified: bool | None = None


class RunStatus(Wire):
    """A Rollout's summary of one AnalysisRun."""

    name: str = ""
    status: str = ""
    message: str = ""


class CanaryStatus(Wire):
    """The status.canary of a Rollout."""

    weights: Weights | None = None
    step_run: RunStatus | None = Field(None, alias="currentStepAnalysisRunStatus")
    background_run: RunStatus | None = Field(None, alias="currentBackgroundAnalysisRunStatus")
    experiment: str | None = Field(None, alias="currentExperiment")


class BlueGreenStatus(Wire):
    """The status.blueGreen of a Rollout."""

    active: str = Field("", alias="activeSelector")
    preview: str = Field("", alias="previewSelector")
    before: RunStatus | None = Field(None, alias="prePromotionAnalysisRunStatus")
    after: RunStatus | None = Field(None, alias="postPromotionAnalysisRunStatus")


class RolloutStatus(Wire):
    """The status of a Rollout."""

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
    conditions: Annotated[list[StatusCondition], BeforeValidator(none_is_no_item)] = Field(default_factory=list)
    canary: Annotated[CanaryStatus, BeforeValidator(none_is_empty)] = CanaryStatus()
    blue_green: Annotated[BlueGreenStatus, BeforeValidator(none_is_empty)] = Field(BlueGreenStatus(), alias="blueGreen")


class Rollout(Wire):
    """One Rollout."""

    meta: Meta = Field(alias="metadata")
    spec: Annotated[RolloutSpec, BeforeValidator(none_is_empty)] = RolloutSpec()
    status: Annotated[RolloutStatus, BeforeValidator(none_is_empty)] = RolloutStatus()

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
    message: str = ""
    count: int = 0
    successful: int = 0
    failed: int = 0
    inconclusive: int = 0
    error: int = 0
    measurements: Annotated[list[Measurement], BeforeValidator(none_is_no_item)] = Field(default_factory=list)


class RunSpec(Wire):
    """The spec of an AnalysisRun."""

    terminate: bool | None = None


class RunResult(Wire):
    """The status of an AnalysisRun."""

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
