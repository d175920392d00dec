"""What Argo Rollouts keeps in a cluster, as far as we read it: Rollouts, AnalysisRuns, and the ReplicaSets below them.

Source: argoproj.io/v1alpha1, Argo Rollouts 1.0 to 1.9. Unknown fields are ignored, unknown kinds of step are kept.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from adapters.kube import Resource

GROUP, VERSION = "argoproj.io", "v1alpha1"
ROLLOUTS = Resource(GROUP, VERSION, "rollouts", "Rollout")
ANALYSIS_RUNS = Resource(GROUP, VERSION, "analysisruns", "AnalysisRun")
HASH_LABEL = "rollouts-pod-template-hash"
REVISION = "rollout.argoproj.io/revision"
WORKLOAD_GENERATION = "rollout.argoproj.io/workload-generation"


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _none_is_empty(value: object) -> object:
    return {} if value is None else value


def _none_is_no_item(value: object) -> object:
    return [] if value is None else value


Moment = Annotated[datetime, AfterValidator(_utc)]


class Wire(BaseModel):
    """What every model here has: a field that is null is as one that is not there."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)


class Manager(Wire):
    """One entry of managedFields."""

    manager: str = ""
    subresource: str = ""
    time: Moment | None = None
    fields: Annotated[dict[str, Any], BeforeValidator(_none_is_empty)] = Field(default={}, alias="fieldsV1")


class Owner(Wire):
    uid: str = ""
    kind: str = ""


class Meta(Wire):
    name: str
    uid: str = ""
    generation: int = 0
    version: str = Field("", alias="resourceVersion")
    labels: Annotated[dict[str, str], BeforeValidator(_none_is_empty)] = {}
    annotations: Annotated[dict[str, str], BeforeValidator(_none_is_empty)] = {}
    owners: Annotated[list[Owner], BeforeValidator(_none_is_no_item)] = Field(default=[], alias="ownerReferences")
    managers: Annotated[list[Manager], BeforeValidator(_none_is_no_item)] = Field(default=[], alias="managedFields")
    deleted: Moment | None = Field(None, alias="deletionTimestamp")


class TrafficRouting(Wire):
    most: int | None = Field(None, alias="maxTrafficWeight")


class Canary(Wire):
    steps: Annotated[list[dict[str, Any]], BeforeValidator(_none_is_no_item)] = []
    routing: TrafficRouting | None = Field(None, alias="trafficRouting")


class BlueGreen(Wire):
    auto: bool | None = Field(None, alias="autoPromotionEnabled")
    auto_s: int | None = Field(None, alias="autoPromotionSeconds")


class Strategy(Wire):
    canary: Canary | None = None
    blue_green: BlueGreen | None = Field(None, alias="blueGreen")


class WorkloadRef(Wire):
    api_version: str = Field("", alias="apiVersion")
    kind: str = ""
    name: str = ""


class RollbackWindow(Wire):
    revisions: int = 0


class Spec(Wire):
    replicas: int | None = None
    paused: bool | None = None
    strategy: Annotated[Strategy, BeforeValidator(_none_is_empty)] = Strategy()
    workload: WorkloadRef | None = Field(None, alias="workloadRef")
    window: RollbackWindow | None = Field(None, alias="rollbackWindow")


class PauseCondition(Wire):
    reason: str = ""
    began: str = Field("", alias="startTime")
    """As the controller wrote it: a guard has to say it letter by letter."""

    @property
    def began_at(self) -> datetime | None:
        try:
            return _utc(datetime.fromisoformat(self.began.replace("Z", "+00:00")))
        except ValueError:
            return None


class Weight(Wire):
    weight: int = 0


class Weights(Wire):
    canary: Annotated[Weight, BeforeValidator(_none_is_empty)] = Weight()
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


class Condition(Wire):
    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""


class Status(Wire):
    phase: str = ""
    message: str = ""
    observed: str = Field("", alias="observedGeneration")
    workload_observed: str = Field("", alias="workloadObservedGeneration")
    index: int | None = Field(None, alias="currentStepIndex")
    step_hash: str = Field("", alias="currentStepHash")
    hash: str = Field("", alias="currentPodHash")
    stable: str = Field("", alias="stableRS")
    pauses: Annotated[list[PauseCondition], BeforeValidator(_none_is_no_item)] = Field([], alias="pauseConditions")
    controller_pause: bool | None = Field(None, alias="controllerPause")
    abort: bool | None = None
    promote_full: bool | None = Field(None, alias="promoteFull")
    replicas: int = 0
    updated: int = Field(0, alias="updatedReplicas")
    available: int = Field(0, alias="availableReplicas")
    conditions: Annotated[list[Condition], BeforeValidator(_none_is_no_item)] = []
    canary: Annotated[CanaryStatus, BeforeValidator(_none_is_empty)] = CanaryStatus()
    blue_green: Annotated[BlueGreenStatus, BeforeValidator(_none_is_empty)] = Field(
        BlueGreenStatus(), alias="blueGreen"
    )


class Rollout(Wire):
    """One Rollout."""

    meta: Meta = Field(alias="metadata")
    spec: Annotated[Spec, BeforeValidator(_none_is_empty)] = Spec()
    status: Annotated[Status, BeforeValidator(_none_is_empty)] = Status()

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
    measurements: Annotated[list[Measurement], BeforeValidator(_none_is_no_item)] = []


class RunSpec(Wire):
    terminate: bool | None = None


class RunResult(Wire):
    phase: str = ""
    message: str = ""
    metrics: Annotated[list[MetricResult], BeforeValidator(_none_is_no_item)] = Field([], alias="metricResults")


class AnalysisRun(Wire):
    """One AnalysisRun; it has no status subresource."""

    meta: Meta = Field(alias="metadata")
    spec: Annotated[RunSpec, BeforeValidator(_none_is_empty)] = RunSpec()
    status: Annotated[RunResult, BeforeValidator(_none_is_empty)] = RunResult()


class ReplicaSetStatus(Wire):
    available: int = Field(0, alias="availableReplicas")


class ReplicaSet(Wire):
    """A ReplicaSet, without its pod template, which only an undo wants."""

    meta: Meta = Field(alias="metadata")
    status: Annotated[ReplicaSetStatus, BeforeValidator(_none_is_empty)] = ReplicaSetStatus()
