"""Recorded samples that no checkpoint covers: commands open at once, and only forward verbs judge first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from console.engine.replay import Depth, replay_rollout
from console.events.kinds import SourceRead, VerdictChanged
from console.journal.contract import JournalEntry
from console.journal.sqlite import SqliteJournal
from tests.bench.age.recordings import PLAN, RUN, Recording, record_samples, store_checkpoint
from tests.cli_rig import Shell, shell

NOT_JUDGED = "recorded samples are not judged yet"
JUDGED_FIRST = "recorded samples are judged first"


@pytest.fixture
def old(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    """A shell beside a rollout with half an hour of samples."""
    made = shell(tmp_path, capsys, PLAN)
    assert made.run("promote", "--override", "--reason", "begin") == 0
    record_samples(Recording(tmp_path), 0.5, 1)
    return made


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[JournalEntry]]:
    """Every sample that a journal is asked for meanwhile."""
    found: list[JournalEntry] = []
    tail, newest = SqliteJournal.tail_samples, SqliteJournal.newest_samples

    def tail_samples(self: SqliteJournal, rollout: str, after: int, most: int | None = None) -> list[JournalEntry]:
        entries = tail(self, rollout, after, most)
        found.extend(entries)
        return entries

    def newest_samples(self: SqliteJournal, rollout: str, after: int, most: int):  # type: ignore[no-untyped-def]
        answer = newest(self, rollout, after, most)
        found.extend(answer.entries)
        return answer

    monkeypatch.setattr(SqliteJournal, "tail_samples", tail_samples)
    monkeypatch.setattr(SqliteJournal, "newest_samples", newest_samples)
    yield found


def test_status_says_how_many_samples_are_not_judged(old: Shell) -> None:
    assert old.run("status") == 0
    assert re.search(rf"errors +unsure \(NOT JUDGED\): [\d,]+ {NOT_JUDGED}", old.out)


@pytest.mark.parametrize("command", ["status", "rollback", "halt"])
def test_reading_and_going_safer_read_a_bounded_number_of_samples(
    old: Shell, read: list[JournalEntry], command: str
) -> None:
    old.run(command, *(() if command == "status" else ("--reason", "too old")))
    assert 0 < len(read) < 600


def test_the_log_reads_no_sample(old: Shell, read: list[JournalEntry]) -> None:
    old.run("log")
    assert read == []


@pytest.mark.parametrize("command", ["rollback", "halt"])
def test_going_safer_judges_nothing_first(old: Shell, command: str) -> None:
    assert old.run(command, "--reason", "too old") == 0
    assert JUDGED_FIRST not in old.err


def test_a_promote_judges_first_and_says_so(old: Shell) -> None:
    old.run("promote", "--reason", "on")
    assert re.search(rf"[\d,]+ {JUDGED_FIRST}", old.err)
    assert NOT_JUDGED not in old.err


def test_what_a_promote_has_judged_is_stored_for_the_next(old: Shell) -> None:
    old.run("promote", "--reason", "on")
    old.run("promote", "--reason", "on")
    assert JUDGED_FIRST not in old.err


def test_a_promote_after_a_checkpoint_has_nothing_to_judge_first(old: Shell) -> None:
    store_checkpoint(Recording(old.folder))
    old.run("promote", "--reason", "on")
    assert JUDGED_FIRST not in old.err


def test_status_after_a_checkpoint_shows_the_verdicts(old: Shell) -> None:
    store_checkpoint(Recording(old.folder))
    assert old.run("status") == 0
    assert NOT_JUDGED not in old.out
    assert re.search(r"errors +(pass|unsure|fail)", old.out)


def test_what_was_recorded_of_verdicts_is_shown_whatever_a_later_judge_makes_of_the_samples(old: Shell) -> None:
    with closing(SqliteJournal(old.journal)) as journal:
        newest = journal.newest_samples(RUN, 0, 1).entries[0].event
        assert isinstance(newest, SourceRead)
        said = VerdictChanged(at=newest.at, metric="errors", was="pass", became="fail", reason="as an older judge said")
        journal.append(RUN, said)
        for depth in Depth:
            state = replay_rollout(journal, RUN, "plan.yaml", depth).state
            assert state.metrics["errors"].said == "fail"
            assert state.log[-1].text == "errors: pass -> fail: as an older judge said"
