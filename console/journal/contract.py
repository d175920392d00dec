"""What a journal is: append, tail, read back. One small Protocol, so that another database can stand behind it.

Order is (rollout, seq), decided by the insert itself. Events are never changed or removed. Samples are a second class
of fact in a table of their own; each carries the seq of the last event before it, so the two merge into one order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from console.events.kinds import Event, SourceRead


class JournalError(Exception):
    """One plain line about the journal."""


class Broken(JournalError):
    """The journal cannot be opened, read or written (disk full, read-only, not a database, locked for too long)."""


class Raced(JournalError):
    """Somebody else recorded this first: the same forward move of a rollout, or the same opening."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One recorded event. `seq` counts a rollout's events from 1; a sample has the seq of the event before it."""

    seq: int
    event: Event


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


class Journal(Protocol):
    """All methods raise Broken. None is awaited: the engine calls them in its one writer thread."""

    def append(self, rollout: str, event: Event) -> int:
        """Record an event durably and return its seq.

        An event whose id is already there is not recorded again: its seq is returned.

        Raises:
            Raced: its forward move is already taken, its rollout was closed before a forward move, or a run of the
                plan is open already.
        """

    def append_samples(self, rollout: str, samples: Sequence[SourceRead]) -> None:
        """Record samples in one batch; allowed to be lost in a power cut."""

    def tail(self, rollout: str, after: int) -> list[Entry]:
        """Events with a seq above `after`, in order."""

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

    def close(self) -> None: ...
