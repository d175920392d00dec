"""The decision card and its author, as plain frozen values.

A decision embeds both. The card has exactly the content that was on the screen at the key press; replay, `log` and
review show the same card again. `console.state.card` makes it from a State.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Verb(StrEnum):
    """The decisions of an operator. Each is described in `console.events.verbs`, in this order."""

    PROMOTE = "promote"
    HALT = "halt"
    RESUME = "resume"
    ROLLBACK = "rollback"
    SKIP = "skip"
    ORDER = "order"
    ACCEPT = "accept"
    PLACE = "place"
    TAKE = "take"
    OFFER = "offer"
    APPROVE = "approve"
    CLOSE = "close"
    CONFIRM = "confirm"
    HANDOFF = "handoff"


ROLLED_BACK = "rolled back"
"""Name of the stage on a card after everything is undone, and the target of a rollback."""


@dataclass(frozen=True, slots=True)
class Actor:
    """The person who acted, and the process."""

    uid: int
    """User id of the process, from the kernel."""
    user: str
    host: str
    pid: int
    claims: Mapping[str, str] = field(default_factory=dict)
    """Names from the environment (SUDO_USER and the like): recorded, never compared."""
    login: str | None = None
    """The person's database login (PostgreSQL: session_user); None in SQLite."""

    @property
    def name(self) -> str:
        """The name on the screen: the login, which the server knows, before the user, which the author claims."""
        return self.user if self.login in (None, self.user) else f"{self.login} (as {self.user})"

    @property
    def name_at_host(self) -> str:
        """The operator and their machine: "ana@web-1"."""
        return f"{self.name}@{self.host}"

    @property
    def person(self) -> str:
        """Identity of the person across processes, which pen, approvals and authority use.

        Spelled like the identity of an approval in the journal: "login:ana", "uid:1001".
        """
        return f"login:{self.login}" if self.login is not None else f"uid:{self.uid}"


@dataclass(frozen=True, slots=True)
class MetricEvidence:
    """One metric as the card showed it."""

    metric: str
    role: str
    verdict: str
    """pass, fail, unsure, stale, no_data"""
    reason: str
    canary: str
    """The canary's value as shown ("1.2 % of 4,310")."""
    baseline: str
    n: float
    """Canary events (counts) or ticks (gauge) that the verdict rests on."""
    age_s: float | None
    """Age of the newest sample of the older arm; None without samples."""
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    evidence: float | None = None
    """Odds to one against "no worse than the baseline"; None before anything was judged."""
    detail: str = ""
    """As `console.judge.verdict.Verdict.detail`: the kind of `unsure`, what a pass excludes, a FAIL now silent."""
    ready: float | None = None
    """Odds to one for a pass."""
    brief: str = ""
    """The part of the reason that verdict, ratio and odds do not give."""


@dataclass(frozen=True, slots=True)
class TargetEvidence:
    """One target as the card showed it."""

    target: str
    reads: str
    becomes: str | None
    """The setting that the decision requests; None if it leaves this target unchanged."""
    age_s: float | None
    team: str | None = None
    seen: str | None = None
    """The backend's version token of the reading: the guard of requests decided on this card."""


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """One call that a decision will make, in its backend's words."""

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
    """The current value ("bake 2:10 of 5:00"), good or bad, in one line."""
    hard: bool = True
    """A hard gate cannot be overridden."""


@dataclass(frozen=True, slots=True)
class Card:
    """All that an operator sees before deciding."""

    verb: Verb
    stage_from: str
    stage_to: str
    move: int
    """Number of forward moves of the rollout so far: a decision holds only if it is unchanged."""
    as_of: datetime
    gates: tuple[Gate, ...] = ()
    metrics: tuple[MetricEvidence, ...] = ()
    targets: tuple[TargetEvidence, ...] = ()
    calls: tuple[PlannedCall, ...] = ()
    skipped: tuple[str, ...] = ()
    """Actions that are left out, with the reason, one line each."""
    warnings: tuple[str, ...] = ()

    def version_token(self, target: str) -> str | None:
        """The version token of a target's reading on this card."""
        return next((entry.seen for entry in self.targets if entry.target == target), None)

    @property
    def open(self) -> bool:
        """Whether every gate holds."""
        return all(gate.ok for gate in self.gates)

    @property
    def block_reason(self) -> str | None:
        """Reason of the first closed hard gate; None if there is none."""
        return next((gate.why for gate in self.gates if gate.hard and not gate.ok), None)

    @property
    def override(self) -> str | None:
        """The gates an override would open; None without any or if blocked."""
        if self.block_reason is not None:
            return None
        closed = [gate.why for gate in self.gates if not gate.ok]
        return "; ".join(closed) or None
