"""The people in the room, as frozen values: who holds the pen, who is present, who polls, who approved, who is called.

The pen and the ladder are folded from events. Presence, approvals and who polls are what the journal keeps beside its
events: the engine puts them into the State, for their author is the system's word and no event's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from console.events.evidence import Actor

UNSEEN_S = 15.0
"""A console says that it is there every few seconds; one that has not for this long may be gone."""


@dataclass(frozen=True, slots=True)
class Handoff:
    """A captain's note for the next one."""

    at: datetime
    who: Actor | None
    text: str


@dataclass(frozen=True, slots=True)
class Pen:
    """Who may move the rollout forward."""

    holder: Actor | None = None
    """None: free, the next decision that needs it takes it."""
    since: datetime | None = None
    """When it came to its holder, or became free."""
    seen_at: datetime | None = None
    """When its holder last decided anything."""
    number: int = 0
    """How often it changed: the guard of a take."""
    offered: str | None = None
    note: str = ""
    """The text given with the offer."""

    def held_by(self, who: Actor | None) -> bool:
        """Whether `who` is the captain, in whatever process."""
        return self.holder is not None and who is not None and self.holder.person == who.person

    def offered_to(self, who: Actor) -> bool:
        return self.offered is not None and self.offered in (who.user, who.login)


@dataclass(frozen=True, slots=True)
class Member:
    """One console in the room."""

    session: str
    who: Actor
    role: str
    """captain, operator, observer"""
    seen_at: datetime
    clock_s: float = 0.0
    """How far its host's clock is ahead of the time that it uses instead; 0 while it uses its own."""


@dataclass(frozen=True, slots=True)
class Poller:
    """Which console asks the backends."""

    here: bool
    """It is this one."""
    who: Actor | None = None
    """Its operator, if that console is present; None while that is not known."""


@dataclass(frozen=True, slots=True)
class Approval:
    """One approval that is by who it says."""

    person: str
    """As `Actor.person`: the kernel's or the database's word."""
    user: str
    move: int
    """The forward move it is for."""
    card: str
    """Digest of what it is for: `approvals.approval_digest`."""
    at: datetime
    text: str = ""
    groups: frozenset[str] = field(default_factory=frozenset)
    """Unix groups of `user` on this host."""


@dataclass(frozen=True, slots=True)
class Escalation:
    """A rung of the ladder that was reached."""

    rung: int
    call: str
    trouble: str
    since: datetime
    at: datetime
