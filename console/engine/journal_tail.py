"""Read the journal's tail in the journal's thread.

New entries, and the plans that come with them.

A plan that another console accepted is known by its text alone. It is parsed here, outside the engine's loop: a plan
with hundreds of metrics takes seconds.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from console.events.kinds import DecisionTaken, Event
from console.journal.contract import Journal, JournalEntry
from console.plan.loader import parse
from console.plan.nouns import Plan
from console.plan.problems import PlanError


@dataclass(frozen=True, slots=True)
class Tail:
    """Entries of the journal in the order they were recorded."""

    entries: list[JournalEntry]
    plans: Mapping[str, Plan] = field(default_factory=dict)
    """By digest: the accepted plans among them that were not known yet."""
    problem: str | None = None
    """Why such a plan cannot be read by this version, or None."""


@dataclass(frozen=True, slots=True)
class TailReader:
    """Read what is new to one console.

    Args:
        rollout: whose entries.
        after: sequence number of the last event it knows.
        known: digests of the plans it knows.
        path: of its plan file, for messages.
    """

    rollout: str
    after: int
    known: Collection[str]
    path: str

    def append(self, journal: Journal, event: Event, fence: int | None) -> Tail:
        """Append `event`, then read. Raises as Journal.append."""
        journal.append(self.rollout, event, fence=fence)
        return self.read(journal)

    def read(self, journal: Journal, sample: int | None = None) -> Tail:
        """The new events, and samples after number `sample` unless None."""
        entries = journal.tail(self.rollout, self.after)
        if sample is not None:
            entries = [*entries, *journal.tail_samples(self.rollout, sample)]
            entries.sort(key=lambda entry: (entry.seq, entry.sample or 0))
        plans: dict[str, Plan] = {}
        problem: str | None = None
        for entry in entries:
            event = entry.event
            if isinstance(event, DecisionTaken) and event.plan_text is not None and event.plan_digest not in self.known:
                try:
                    plan = parse(event.plan_text, self.path)
                except PlanError as error:  # written by a newer version: this console goes on under the plan it has
                    problem = str(error.problems[0])
                    continue
                plans[plan.digest] = plan
        return Tail(entries, plans, problem)
