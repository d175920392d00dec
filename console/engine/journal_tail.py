"""Read the journal's tail in the journal's thread.

New entries, and the plans that come with them.

A plan that another console accepted is known by its text alone. It is parsed here, outside the engine's loop: a plan
with hundreds of metrics takes seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from console.events.kinds import DecisionTaken, Event
from console.journal.contract import Journal, JournalEntry
from console.plan.loader import parse
from console.plan.nouns import Plan
from console.plan.problems import PlanError
from console.state.values import State


@dataclass(frozen=True, slots=True)
class Tail:
    """Entries of the journal in the order they were recorded."""

    entries: list[JournalEntry]
    plans: Mapping[str, Plan] = field(default_factory=dict)
    """By digest: the accepted plans among them that were not known yet."""
    problem: str | None = None
    """Why such a plan cannot be read by this version, or None."""


def append_and_read(journal: Journal, state: State, event: Event, fence: int | None) -> Tail:
    """Append `event`, then read the tail. Raises as Journal.append."""
    journal.append(state.rollout, event, fence=fence, seen=state.last_seq)
    return read_tail(journal, state)


def read_tail(journal: Journal, state: State, sample: int | None = None) -> Tail:
    """The events that `state` lacks, and samples after number `sample` unless None.

    Raises:
        JournalUnavailable: the journal cannot be read.
    """
    entries = journal.tail(state.rollout, state.last_seq)
    if sample is not None:
        entries = [*entries, *journal.tail_samples(state.rollout, sample)]
        entries.sort(key=lambda entry: (entry.seq, entry.sample or 0))
    plans: dict[str, Plan] = {}
    problem: str | None = None
    for entry in entries:
        event = entry.event
        if isinstance(event, DecisionTaken) and event.plan_text is not None and event.plan_digest not in state.plans:
            try:
                plan = parse(event.plan_text, state.plan.path)
            except PlanError as error:  # written by a newer version: this console goes on under the plan it has
                problem = str(error.problems[0])
                continue
            plans[plan.digest] = plan
    return Tail(entries, plans, problem)
