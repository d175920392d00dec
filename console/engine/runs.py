"""The runs of a plan that can be believed: which one is open, and the number of the next.

A row that says that a run was opened or closed counts only if the events before it allow that; the fold says so. Two
consoles that read the same rows come to the same answer, and the insert of an opening decides their race.
"""

from __future__ import annotations

from dataclasses import dataclass

from console.engine.replay import RolloutRecord
from console.journal.contract import Journal, JournalUnavailable, StoredRun
from console.state.values import RolloutState


@dataclass(frozen=True, slots=True)
class PlanRuns:
    """The runs of one plan."""

    open: str | None
    """The open one, or None."""
    next: str
    """The id that a new one would have."""


def runs_of(journal: Journal, plan: str) -> PlanRuns:
    """The open run of a plan, and the next one.

    Raises:
        JournalUnavailable: the journal cannot be read.
    """
    stored = journal.plan_runs(plan)
    return PlanRuns(_open_run(journal, stored), _next_run(journal, plan, stored))


def open_run(journal: Journal, plan: str) -> str | None:
    """The open run of a plan, or None. Raises JournalUnavailable."""
    return _open_run(journal, journal.plan_runs(plan))


def _open_run(journal: Journal, stored: list[StoredRun]) -> str | None:
    """The first run without an end, or the one before it if its end cannot be believed."""
    earlier: StoredRun | None = None
    for run in stored:
        if run.closed:
            earlier = run
            continue
        if earlier is not None and _is_open(journal, earlier):  # nothing can be opened after a run that goes on
            return earlier.rollout
        if _folded(journal, run) is not None:
            return run.rollout
    return earlier.rollout if earlier is not None and _is_open(journal, earlier) else None


def _is_open(journal: Journal, run: StoredRun) -> bool:
    state = _folded(journal, run)
    return state is not None and state.closed is None


def _folded(journal: Journal, run: StoredRun) -> RolloutState | None:
    """The state of a run by its events alone; None where its opening cannot be believed.

    Raises:
        JournalUnavailable: its plan cannot be read by this version.
    """
    record = RolloutRecord.of(journal, run.rollout, run.rollout)
    if record is None:
        return None
    state = record.without_samples()
    return state if state.opened_at is not None else None


def _next_run(journal: Journal, plan: str, stored: list[StoredRun]) -> str:
    number = (stored[-1].number if stored else 0) + 1
    try:
        while journal.has_rows(f"{plan}/{number}"):
            number += 1
    except JournalUnavailable:  # without rows to look at, the insert decides
        pass
    return f"{plan}/{number}"
