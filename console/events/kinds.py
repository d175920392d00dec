"""The events: one frozen pydantic class per recorded fact, one tagged union over `kind`, past tense.

A stored event is `kind` + `v` + JSON, never an import path, and is never edited: a new shape is a new `v` with an
upgrade on read. A kind this version does not know is kept as `Unrecognised`, shown, and changes nothing else.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

from adapters.contract import MetricReply, Outcome, Setting, TargetReading
from console.events.evidence import Actor, Card, Verb


def new_id() -> str:
    """A fresh event id: 32 hex digits."""
    return uuid.uuid4().hex


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str = Field(default_factory=new_id)
    v: int = 1
    at: AwareDatetime
    """UTC, by the clock of the console that recorded it; order is `seq`, not this."""
    who: Actor | None = None
    """Who caused it; None for what the console observed by itself."""


class _Shape(BaseModel):
    """Which shape of its kind a stored event has."""

    v: int = 1


SHAPES = {"decision_taken": 2, "request_made": 2}
"""Newest shape of a kind that this version knows, 1 if not given; an event of a newer one is kept as Unrecognised."""


class RolloutOpened(_Event):
    """A run of a plan began: what every target read at that moment is what "before" means from now on."""

    kind: Literal["rollout_opened"] = "rollout_opened"
    plan_digest: str
    plan_text: str
    readings: tuple[TargetReading, ...]
    unread: dict[str, str] = {}
    """Targets that could not be read, and why."""
    reached: int | None
    """Stages reached as inferred from the readings; None: ambiguous, the operator places it."""
    candidates: tuple[int, ...] = ()
    """The stages that the readings fit."""
    warroom: str = ""
    """Version of the console that opened it."""


class TargetObserved(_Event):
    """A target reads differently from what was last recorded."""

    kind: Literal["target_observed"] = "target_observed"
    reading: TargetReading


class SourceFailed(_Event):
    """A source stopped answering (recorded when it begins or its reason changes, not at each poll)."""

    kind: Literal["source_failed"] = "source_failed"
    source: str
    reason: str


class SourceRecovered(_Event):
    kind: Literal["source_recovered"] = "source_recovered"
    source: str


class VerdictChanged(_Event):
    """A metric's verdict took another state."""

    kind: Literal["verdict_changed"] = "verdict_changed"
    metric: str
    was: str
    became: str
    reason: str


class DecisionTaken(_Event):
    """Somebody decided, on this card. `move` is set on forward moves only: unique, it decides races.

    v 2: a verb that version 1 does not know (`VerbSpec.shape`); nothing else differs.
    """

    kind: Literal["decision_taken"] = "decision_taken"
    verb: Verb
    stage: int | None
    """Stages reached when it was taken."""
    move: int | None = None
    reason: str = ""
    override: str | None = None
    """The closed gates that were overridden, in words."""
    card: Card
    subject: str | None = None
    """What a place / accept / confirm is about: a stage number, a target, "plan", a step id."""
    trace: str = ""
    """W3C traceparent of every call of this decision."""
    plan_text: str | None = None
    """The edited plan's text, when `accept` is about the plan."""
    plan_digest: str | None = None
    automatic: bool = False
    """Nobody pressed a key: the plan's `on_fail` wanted it; `who` is whose console carried it out."""
    pen: int | None = None
    """Changes of the pen that its author had seen. A decision that needs the pen and was recorded after another person
    had taken it counts for nothing, and of two people who take it at once the second gets nothing. None: not about the
    pen, or written by a version that knew of none."""


class PenReleased(_Event):
    """The captain was not seen for so long that the pen is free again."""

    kind: Literal["pen_released"] = "pen_released"
    pen: int
    """Changes of the pen seen when it was released: of several consoles that notice it, one says so."""
    reason: str


class Escalated(_Event):
    """Nobody acted on something that is wrong: whoever is named is to be called now. Once per rung and trouble."""

    kind: Literal["escalated"] = "escalated"
    rung: int
    """1-based, in the order of the plan."""
    call: str
    trouble: str
    """What nobody acted on, in words."""
    since: AwareDatetime
    """Since when; tells one trouble from the next."""


class RequestMade(_Event):
    """A call is about to be made: committed before any byte leaves."""

    kind: Literal["request_made"] = "request_made"
    decision: str
    backend: str
    target: str
    setting: Setting
    action: str = "set"
    """set, pause or resume; with v 2 also one of the backend's own orders."""
    step: str | None = None
    send_by: datetime
    deadline_s: float
    calls: tuple[str, ...] = ()
    seen: str | None = None
    """The version token of the reading that it was decided on, where the backend guards by it."""


class RequestSettled(_Event):
    """How a call ended as seen from here."""

    kind: Literal["request_settled"] = "request_settled"
    request: str
    outcome: Outcome
    reason: str = ""


class RequestReconciled(_Event):
    """A read told what an unknown call did."""

    kind: Literal["request_reconciled"] = "request_reconciled"
    request: str
    took_effect: bool
    reads: str


class GateAnswered(_Event):
    """A backend that asks whether it may go on, or has to go back, is told yes: committed before the answer leaves."""

    kind: Literal["gate_answered"] = "gate_answered"
    target: str
    gate: str
    """Which of its gates asked, in the backend's own word."""
    request: str
    """What it answers: a request that was accepted and waits to be asked for."""
    step: int | None
    """Where the target stood. One answer per gate and step: the first recorded counts."""


class GateLapsed(_Event):
    """A request waited for a backend's question, and none came in time: it counts as refused from here on."""

    kind: Literal["gate_lapsed"] = "gate_lapsed"
    request: str
    reason: str


class StepDone(_Event):
    """A rollback step's targets have read as rolled back for long enough, or a manual step was confirmed."""

    kind: Literal["step_done"] = "step_done"
    step: str
    how: str


class Noted(_Event):
    kind: Literal["noted"] = "noted"
    text: str


class RolloutClosed(_Event):
    kind: Literal["rollout_closed"] = "rollout_closed"
    how: Literal["complete", "rolled_back", "decision"]


class SourceRead(_Event):
    """One poll of one source that answered. A sample: kept in a table of its own, prunable once a rollout is closed."""

    kind: Literal["source_read"] = "source_read"
    source: str
    replies: tuple[MetricReply, ...] = ()
    """Only the ticks that changed since the last poll."""
    targets: tuple[str, ...] = ()
    """Targets that were read (changed ones have an event of their own)."""
    skew_s: float | None = None


class Unrecognised(_Event):
    """An event of a kind this version does not know: kept, shown, otherwise without effect."""

    kind: Literal["unrecognised"] = "unrecognised"
    said_kind: str
    body: dict[str, Any] = {}


Event = (
    RolloutOpened
    | TargetObserved
    | SourceFailed
    | SourceRecovered
    | VerdictChanged
    | DecisionTaken
    | RequestMade
    | RequestSettled
    | RequestReconciled
    | GateAnswered
    | GateLapsed
    | StepDone
    | Noted
    | RolloutClosed
    | PenReleased
    | Escalated
    | SourceRead
    | Unrecognised
)

_tagged: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="kind")])
_foreign: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])
KINDS: frozenset[str] = frozenset(
    {
        "rollout_opened",
        "target_observed",
        "source_failed",
        "source_recovered",
        "verdict_changed",
        "decision_taken",
        "request_made",
        "request_settled",
        "request_reconciled",
        "gate_answered",
        "gate_lapsed",
        "step_done",
        "noted",
        "rollout_closed",
        "pen_released",
        "escalated",
        "source_read",
    }
)


def encode(event: Event) -> str:
    """The event as canonical JSON, for storage."""
    return event.model_dump_json()


def decode(kind: str, body: str) -> Event:
    """A stored event.

    Raises:
        pydantic.ValidationError: a known kind whose body does not fit any version of its shape; an unknown kind whose
            body is not an object with the time at which it was recorded.
    """
    if kind in KINDS and _Shape.model_validate_json(body).v <= SHAPES.get(kind, 1):
        return _tagged.validate_json(body)
    raw = _foreign.validate_json(body)
    return Unrecognised.model_validate({**raw, "kind": "unrecognised", "said_kind": kind, "body": raw})
