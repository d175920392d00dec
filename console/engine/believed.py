"""A rollout's events as far as they are believed, and the rows that are not: for log, export and verify."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from console.engine.replay import NoOpening, recorded_plans
from console.engine.runs import counted_runs
from console.events.kinds import Unbelieved
from console.journal.contract import Journal, JournalEntry, JournalUnavailable
from console.state.belief import MOST_ROWS, fold_stored, unbelieved_row
from console.state.folding import blank
from console.state.values import RolloutState, UnbelievedRow

_NO_RUN = "its rollout is no run: runs are numbered from 1, each is opened after the end of the one before it"
_UNOPENED = "no opening of its rollout is believed"


@dataclass(frozen=True, slots=True)
class BelievedRecord:
    """The rows of one rollout, sorted by whether they are believed."""

    entries: tuple[JournalEntry, ...]
    """The believed events, in order."""
    unbelieved: tuple[UnbelievedRow, ...]
    """All others, in order."""
    state: RolloutState | None
    """The state after them; None where no plan of the rollout can be read."""


def believed_record(journal: Journal, rollout: str) -> BelievedRecord:
    """Fold the events of a rollout. Raises JournalUnavailable: the journal cannot be read."""
    entries = journal.tail(rollout, 0)
    try:
        plans = recorded_plans(entries, rollout, rollout)
    except NoOpening:
        return BelievedRecord((), tuple(unbelieved_row(entry.event, entry.seq, _UNOPENED) for entry in entries), None)
    except JournalUnavailable:  # a newer version wrote its plan: the rows by themselves are all there is to look at
        return _record_without_fold(entries)
    state = blank(next(iter(plans.values())), rollout, plans)
    believed, unbelieved = list[JournalEntry](), list[UnbelievedRow]()
    for entry in entries:
        after = fold_stored(state, entry.event, entry.seq)
        if after.unbelieved:
            unbelieved += after.unbelieved
            after = replace(after, unbelieved=(), unbelieved_count=0)
        else:
            believed.append(entry)
        state = after
    counted = replace(state, unbelieved=tuple(unbelieved[:MOST_ROWS]), unbelieved_count=len(unbelieved))
    return BelievedRecord(tuple(believed), tuple(unbelieved), counted)


def _record_without_fold(entries: list[JournalEntry]) -> BelievedRecord:
    bad = tuple(entry for entry in entries if isinstance(entry.event, Unbelieved))
    believed = tuple(entry for entry in entries if entry not in bad)
    return BelievedRecord(believed, tuple(unbelieved_row(entry.event, entry.seq, "") for entry in bad), None)


def unbelieved_rows(journal: Journal, rollouts: Iterable[str]) -> Iterator[tuple[str, UnbelievedRow]]:
    """(rollout, row) of each row that is not believed: all of a rollout that does not count as a run.

    Raises:
        JournalUnavailable: the journal cannot be read.
    """
    counted: dict[str, set[str]] = {}
    for rollout in rollouts:
        plan, _, _ = rollout.rpartition("/")
        if plan not in counted:
            counted[plan] = set(counted_runs(journal, plan))
        record = believed_record(journal, rollout)
        found = {row.seq: row for row in record.unbelieved}
        if rollout not in counted[plan]:
            found |= {entry.seq: unbelieved_row(entry.event, entry.seq, _NO_RUN) for entry in record.entries}
        for seq in sorted(found):
            yield rollout, found[seq]
