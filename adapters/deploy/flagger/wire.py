"""What Flagger keeps in a cluster, as far as we read it: Canaries, and the events about them.

Source: flagger.app/v1beta1 Canary (Flagger 1.10 to 1.44), core/v1 Event. Unknown fields are ignored.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from adapters.kube import Resource

CANARIES = Resource("flagger.app", "v1beta1", "canaries", "Canary")
EVENTS = Resource("", "v1", "events", "KubeEvent")

CONFIRM_ROLLOUT = "confirm-rollout"
CONFIRM_TRAFFIC = "confirm-traffic-increase"
CONFIRM_PROMOTION = "confirm-promotion"
ROLLBACK = "rollback"
GATES = (CONFIRM_ROLLOUT, CONFIRM_TRAFFIC, CONFIRM_PROMOTION, ROLLBACK)
"""The webhooks whose answer decides whether Flagger goes on or back."""


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


class Meta(Wire):
    name: str
    generation: int = 0
    deleted: Moment | None = Field(None, alias="deletionTimestamp")
    labels: Annotated[dict[str, str], BeforeValidator(_none_is_empty)] = {}
    annotations: Annotated[dict[str, str], BeforeValidator(_none_is_empty)] = {}


class Webhook(Wire):
    name: str = ""
    type: str = ""
    url: str = ""


class Analysis(Wire):
    interval: str = ""
    threshold: int = 0
    max_weight: int = Field(0, alias="maxWeight")
    step_weight: int = Field(0, alias="stepWeight")
    step_weights: Annotated[list[int], BeforeValidator(_none_is_no_item)] = Field([], alias="stepWeights")
    iterations: int = 0
    match: Annotated[list[object], BeforeValidator(_none_is_no_item)] = []
    informer: bool = False
    webhooks: Annotated[list[Webhook], BeforeValidator(_none_is_no_item)] = []


class Reference(Wire):
    kind: str = ""
    name: str = ""


class CanarySpec(Wire):
    provider: str = ""
    target: Annotated[Reference, BeforeValidator(_none_is_empty)] = Field(Reference(), alias="targetRef")
    newer: Analysis | None = Field(None, alias="analysis")
    older: Analysis | None = Field(None, alias="canaryAnalysis")
    """The name that `analysis` had before."""
    skip: bool = Field(False, alias="skipAnalysis")
    suspend: bool = False

    @property
    def analysis(self) -> Analysis:
        return self.newer or self.older or Analysis()


class FlaggerStatus(Wire):
    phase: str = ""
    weight: int = Field(0, alias="canaryWeight")
    failed_checks: int = Field(0, alias="failedChecks")
    iterations: int = 0
    applied: str = Field("", alias="lastAppliedSpec")
    promoted: str = Field("", alias="lastPromotedSpec")
    moved: Moment | None = Field(None, alias="lastTransitionTime")


class Canary(Wire):
    """One Canary."""

    meta: Meta = Field(alias="metadata")
    spec: Annotated[CanarySpec, BeforeValidator(_none_is_empty)] = CanarySpec()
    status: Annotated[FlaggerStatus, BeforeValidator(_none_is_empty)] = FlaggerStatus()

    def webhook(self, kind: str) -> Webhook | None:
        """The first webhook of a kind."""
        return next((hook for hook in self.spec.analysis.webhooks if hook.type == kind), None)


class EventSeries(Wire):
    seen: Moment | None = Field(None, alias="lastObservedTime")


class KubeEvent(Wire):
    """One event about a Canary; what is said again is counted, not repeated."""

    type: str = ""
    message: str = ""
    last: Moment | None = Field(None, alias="lastTimestamp")
    first: Moment | None = Field(None, alias="firstTimestamp")
    at: Moment | None = Field(None, alias="eventTime")
    series: EventSeries | None = None

    @property
    def said_at(self) -> datetime:
        """When it was last said; the beginning of time where it does not say."""
        found = [self.series.seen if self.series else None, self.last, self.at, self.first]
        return max((moment for moment in found if moment is not None), default=datetime.min.replace(tzinfo=UTC))
