"""The journal's benchmark: what it measures is what it says, on sizes that take a moment."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from console.journal.chain import walk_journal
from console.journal.sqlite import SqliteJournal
from tests.bench.cli import main
from tests.bench.log import appends, large, run


def test_each_way_of_writing_is_measured_as_often(tmp_path: Path) -> None:
    bare, ours = appends.measure(tmp_path, 5)
    assert (len(bare.wall_us), len(ours.wall_us), bare.name, ours.name) == (5, 5, "bare INSERT", "append")


def test_the_large_journal_is_one_that_warroom_could_have_written(tmp_path: Path) -> None:
    large.fill_journal(tmp_path / "journal.db", 120, ours=10, per_rollout=50)
    journal = SqliteJournal(tmp_path / "journal.db")
    found = walk_journal(lambda after: journal.rows(None, after))
    assert (found.events, found.flaw, journal.open_run("ours")) == (130, None, "ours/1")
    assert [run.closed for run in journal.runs() if run.rollout != "ours/1"] == [True] * (found.rollouts - 1)
    journal.close()


def test_the_command_prints_every_figure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "OPENS_WITHIN", 1000.0)
    monkeypatch.setattr(run, "QUICK", run.LogSize(appends=5, others=500, openings=2, edits=20))
    assert main(["log", "--quick", "--json", "--journal", "sqlite", "--folder", str(tmp_path)]) == 0
    cells = json.loads(capsys.readouterr().out)
    edited = cells["tampering SQLite"]
    assert (edited["edits"], edited["found"]) == (20, 20)
    assert edited["alone"] < 20
    assert cells["append ratio"]["median"] > 0
    assert list(tmp_path.iterdir()) == []
