"""The decision card and who decided: plain frozen values that a decision embeds and that a screen can hold.

What stands here is exactly what was on the screen when somebody pressed the key; replay, `log` and review show the
same card again. How it is filled from a State: `console.state.card`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Verb(StrEnum):
    """What an operator can decide. Each is described in `console.events.verbs`, in this order."""

    PROMOTE = "promote"
    HALT = "halt"
    RESUME = "resume"
    ROLLBACK = "rollback"
    SKIP = "skip"
    """Go on without a rollback step, for a reason."""
    ORDER = "order"
    """Give a backend one of its own orders: skip a step, retry, go back to a revision by name."""
    ACCEPT = "accept"
    """Accept an external change, or an edited plan file."""
    PLACE = "place"
    """Say at which stage an ambiguous opening stands."""
    TAKE = "take"
    """Take the pen: accept an offer, take a free one, or take it from its holder with a reason."""
    OFFER = "offer"
    """Offer the pen to a person; it stays where it is until that person takes it."""
    APPROVE = "approve"
    """Vouch, as a second person, for exactly the forward move that the card shows."""
    CLOSE = "close"
    CONFIRM = "confirm"
    """Confirm a manual rollback step as done."""
    HANDOFF = "handoff"
    """Lay the pen down with a note for the next captain."""


ROLLED_BACK = "rolled back"
"""Where a card says that the rollout stands once everything is undone, and where a rollback leads."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acted. `uid` is the kernel's word; `claims` are what the environment says, recorded and never compared."""

    uid: int
    user: str
    host: str
    pid: int
    claims: Mapping[str, str] = field(default_factory=dict)
    login: str | None = None
    """What a database with logins of its own calls the person (PostgreSQL: session_user); None where there is none."""

    @property
    def person(self) -> str:
        """Who that is, whatever process it is: the pen, approvals and authority belong to a person.

        Spelled as the journal spells the identity of an approval: "login:ana", "uid:1001".
        """
        return f"login:{self.login}" if self.login is not None else f"uid:{self.uid}"


@dataclass(frozen=True, slots=True)
class MetricEvidence:
    """One metric as it stood on the card."""

    metric: str
    role: str
    verdict: str
    """pass, fail, unsure, stale, no_data"""
    reason: str
    canary: str
    """The canary's value as shown ("1.2 % of 4,310")."""
    baseline: str
    n: float
    """Canary events (counts) or ticks (gauge) the verdict rests on."""
    age_s: float | None
    """Age of the newest sample of the older arm; None when there is none."""
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    evidence: float | None = None
    """So many to one against "no worse than the baseline"; None where nothing was judged yet."""
    detail: str = ""
    """As `console.judge.verdict.Verdict.detail`: which kind of `unsure`, what a pass excludes, a FAIL now silent."""
    ready: float | None = None
    """So many to one for a pass."""
    brief: str = ""
    """Of the reason what is not said by verdict, ratio and odds."""


@dataclass(frozen=True, slots=True)
class TargetEvidence:
    """One target as it stood on the card."""

    target: str
    reads: str
    becomes: str | None
    """What the decision asks for; None when it leaves this target alone."""
    age_s: float | None
    team: str | None = None
    seen: str | None = None
    """The backend's version token of what it reads: the guard of what is decided on this card."""


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """One call a decision will make, in the words of its backend."""

    backend: str
    target: str
    setting: str
    text: str
    step: str | None = None
    """The rollback step it belongs to."""


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition of a verb."""

    name: str
    ok: bool
    why: str
    """What stands ("bake 2:10 of 5:00"), good or bad, in one line."""
    hard: bool = True
    """A hard gate cannot be overridden."""


@dataclass(frozen=True, slots=True)
class Card:
    """Everything an operator sees before deciding."""

    verb: Verb
    stage_from: str
    stage_to: str
    move: int
    """Forward moves of the rollout so far: the guard of compare-and-act."""
    as_of: datetime
    gates: tuple[Gate, ...] = ()
    metrics: tuple[MetricEvidence, ...] = ()
    targets: tuple[TargetEvidence, ...] = ()
    calls: tuple[PlannedCall, ...] = ()
    skipped: tuple[str, ...] = ()
    """What will not be done, and why, one line each."""
    warnings: tuple[str, ...] = ()

    def seen(self, target: str) -> str | None:
        """The version token of what a target read on this card."""
        return next((entry.seen for entry in self.targets if entry.target == target), None)

    @property
    def open(self) -> bool:
        """Every gate holds."""
        return all(gate.ok for gate in self.gates)

    @property
    def blocked(self) -> str | None:
        """The first gate that cannot be overridden and does not hold."""
        return next((gate.why for gate in self.gates if gate.hard and not gate.ok), None)

    @property
    def override(self) -> str | None:
        """What an override would override; None if nothing, or if a hard gate is closed anyway."""
        if self.blocked is not None:
            return None
        closed = [gate.why for gate in self.gates if not gate.ok]
        return "; ".join(closed) or None
