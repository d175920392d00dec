"""The Journal protocol: append, tail and read back, behind any database.

Order is (rollout, seq), decided by the insert itself. Events are never changed or removed. Samples are a second class
of fact in a table of their own; each carries the seq of the last event before it, so the two merge into one order.

Beside the record a journal holds the current state of a room with several consoles: the polling lease with its fence,
the present consoles, and approvals whose author is named by the operating system or the database, not by the author.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from console.events.evidence import Actor
from console.events.kinds import Event, SourceRead
from console.journal.chain import Row


class JournalError(Exception):
    """Base of the journal's errors; its text is one plain line."""


class JournalUnavailable(JournalError):
    """The journal cannot be opened, read or written.

    For example: disk full, read-only, not a database, locked for too long.
    """


class JournalTimeout(JournalUnavailable):
    """The journal has not answered in time; the call is still in flight."""


class Conflict(JournalError):
    """Another console recorded this first: the same forward move or opening."""


class Fenced(JournalError):
    """Another console holds the polling lease: this observation was not recorded."""


class NotPermitted(JournalError):
    """Refused by the journal: an unidentified approval, pruning an open rollout."""


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One recorded event or sample."""

    seq: int
    """Number of an event in its rollout, from 1; a sample has the seq of the event before it."""
    event: Event
    sample: int | None = None
    """Number of a sample, the cursor of `tail_samples`; None for an event. Rises, with gaps."""


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """A cache of what the samples of a rollout make, up to one place of the record."""

    seq: int
    """The last event before that place."""
    sample: int
    """Number of the last sample before it; 0: none."""
    digest: str
    """Of the body and of everything that it was made from, hex."""
    body: bytes
    chain: str = ""
    """Hash of event `seq` as the journal has it now; ignored on write."""


@dataclass(frozen=True, slots=True)
class SampleTail:
    """The newest samples after a place of the record."""

    entries: list[JournalEntry]
    left_out: int
    """Number of older ones after that place."""


@dataclass(frozen=True, slots=True)
class Run:
    """One rollout in the journal."""

    rollout: str
    opened_at: datetime
    opened_by: str
    closed: bool
    decisions: int


@dataclass(frozen=True, slots=True)
class StoredRun:
    """One run of a plan by its rows alone, whether they can be believed or not."""

    rollout: str
    number: int
    position: int
    """Place of its first opening in the whole journal."""
    closed_position: int | None
    """Place of its first closing; None without one."""

    @property
    def is_closed(self) -> bool:
        """Whether an event says that it has ended."""
        return self.closed_position is not None


@dataclass(frozen=True, slots=True)
class DecisionRow:
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
    """The right to poll a rollout; exactly one console holds it at a time."""

    holder: str
    """Name of the console that holds it: one name per console, never used again."""
    fence: int
    """Rises by one with each takeover. Writes that carry an older fence are refused."""
    left_s: float
    """Seconds until another console may take it, by the journal's own clock."""


LEASE_MAX_S = 30.0
"""Maximum time of a lease in seconds: a stored lease that ends later was written by no warroom and counts as free."""
MAX_NAME = 64
"""Maximum length of a console's name; no warroom makes a longer one."""
MAX_PRESENT = 100
"""Consoles that `Journal.present` returns at most."""


class ConsoleRole(StrEnum):
    """The rights of the person at a present console."""

    CAPTAIN = "captain"
    OPERATOR = "operator"
    OBSERVER = "observer"


@dataclass(frozen=True, slots=True)
class Presence:
    """One console in the room."""

    session: str
    """Name of the console, never used again."""
    actor: Actor
    role: ConsoleRole
    since: datetime
    ago_s: float = 0.0
    """Seconds since its last heartbeat, by the journal's own clock; ignored on write."""
    login: str = ""
    """Database login of the person (PostgreSQL: session_user); empty in SQLite."""
    clock_s: float = 0.0
    """Seconds that its host's clock is ahead of the time that it uses instead; 0 while it uses its own."""


@dataclass(frozen=True, slots=True)
class UnsignedApproval:
    """Content of an approval: one forward move as one card showed it."""

    move: int
    card: str
    """Digest of the card, lower-case hex: the approval is valid for this card only."""
    at: datetime
    text: str = ""


@dataclass(frozen=True, slots=True)
class SignedApproval:
    """An approval with its author."""

    approval: UnsignedApproval
    identity: str
    """The author as named by the kernel or the database; identities are compared, names are not.

    "uid:1001" for the owner of an approval's file, "login:ana" for PostgreSQL's session_user.
    """
    user: str
    """Name of the author for display."""


class Watch(Protocol):
    """Change detection over a connection of its own; used by one thread."""

    def wait(self, timeout_s: float) -> bool:
        """Wait until something may have been recorded since the last call.

        True for the first call and after an outage, when changes cannot be excluded. False after `timeout_s` or once
        closed. Never raises: while the journal cannot be watched, the wait lasts `timeout_s`.
        """

    def close(self) -> None:
        """End a wait under way, from any thread."""


@runtime_checkable
class TimedJournal(Protocol):
    """A journal whose server has a clock of its own. Raises JournalUnavailable."""

    def server_time(self) -> datetime | None:
        """The server's time, UTC; None while the server cannot be asked."""


class Journal(Protocol):
    """An append-only record of rollouts, shared by the consoles of a room.

    All methods raise JournalUnavailable. None is async: the engine calls them in its one writer thread.
    """

    @property
    def cautions(self) -> tuple[str, ...]:
        """Warnings about the connection to the journal, for every decision; one line each."""

    def identity(self, actor: Actor) -> str:
        """The identity under which approvals by `actor`, this console's operator, are stored."""

    def append(self, rollout: str, event: Event, *, fence: int | None = None, seen: int = 0) -> int:
        """Record an event durably and return its seq.

        An event whose id is already recorded is not recorded again: its seq is returned.

        Args:
            rollout: id of the rollout.
            event: the event to record.
            fence: fence of the lease under which it was observed; None for events that need no lease (decisions,
                requests, notes).
            seen: number of the last event that the console knows: a forward move conflicts with a closing after it.

        Raises:
            Conflict: its forward move is already taken, its rollout was closed before a forward move, or the rollout
                that it opens has events already.
            Fenced: the lease was taken over since.
        """

    def append_samples(self, rollout: str, samples: Sequence[SourceRead], *, fence: int | None = None) -> None:
        """Record samples in one batch, all or none; a power cut may lose them.

        Raises:
            Fenced: the lease was taken over since.
        """

    def tail(self, rollout: str, after: int) -> list[JournalEntry]:
        """Events with a seq above `after`, in order."""

    def tail_samples(self, rollout: str, after: int, most: int | None = None) -> list[JournalEntry]:
        """Samples with a number above `after`, in recorded order; the first `most` of them unless None."""

    def newest_samples(self, rollout: str, after: int, most: int) -> SampleTail:
        """The last `most` samples with a number above `after`, in recorded order."""

    def reader(self) -> Journal:
        """The same journal over a connection of its own, for a thread of its own that only reads; to be closed."""

    def checkpoint(self, rollout: str) -> StoredCheckpoint | None:
        """The rollout's checkpoint; None if there is none, or if the journal has no place for one."""

    def save_checkpoint(self, rollout: str, checkpoint: StoredCheckpoint, *, fence: int) -> None:
        """Replace the rollout's checkpoint; a power cut may lose it.

        Raises:
            Fenced: the lease was taken over since.
            JournalUnavailable: also where it is larger than the database takes.
        """

    def history(self, rollout: str) -> list[JournalEntry]:
        """Events and samples merged into recorded order."""

    def plan_runs(self, plan: str) -> list[StoredRun]:
        """The runs of a plan name by their rows alone, in the order in which they were opened."""

    def has_rows(self, rollout: str) -> bool:
        """Whether there is an event of that rollout."""

    def open_run(self, plan: str) -> str | None:
        """The open rollout of a plan name by its rows alone, or None; `console.engine.runs` says which is believed."""

    def next_run(self, plan: str) -> str:
        """The id of a plan's next rollout by the rows alone: plan name, slash, run number."""

    def first_hash(self) -> str | None:
        """The hash of the journal's first event, which no other journal has.

        Empty while it holds none, None where that is not known.
        """

    def runs(self) -> list[Run]:
        """Every rollout, newest first."""

    def decisions(self, rollout: str | None = None) -> list[DecisionRow]:
        """Decisions, oldest first; of one rollout or of all."""

    def rows(self, rollout: str | None, after: int | None) -> Sequence[Row]:
        """The next page of stored events, for verification or export; empty at the end.

        Args:
            rollout: rows of one rollout by seq; None for the whole journal by position.
            after: the last seq or position read; None to begin.
        """

    def alterations(self) -> Sequence[str]:
        """Differences of the database's guards from the schema, a few words each.

        With any difference the journal is possibly no longer append-only.
        """

    def lease(self, rollout: str, holder: str, ttl_s: float) -> Lease:
        """Take a free or expired lease, or renew `holder`'s own, for `LEASE_MAX_S` at most.

        Taking it over from another holder raises the fence; renewing does not, not even after it has expired.

        Returns:
            The lease in force after the call, whoever holds it.
        """

    def release(self, rollout: str, holder: str) -> None:
        """Give the lease back, so that another console need not wait for its expiry."""

    def current_lease(self, rollout: str) -> Lease | None:
        """The lease in force, without taking it; None if it is free or expired."""

    def heartbeat(self, rollout: str, presence: Presence) -> None:
        """Store that a console is present now; it may be lost."""

    def present(self, rollout: str, within_s: float) -> list[Presence]:
        """Consoles with a heartbeat within the last `within_s`, earliest arrival first.

        `MAX_PRESENT` of them at most, the holder of the lease always among them.
        """

    def present_count(self, rollout: str, within_s: float) -> int:
        """The number of consoles with a heartbeat within the last `within_s`, however many."""

    def leave(self, rollout: str, session: str) -> None:
        """Remove a console from the present ones."""

    def approve(self, rollout: str, approval: UnsignedApproval) -> SignedApproval:
        """Store an approval under the identity of this console's operator.

        An approval that is stored already is returned unchanged.

        Raises:
            NotPermitted: the journal cannot tell one person from another: it is personal, or this is root.
        """

    def approvals(self, rollout: str) -> list[SignedApproval]:
        """Approvals of a rollout with a proven author, oldest first."""

    def watch(self, noticed_s: float = 0.1) -> Watch:
        """A watch over this journal; it connects at the first wait.

        Args:
            noticed_s: seconds within which a change should be noticed; longer is cheaper.
        """

    def prune(self, rollout: str, *, dry_run: bool = False) -> int:
        """Remove the samples of a closed rollout, and its checkpoint; return the number of samples.

        Events are never removed.

        Raises:
            NotPermitted: the rollout is open, or not in this journal.
        """

    def close(self) -> None:
        """Close the connection."""
