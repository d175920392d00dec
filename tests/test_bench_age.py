"""The benchmark of old rollouts: its recordings are what the product would write, and every figure is printed."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from console.engine.replay import replay_rollout
from console.journal.sqlite import SqliteJournal
from tests.bench.age import run
from tests.bench.age.recordings import RUN, promoted_rollout, record_samples, store_checkpoint
from tests.bench.cli import main


def test_a_recording_is_judged_to_its_end(tmp_path: Path) -> None:
    made = promoted_rollout(tmp_path / "made")
    assert record_samples(made, 0.25, 1) == 540
    assert store_checkpoint(made) > 1000
    with closing(SqliteJournal(made.journal)) as journal:
        metrics = replay_rollout(journal, RUN, "plan.yaml").state.metrics
    tracks = {name: entry.track.total for name, entry in metrics.items() if entry.track is not None}
    assert set(tracks) == {"errors", "latency", "page-errors", "cpu"}
    assert min(tracks.values()) > 60


def test_the_command_prints_every_figure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "QUICK", {"6 min": 0.1})
    monkeypatch.setattr(run, "QUICK_ROUNDS", 1)
    monkeypatch.setattr(run, "OPENS_WITHIN", 1000.0)
    monkeypatch.setattr(run, "CALLS_WITHIN", 1000.0)
    assert main(["age", "--quick", "--json", "--folder", str(tmp_path)]) == 0
    cells = json.loads(capsys.readouterr().out)
    assert set(cells) == {measure.name for measure in run.MEASURES}
    assert all(figure > 0 for figures in cells.values() for figure in figures.values())
