"""The events: one frozen pydantic class per kind, named in the past tense.

`Event` is their union, tagged by `kind`. A stored event is `kind` + `v` + JSON, never an import path, and is never
edited: a new shape is a new `v` with an upgrade on reading. An event of a kind that this version does not know is kept
as `Unrecognized`, shown, and has no other effect.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

from adapters.contract import MetricReply, Outcome, Setting
from console.events.evidence import Actor, Card, Verb
from console.events.readings import StoredReading


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str = Field(default_factory=lambda: uuid.uuid4().hex)
    v: int = 1
    at: AwareDatetime
    """UTC, by the clock of the console that recorded it; the order of events is `seq`, not this."""
    who: Actor | None = None
    """The person who caused it; None for the console's own observations."""


class _Shape(BaseModel):
    """The version of a stored event's shape."""

    v: int = 1


SHAPES = {"decision_taken": 2, "request_made": 2}
"""Newest shape of each kind that this version knows, by default 1; newer events are kept as Unrecognized."""


class RolloutOpened(_Event):
    """A run of a plan began; a rollback restores the readings in this event."""

    kind: Literal["rollout_opened"] = "rollout_opened"
    plan_digest: str
    plan_text: str
    readings: tuple[StoredReading, ...]
    unread: dict[str, str] = {}
    """Targets that could not be read, with the reason."""
    reached: int | None
    """Stages reached, inferred from the readings; None if ambiguous: the operator places it."""
    candidates: tuple[int, ...] = ()
    """Stages that the readings fit."""
    asks_before: bool = False
    """A reading above nothing is not taken for what was before: a person says it. False from versions that took it."""
    warroom: str = ""
    """Version of the console that opened it."""


class TargetObserved(_Event):
    """A target's reading differs from its last recorded one."""

    kind: Literal["target_observed"] = "target_observed"
    reading: StoredReading


class SourceFailed(_Event):
    """A source stopped answering; recorded at the beginning and when the reason changes."""

    kind: Literal["source_failed"] = "source_failed"
    source: str
    reason: str


class SourceRecovered(_Event):
    """A source answers again."""

    kind: Literal["source_recovered"] = "source_recovered"
    source: str


class VerdictChanged(_Event):
    """A metric's verdict changed its state."""

    kind: Literal["verdict_changed"] = "verdict_changed"
    metric: str
    was: str
    became: str
    reason: str


class DecisionTaken(_Event):
    """A person decided, on this card.

    v 2: a verb that version 1 does not know (`VerbSpec.shape`); nothing else differs.
    """

    kind: Literal["decision_taken"] = "decision_taken"
    verb: Verb
    stage: int | None
    """Stages reached at the time of the decision."""
    move: int | None = None
    """Number of a forward move, else None. It is unique in a rollout, which decides races."""
    reason: str = ""
    override: str | None = None
    """The closed gates that were overridden, in words."""
    card: Card
    subject: str | None = None
    """Subject of place / accept / confirm: a stage number, a target, "plan", a step id."""
    trace: str = ""
    """W3C traceparent of every call of this decision."""
    plan_text: str | None = None
    """The edited plan's text, if `accept` is about the plan."""
    before: dict[str, Setting] = {}
    """PLACE: target -> what it was before the rollout, where the opening's reading left that open."""
    plan_digest: str | None = None
    automatic: bool = False
    """No key was pressed: the plan's `on_fail` requires it, and `who` is the operator of the console that acted."""
    pen: int | None = None
    """Number of the pen's changes known to the author. A decision that needs the pen has no effect if another person
    took the pen before it was recorded; of two people who take it at once, the second gets nothing. None for decisions
    without the pen, and from versions that had none."""


class PenReleased(_Event):
    """The pen is free again, because the captain was absent for too long."""

    kind: Literal["pen_released"] = "pen_released"
    pen: int
    """Number of the pen's changes at the release: of several consoles that notice it, one records it."""
    reason: str


class Escalated(_Event):
    """A trouble stayed unanswered, so a person is to be called now; recorded once per rung and trouble."""

    kind: Literal["escalated"] = "escalated"
    rung: int
    """1-based, in the order of the plan."""
    call: str
    """The person or team to call, as the plan names it."""
    trouble: str
    since: AwareDatetime
    """Beginning of the trouble; distinguishes it from the next one."""


class RequestMade(_Event):
    """A call is about to be made; committed before the first byte is sent."""

    kind: Literal["request_made"] = "request_made"
    decision: str
    backend: str
    target: str
    setting: Setting
    action: str = "set"
    """set, pause or resume; with v 2 also one of the backend's own commands."""
    step: str | None = None
    send_by: datetime
    deadline_s: float
    calls: tuple[str, ...] = ()
    seen: str | None = None
    """Version token of the reading that it was decided on, if the backend guards by it."""


class RequestSettled(_Event):
    """A call ended: accepted, refused, or unknown."""

    kind: Literal["request_settled"] = "request_settled"
    request: str
    outcome: Outcome
    reason: str = ""


class RequestReconciled(_Event):
    """A later read showed the effect of an unknown call."""

    kind: Literal["request_reconciled"] = "request_reconciled"
    request: str
    took_effect: bool
    reads: str


class GateAnswered(_Event):
    """A backend's gate query was answered with yes; committed before the answer is sent.

    The query is whether the backend may continue, or has to roll back.
    """

    kind: Literal["gate_answered"] = "gate_answered"
    target: str
    gate: str
    """The gate that queried, in the backend's own word."""
    request: str
    """The accepted request that waited for the query."""
    step: int | None
    """Step of the target. One answer per gate and step: the first recorded counts."""


class GateLapsed(_Event):
    """No gate query came in time: the request counts as refused."""

    kind: Literal["gate_lapsed"] = "gate_lapsed"
    request: str
    reason: str


class StepDone(_Event):
    """A rollback step is done by its targets' readings or by confirmation."""

    kind: Literal["step_done"] = "step_done"
    step: str
    how: str


class Noted(_Event):
    """A note was added to the rollout."""

    kind: Literal["noted"] = "noted"
    text: str


class RolloutClosed(_Event):
    """The rollout ended."""

    kind: Literal["rollout_closed"] = "rollout_closed"
    how: Literal["complete", "rolled_back", "decision"]


class SourceRead(_Event):
    """A source answered a poll: a sample, stored in a table of its own and prunable once the rollout is closed."""

    kind: Literal["source_read"] = "source_read"
    source: str
    replies: tuple[MetricReply, ...] = ()
    """The ticks that changed since the last poll."""
    targets: tuple[str, ...] = ()
    """Targets that were read; a changed one also has a TargetObserved."""
    skew_s: float | None = None
    mono_s: float | None = None
    """When it answered, in seconds since the boot of the polling console's machine; None: from an older console, or
    read by one that does not poll."""
    boot: str = ""
    """Id of that boot: seconds of two boots say nothing about each other."""


class Unrecognized(_Event):
    """An event of an unknown kind or shape: kept and shown, without effect."""

    kind: Literal["unrecognised"] = "unrecognised"
    said_kind: str
    body: dict[str, Any] = {}


class Unbelieved(_Event):
    """A stored row that no console can have written: set aside and shown, without effect. Never stored itself."""

    kind: Literal["unbelieved"] = "unbelieved"
    said_kind: str
    """Kind by its column."""
    reason: str
    by: str
    """Who wrote it: the login that the server stamped, else the user that the row names; may be empty."""
    move: int | None = None
    """Number of the forward move that the row takes away from others, or None."""


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
    | Unrecognized
    | Unbelieved
)

_tagged: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="kind")])
_foreign: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])
KINDS = frozenset(str(each.model_fields["kind"].default) for each in get_args(Event)) - {"unrecognised", "unbelieved"}
"""Every kind that this version knows."""


def encode(event: Event) -> str:
    """The event as canonical JSON, for storage."""
    return event.model_dump_json()


def decode(kind: str, body: str) -> Event:
    """The event of a stored body.

    Raises:
        pydantic.ValidationError: a known kind whose body does not fit any version of its shape; an unknown kind whose
            body is not an object with the time at which it was recorded.
    """
    if kind in KINDS and _Shape.model_validate_json(body).v <= SHAPES.get(kind, 1):
        return _tagged.validate_json(body)
    raw = _foreign.validate_json(body)
    return Unrecognized.model_validate({**raw, "kind": "unrecognised", "said_kind": kind, "body": raw})
