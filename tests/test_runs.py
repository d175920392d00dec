"""Which runs of a plan count: in sequence, opened by a believed row after the believed end of the one before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.engine.runs import PlanRuns, counted_runs, open_run, runs_of
from console.events.kinds import RolloutClosed
from console.journal.contract import JournalUnavailable
from console.journal.sqlite import SqliteJournal
from tests.forged_rows import close_run, forge, opened
from tests.journal_rig import AT

PLAN = "checkout"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[SqliteJournal]:
    journal = SqliteJournal(path)
    yield journal
    journal.close()


def begin(journal: SqliteJournal) -> str:
    """Open the next run as a console does."""
    runs = runs_of(journal, PLAN)
    assert runs.open is None
    journal.append(runs.next, opened())
    return runs.next


def test_an_empty_journal_has_no_run(journal: SqliteJournal) -> None:
    assert runs_of(journal, PLAN) == PlanRuns(None, None, "checkout/1")
    assert counted_runs(journal, PLAN) == []


def test_runs_follow_one_another(journal: SqliteJournal) -> None:
    for number in (1, 2, 3):
        assert begin(journal) == open_run(journal, PLAN) == f"checkout/{number}"
        close_run(journal, f"checkout/{number}")
    assert runs_of(journal, PLAN) == PlanRuns(None, "checkout/3", "checkout/4")
    assert counted_runs(journal, PLAN) == ["checkout/1", "checkout/2", "checkout/3"]


@pytest.mark.parametrize("name", ["x", "01", "0", "-1", "/1", "1 ", "\u0662", "999999999999999999999", "1/2"])
def test_a_name_that_is_no_run_hides_no_run(journal: SqliteJournal, path: Path, name: str) -> None:
    begin(journal)
    forge(path, f"checkout/{name}", opened(100.0))
    assert runs_of(journal, PLAN) == PlanRuns("checkout/1", "checkout/1", "checkout/2")


def test_a_run_far_ahead_is_none(journal: SqliteJournal, path: Path) -> None:
    begin(journal)
    close_run(journal, "checkout/1")
    forge(path, "checkout/900000000", opened(100.0))
    assert runs_of(journal, PLAN) == PlanRuns(None, "checkout/1", "checkout/2")


def test_a_forged_next_run_does_not_hide_the_open_one(journal: SqliteJournal, path: Path) -> None:
    begin(journal)
    forge(path, "checkout/2", opened(100.0))
    assert runs_of(journal, PLAN) == PlanRuns("checkout/1", "checkout/1", "checkout/2")


def test_a_run_opened_before_the_end_of_the_last_one_is_never_the_open_one(journal: SqliteJournal, path: Path) -> None:
    begin(journal)
    forge(path, "checkout/2", opened(100.0))
    close_run(journal, "checkout/1")
    assert runs_of(journal, PLAN) == PlanRuns(None, "checkout/1", "checkout/3")
    assert begin(journal) == open_run(journal, PLAN) == "checkout/3"
    assert counted_runs(journal, PLAN) == ["checkout/1", "checkout/3"]


def test_a_closing_that_is_not_believed_ends_nothing(journal: SqliteJournal, path: Path) -> None:
    begin(journal)
    forge(path, "checkout/1", RolloutClosed(at=AT, how="complete"))
    assert runs_of(journal, PLAN) == PlanRuns("checkout/1", "checkout/1", "checkout/2")


def test_a_forged_closing_lets_no_forged_run_in(journal: SqliteJournal, path: Path) -> None:
    begin(journal)
    forge(path, "checkout/1", RolloutClosed(at=AT, how="complete"))
    forge(path, "checkout/2", opened(100.0))
    assert open_run(journal, PLAN) == "checkout/1"
    close_run(journal, "checkout/1")
    assert runs_of(journal, PLAN) == PlanRuns(None, "checkout/1", "checkout/3")
    assert begin(journal) == open_run(journal, PLAN) == "checkout/3"


@pytest.mark.parametrize("count", [1, 150])
def test_runs_with_openings_that_are_not_believed_are_passed_over(
    journal: SqliteJournal, path: Path, count: int
) -> None:
    begin(journal)
    close_run(journal, "checkout/1")
    for number in range(2, count + 2):
        forge(path, f"checkout/{number}", opened(), body="{}")
    assert begin(journal) == open_run(journal, PLAN) == f"checkout/{count + 2}"
    close_run(journal, f"checkout/{count + 2}")
    assert begin(journal) == open_run(journal, PLAN) == f"checkout/{count + 3}"
    assert counted_runs(journal, PLAN) == ["checkout/1", f"checkout/{count + 2}", f"checkout/{count + 3}"]


def test_ids_that_hold_other_rows_are_passed_over(journal: SqliteJournal, path: Path) -> None:
    forge(path, "checkout/1")
    forge(path, "checkout/2")
    assert begin(journal) == open_run(journal, PLAN) == "checkout/3"


def test_a_run_that_was_opened_and_ended_by_junk_does_not_count(journal: SqliteJournal, path: Path) -> None:
    begin(journal)
    forge(path, "checkout/1", RolloutClosed(at=AT, how="complete"))
    forge(path, "checkout/2", opened(), body="{}")
    forge(path, "checkout/2", RolloutClosed(at=AT, how="complete"))
    assert open_run(journal, PLAN) == "checkout/1"


def test_of_two_openings_of_a_run_the_first_counts(journal: SqliteJournal, path: Path) -> None:
    begin(journal)
    forge(path, "checkout/1", opened(100.0))
    assert open_run(journal, PLAN) == "checkout/1"


def test_a_plan_of_a_newer_version_is_an_error_while_its_run_is_open(journal: SqliteJournal, path: Path) -> None:
    newer = "warroom: 99\n"
    digest = hashlib.sha256(newer.encode()).hexdigest()
    forge(path, "checkout/1", opened(plan_text=newer, plan_digest=digest))
    with pytest.raises(JournalUnavailable, match="cannot be read by this version"):
        open_run(journal, PLAN)
    close_run(journal, "checkout/1")
    assert runs_of(journal, PLAN) == PlanRuns(None, "checkout/1", "checkout/2")
    assert begin(journal) == open_run(journal, PLAN) == "checkout/2"
