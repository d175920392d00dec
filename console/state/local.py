"""One console's own part of a State: its view of journal, people and backends. Set by the engine's store alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from console.events.evidence import Actor, PlannedCall
from console.state.participants import Approval, Member, Poller


@dataclass(frozen=True, slots=True)
class Preview:
    """The calls a verb would send, in the words of the backends; made by the engine, which knows the adapters."""

    calls: tuple[PlannedCall, ...] = ()
    notes: tuple[str, ...] = ()
    """Limits of a backend for this verb ("edge cannot pause")."""


@dataclass(frozen=True, slots=True)
class JournalHealth:
    """Whether events reach the journal."""

    broken: str | None = None
    """Why the journal cannot be written, one line; None while it can."""
    held: int = 0
    """Events in memory that are not in the journal yet."""
    kept: bool = False
    """The decisions and requests among them are also in a file of this host, which outlives this console."""

    @property
    def waiting(self) -> str:
        """The events that are not in the journal yet, in words: "2 kept in a file"; empty if there are none."""
        return f"{self.held} {'kept in a file' if self.kept else 'held in memory'}" if self.held else ""


@dataclass(frozen=True, slots=True)
class LocalState:
    """The part of a State that no event carries: it differs from console to console and ends with the process."""

    operator: Actor | None = None
    """Who is at this console's keyboard."""
    groups: frozenset[str] = frozenset()
    """Unix groups of the operator."""
    observing: bool = False
    """This console only looks on; it may still go safer."""
    journal: JournalHealth = JournalHealth()
    crew: tuple[Member, ...] | None = None
    """Who is present, the longest there first; None while that is not known."""
    unlisted: int = 0
    """Present consoles that are not in `crew`, because there are too many."""
    poller: Poller | None = None
    """Which console polls; None while that is not known."""
    approvals: tuple[Approval, ...] = ()
    """Every approval that the journal vouches for; `approvals.counted_approvals` says which of them count."""
    unvouched: str | None = None
    """Why the journal cannot say what was approved, one line: then nothing counts; None while it can."""
    previews: Mapping[str, Preview] = field(default_factory=dict)
    """Verb, or key of an order, -> the calls it would send."""
    edited: str | None = None
    """The difference between the plan file and the plan this rollout runs, as text; None when they are the same."""
    moves: tuple[str, ...] = ()
    """A line for each target that the edited plan renames, moves or drops."""
    running: bool = False
    """This console is carrying out the rollback right now; False after a resume until the operator continues."""
    held_back: Mapping[str, str] = field(default_factory=dict)
    """Rollback step -> why this console, which carries the rollback out, has not sent it yet."""
    dropped_samples: int = 0
    """Samples of the journal that this console read and that are not believed."""
    cautions: tuple[str, ...] = ()
    """Warnings about the backends and the journal of this console: a line each in every decision."""
    clock: str | None = None
    """How far this host's clock is off and whose time is used instead, one line; None while its own is."""
    fault: str | None = None
    """A fault of this console itself, one line; None while all its tasks run."""
