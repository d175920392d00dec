"""A decision and its calls to backends, as State has them: made, settled, reconciled, answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from adapters.contract import Outcome, Setting
from console.events.evidence import Actor, Card, Verb

GRACE_S = 1.0
"""How far a call may overshoot its deadline and still arrive."""


@dataclass(frozen=True, slots=True)
class DecisionState:
    """One decision and its outcome."""

    id: str
    seq: int | None
    """None while it is held in memory because the journal cannot be written."""
    at: datetime
    who: Actor | None
    verb: Verb
    stage: int | None
    reason: str
    override: str | None
    card: Card
    subject: str | None = None
    automatic: bool = False
    """Taken by the plan's `on_fail`, without a key press."""
    outcome: str = "recorded"
    """recorded, requested, accepted, refused, unknown, confirmed, partial: one word for the log pane."""
    void: str = ""
    """Why it does not count: an earlier event that its console had not seen. Empty: it counts."""
    recorded_at: datetime | None = None
    """When it happened, where its author's clock cannot be right; None: `at`."""

    @property
    def happened_at(self) -> datetime:
        """When it was decided, by the time that the rollout goes by."""
        return self.recorded_at or self.at


@dataclass(frozen=True, slots=True)
class GateAnswer:
    """One yes to a backend that asks."""

    id: str
    """Of the event that recorded it."""
    gate: str
    step: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class RequestState:
    """One call: made, settled, reconciled."""

    id: str
    decision: str
    backend: str
    target: str
    setting: Setting
    action: str
    step: str | None
    at: datetime
    send_by: datetime
    deadline_s: float
    calls: tuple[str, ...] = ()
    outcome: Outcome | None = None
    """None: not settled yet."""
    reason: str = ""
    settled_at: datetime | None = None
    took_effect: bool | None = None
    """For an unknown outcome: whether a later read showed an effect."""
    seen: str | None = None
    """The version token of the reading that it was decided on."""
    answers: tuple[GateAnswer, ...] = ()
    """The answers given to a backend's gate queries in its name."""
    lowers: bool = False
    """Whether it asked for less than its target read then and at the opening."""
    recorded_at: datetime | None = None
    """When it was made, where its author's clock cannot be right; None: `at`."""

    @property
    def happened_at(self) -> datetime:
        """When it was made, by the time that the rollout goes by."""
        return self.recorded_at or self.at

    @property
    def asks(self) -> str:
        """The wanted setting or action, in words."""
        return f"{self.target} -> {self.setting}" if self.action == "set" else f"{self.action} {self.target}"

    @property
    def may_land_s(self) -> float:
        """How long after it was made its bytes may still arrive: until send_by, its deadline and a grace are over."""
        return (self.send_by - self.at).total_seconds() + self.deadline_s + GRACE_S

    @property
    def last_word(self) -> datetime:
        """The moment after which nothing of it can arrive."""
        return self.happened_at + timedelta(seconds=self.may_land_s)

    @property
    def in_flight(self) -> bool:
        return self.outcome is None

    @property
    def in_doubt(self) -> bool:
        """Unknown, and no read has settled it yet."""
        return self.outcome is Outcome.UNKNOWN and self.took_effect is None

    @property
    def known_outcome(self) -> Outcome | None:
        """The outcome, corrected by a later read: an unknown call that had no effect counts as refused."""
        if self.took_effect is None:
            return self.outcome
        return Outcome.ACCEPTED if self.took_effect else Outcome.REFUSED
