"""Wire models of Flagger: Canaries, the events about them, and the questions at its webhooks.

Source: flagger.app/v1beta1 Canary (Flagger 1.10 to 1.44), core/v1 Event; Flagger, "Webhooks" (payload). Unknown fields
are ignored.
"""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import AliasPath, Field

from adapters.kube import Resource
from adapters.kube.wire import Items, Meta, Moment, Part, Wire

CANARIES = Resource("flagger.app", "v1beta1", "canaries", "Canary")
EVENTS = Resource("", "v1", "events", "Event")

CONFIRM_ROLLOUT = "confirm-rollout"
CONFIRM_TRAFFIC = "confirm-traffic-increase"
CONFIRM_PROMOTION = "confirm-promotion"
ROLLBACK = "rollback"
GATES = (CONFIRM_ROLLOUT, CONFIRM_TRAFFIC, CONFIRM_PROMOTION, ROLLBACK)
"""The webhooks whose answer decides whether Flagger goes on or back."""


class Webhook(Wire):
    """One entry of spec.analysis.webhooks."""

    type: str = ""
    url: str = ""


class Analysis(Wire):
    """The spec.analysis of a Canary."""

    interval: str = ""
    threshold: int = 0
    max_weight: int = Field(0, alias="maxWeight")
    step_weight: int = Field(0, alias="stepWeight")
    step_weights: Items[int] = Field([], alias="stepWeights")
    iterations: int = 0
    match: Items[object] = Field([])
    webhooks: Items[Webhook] = Field([])


class FlaggerStatus(Wire):
    """The status of a Canary."""

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
    provider: str = Field("", validation_alias=AliasPath("spec", "provider"))
    target_kind: str = Field("", validation_alias=AliasPath("spec", "targetRef", "kind"))
    target_name: str = Field("", validation_alias=AliasPath("spec", "targetRef", "name"))
    newer: Analysis | None = Field(None, validation_alias=AliasPath("spec", "analysis"))
    older: Analysis | None = Field(None, validation_alias=AliasPath("spec", "canaryAnalysis"))
    """The earlier name of `analysis`."""
    skip: bool = Field(False, validation_alias=AliasPath("spec", "skipAnalysis"))
    suspend: bool = Field(False, validation_alias=AliasPath("spec", "suspend"))
    status: Part[FlaggerStatus] = FlaggerStatus()

    @property
    def analysis(self) -> Analysis:
        """The analysis, under whichever name it is given."""
        return self.newer or self.older or Analysis()

    def webhook(self, kind: str) -> Webhook | None:
        """The first webhook of a kind."""
        return next((hook for hook in self.analysis.webhooks if hook.type == kind), None)


class WebhookPayload(Wire):
    """A question, as far as it is used. Its phase is no help: at two of the gates it always says Progressing."""

    name: str
    namespace: str
    metadata: dict[str, str] | None = None


class KubeEvent(Wire):
    """One event about a Canary. A repeat is counted in the same object."""

    type: str = ""
    message: str = ""
    last: Moment | None = Field(None, alias="lastTimestamp")
    first: Moment | None = Field(None, alias="firstTimestamp")
    at: Moment | None = Field(None, alias="eventTime")
    repeated: Moment | None = Field(None, validation_alias=AliasPath("series", "lastObservedTime"))

    @property
    def last_at(self) -> datetime:
        """When the event last happened, UTC. The beginning of time where it has no date."""
        found = (moment for moment in (self.repeated, self.last, self.at, self.first) if moment is not None)
        return max(found, default=datetime.min.replace(tzinfo=UTC))
