"""The runs of a plan that count: which one is open, and the number of the next.

A run counts if its opening is believed, and stands in the journal after the believed end of the run before it. Runs
that do not count are passed over, and their numbers are not used again. Two consoles that read the same rows come to
the same answer, and the insert of an opening decides their race.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from console.engine.replay import NoOpening, RolloutRecord
from console.journal.contract import Journal, JournalUnavailable, StoredRun
from console.state.belief import fold_stored


@dataclass(frozen=True, slots=True)
class PlanRuns:
    """The runs of one plan."""

    open: str | None
    """The open one, or None."""
    last: str | None
    """The last one that counts, open or not; None before the first."""
    next: str
    """The id that a new one would have; ids that hold other rows are passed over once none is open."""


@dataclass(frozen=True, slots=True)
class _FoldedRun:
    """A run with a believed opening."""

    run: StoredRun
    end: int | None
    """Place of its believed end in the whole journal; None while it is open."""


def runs_of(journal: Journal, plan: str) -> PlanRuns:
    """The open run of a plan, the last one and the next one.

    Raises:
        JournalUnavailable: the journal cannot be read, or this version cannot read the plan of the open run.
    """
    last = _last_run(journal, plan)
    number = 1 if last is None else last.run.number + 1
    is_open = last is not None and last.end is None
    try:
        while not is_open and journal.has_rows(f"{plan}/{number}"):
            number += 1
    except JournalUnavailable:  # without rows to look at, the insert decides
        pass
    rollout = None if last is None else last.run.rollout
    return PlanRuns(rollout if is_open else None, rollout, f"{plan}/{number}")


def open_run(journal: Journal, plan: str) -> str | None:
    """The open run of a plan, or None. Raises JournalUnavailable as `runs_of`."""
    last = _last_run(journal, plan)
    return last.run.rollout if last is not None and last.end is None else None


def counted_runs(journal: Journal, plan: str) -> list[str]:
    """Every run of a plan that counts, by a fold of each. Raises JournalUnavailable: the journal cannot be read."""
    found, last = list[str](), None
    for run in _without_leaps(journal, plan):
        folded = _readable_run(journal, run)
        if folded is not None and _may_follow(last, run):
            last = folded
            found.append(run.rollout)
    return found


def _last_run(journal: Journal, plan: str) -> _FoldedRun | None:
    """The last of `counted_runs`, by a fold of the last ones alone where the rows of the others are in order."""
    ended: list[StoredRun] = []
    for run in _without_leaps(journal, plan):
        before = ended[-1].closed_position if ended else None
        if before is not None and run.position < before:
            continue
        if run.closed_position is not None:
            ended.append(run)
            continue
        folded = _folded_run(journal, run)
        if folded is None:
            continue
        last = _last_of(journal, ended)
        if _may_follow(last, run):
            return folded
        if last is not None and last.end is None:
            return last
    return _last_of(journal, ended)


def _last_of(journal: Journal, ended: list[StoredRun]) -> _FoldedRun | None:
    """The last run that counts of those with a row that ends them; the others after it are removed from the list."""
    while ended:
        last = _readable_run(journal, ended[-1])
        if last is not None:
            before = _last_believed(journal, ended[:-1])
            if _may_follow(before, last.run):
                return last
        ended.pop()
    return None


def _last_believed(journal: Journal, runs: list[StoredRun]) -> _FoldedRun | None:
    return next(filter(None, (_readable_run(journal, run) for run in reversed(runs))), None)


def _may_follow(last: _FoldedRun | None, run: StoredRun) -> bool:
    """Whether a run was opened after the end of the one before it."""
    return last is None or (last.end is not None and last.end < run.position)


def _without_leaps(journal: Journal, plan: str) -> Iterator[StoredRun]:
    """The runs in the order of their numbers, up to the first number that was left out: a console leaves none out."""
    due = 1
    for run in journal.plan_runs(plan):
        while due < run.number and journal.has_rows(f"{plan}/{due}"):
            due += 1
        if due < run.number:
            return
        due = run.number + 1
        yield run


def _readable_run(journal: Journal, run: StoredRun) -> _FoldedRun | None:
    """As `_folded_run`; a run whose plan this version cannot read counts as its rows say."""
    try:
        return _folded_run(journal, run)
    except JournalUnavailable:
        return _FoldedRun(run, run.closed_position)


def _folded_run(journal: Journal, run: StoredRun) -> _FoldedRun | None:
    """A run by its events alone; None where its opening cannot be believed.

    Raises:
        JournalUnavailable: its plan cannot be read by this version.
    """
    try:
        record = RolloutRecord(journal, run.rollout, run.rollout.rpartition("/")[0])
    except NoOpening:
        return None
    state = record.beginning.state
    for entry in record.events:
        state = fold_stored(state, entry.event, entry.seq)
        if state.closed is not None:
            rows = journal.rows(run.rollout, entry.seq - 1)
            return _FoldedRun(run, rows[0].position if rows else run.closed_position)
    return _FoldedRun(run, None) if state.opened_at is not None else None
