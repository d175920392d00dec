"""What a journal is: append, tail, read back. One small Protocol, so that another database can stand behind it.

Order is (rollout, seq), decided by the insert itself. Events are never changed or removed. Samples are a second class
of fact in a table of their own; each carries the seq of the last event before it, so the two merge into one order.

Beside what was recorded a journal keeps what is so right now, for the several consoles of one room: who polls (a lease
with a fence), who is present, and approvals whose author is the system's word, not the author's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from console.events.evidence import Actor
from console.events.kinds import Event, SourceRead
from console.journal.chain import Row


class JournalError(Exception):
    """One plain line about the journal."""


class JournalUnavailable(JournalError):
    """The journal cannot be opened, read or written (disk full, read-only, not a database, locked for too long)."""


class JournalTimeout(JournalUnavailable):
    """It has not answered as soon as it was needed; what was asked of it is still under way."""


class Conflict(JournalError):
    """Somebody else recorded this first: the same forward move of a rollout, or the same opening."""


class Fenced(JournalError):
    """Another console polls by now: what this one observed was not recorded."""


class NotPermitted(JournalError):
    """The journal does not allow it: an approval by nobody in particular, samples of an open rollout pruned."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One recorded event. `seq` counts a rollout's events from 1; a sample has the seq of the event before it."""

    seq: int
    event: Event
    sample: int | None = None
    """The number of a sample, to go on from with `tail_samples`; None for an event. Rising, with gaps."""


@dataclass(frozen=True, slots=True)
class Run:
    """One rollout in the journal."""

    rollout: str
    opened_at: datetime
    opened_by: str
    closed: bool
    decisions: int


@dataclass(frozen=True, slots=True)
class Decided:
    """One row of the `decisions` view."""

    rollout: str
    seq: int
    at: str
    who: str
    verb: str
    stage: int | None
    subject: str | None
    reason: str
    override: str | None
    outcome: str
    id: str


@dataclass(frozen=True, slots=True)
class Lease:
    """Who polls a rollout. Exactly one holder has it at a time."""

    holder: str
    """Whoever called itself that: one name per console, never used again."""
    fence: int
    """Rises by one with each takeover. Writes that carry an older one are refused."""
    left_s: float
    """Until somebody else may take it, by the journal's own clock."""


class Role(StrEnum):
    """What somebody who is present may do."""

    CAPTAIN = "captain"
    OPERATOR = "operator"
    OBSERVER = "observer"


@dataclass(frozen=True, slots=True)
class Presence:
    """One console in the room."""

    session: str
    """One name per console, never used again."""
    actor: Actor
    role: Role
    since: datetime
    ago_s: float = 0.0
    """When it was last seen, by the journal's own clock; ignored when it is written."""
    login: str = ""
    """The database's word for who that is (PostgreSQL); empty where there is none."""


@dataclass(frozen=True, slots=True)
class Approval:
    """What somebody approves: one forward move as one card showed it."""

    move: int
    card: str
    """Digest of the card, lower-case hex: an approval holds for what was seen and for nothing else."""
    at: datetime
    text: str = ""


@dataclass(frozen=True, slots=True)
class Approved:
    """An approval and who gave it. `identity` is the kernel's or the database's word and is what is compared."""

    approval: Approval
    identity: str
    """"uid:1001" for the owner of an approval's file, "login:ana" for PostgreSQL's session_user."""
    user: str
    """A name for it, to be shown."""


class Watch(Protocol):
    """Tells when something was recorded, over a connection of its own; used by one thread."""

    def wait(self, timeout_s: float) -> bool:
        """Whether anything may have been recorded since the last call; False after `timeout_s` or once closed.

        True for the first call and after an outage, when that cannot be known. Never raises: a journal that cannot be
        watched is waited out.
        """

    def close(self) -> None:
        """End a wait under way, from any thread."""


class Journal(Protocol):
    """All methods raise JournalUnavailable. None is awaited: the engine calls them in its one writer thread."""

    @property
    def cautions(self) -> tuple[str, ...]:
        """Warnings about the connection to the journal, for every decision; one line each."""

    def identity(self, actor: Actor) -> str:
        """Who `actor`, the operator of this console, is to the journal: what an approval of theirs carries."""

    def append(self, rollout: str, event: Event, *, fence: int | None = None) -> int:
        """Record an event durably and return its seq.

        An event whose id is already there is not recorded again: its seq is returned.

        Args:
            rollout: whose event it is.
            event: what to record.
            fence: of the lease under which it was observed; None for what needs none (decisions, requests, notes).

        Raises:
            Conflict: its forward move is already taken, its rollout was closed before a forward move, or a run of the
                plan is open already.
            Fenced: the lease was taken over since.
        """

    def append_samples(self, rollout: str, samples: Sequence[SourceRead], *, fence: int | None = None) -> None:
        """Record samples in one batch, all or none; allowed to be lost in a power cut.

        Raises:
            Fenced: the lease was taken over since.
        """

    def tail(self, rollout: str, after: int) -> list[Entry]:
        """Events with a seq above `after`, in order."""

    def tail_samples(self, rollout: str, after: int) -> list[Entry]:
        """Samples with a number above `after`, in the order in which they were recorded."""

    def history(self, rollout: str) -> list[Entry]:
        """Events and samples merged into the order in which they were recorded."""

    def open_run(self, plan: str) -> str | None:
        """The open rollout of a plan name, or None."""

    def next_run(self, plan: str) -> str:
        """The id that the next rollout of a plan name takes: name, slash, run number."""

    def runs(self) -> list[Run]:
        """Every rollout, newest first."""

    def decisions(self, rollout: str | None = None) -> list[Decided]:
        """Decisions, oldest first; of one rollout or of all."""

    def rows(self, rollout: str | None, after: int | None) -> Sequence[Row]:
        """The next page of events as they are stored, to be verified or exported; empty at the end.

        Args:
            rollout: whose, in the order of seq; None for the whole journal in the order of position.
            after: the seq or position that was read last; None to begin.
        """

    def altered(self) -> Sequence[str]:
        """In what the database is not as warroom made it, a few words each; then it may not be append-only any more."""

    def lease(self, rollout: str, holder: str, ttl_s: float) -> Lease:
        """Take the lease of a rollout if it is free or over, renew it if it is `holder`'s, and say whose it is now.

        Taking it from somebody else raises the fence; renewing it does not, not even after its time is over.
        """

    def release(self, rollout: str, holder: str) -> None:
        """Give the lease back, so that another console need not wait for its time to be over."""

    def current_lease(self, rollout: str) -> Lease | None:
        """Whose lease it is now, for whoever only looks; None: nobody's, it is free or over."""

    def heartbeat(self, rollout: str, presence: Presence) -> None:
        """Note that a console is there, now. Not part of what was recorded; allowed to be lost."""

    def present(self, rollout: str, within_s: float) -> list[Presence]:
        """Consoles seen within the last `within_s`, the longest there first."""

    def leave(self, rollout: str, session: str) -> None:
        """Note that a console is gone."""

    def approve(self, rollout: str, approval: Approval) -> Approved:
        """Leave an approval that others can trust to be by who it says. Given again, it is what it was.

        Raises:
            Forbidden: the journal cannot tell one person from another: it is personal, or this is root.
        """

    def approvals(self, rollout: str) -> list[Approved]:
        """The approvals of a rollout that are by who they say, oldest first; anything else is left out."""

    def watch(self) -> Watch:
        """A watch over this journal. Connects when it is first waited for."""

    def prune(self, rollout: str, *, dry_run: bool = False) -> int:
        """Remove the samples of a closed rollout; how many there were. Events are never removed.

        Raises:
            Forbidden: the rollout is open, or not there.
        """

    def close(self) -> None: ...
