"""Hand-made rows in a SQLite journal, through the commands: the way back is open, and what is not believed is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rows.catalog import forgeries
from tests.rows.commands import faults_after, forge_in_file
from tests.rows.forgery import Forgery
from tests.rows.prepared import copy_prepared, example_facts, prepare

NAMES = list(forgeries(example_facts()))
LEAST = 200
"""Hand-made forgeries that there are at the least."""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Forgery]]:
    """A folder with a rollout at 10 %, and the forgeries around its rows."""
    folder = tmp_path_factory.mktemp("prepared")
    return folder, forgeries(prepare(folder))


def test_there_are_two_hundred_hand_made_rows() -> None:
    assert len(NAMES) >= LEAST


@pytest.mark.parametrize("name", NAMES)
def test_the_way_back_stays_open(prepared: tuple[Path, dict[str, Forgery]], tmp_path: Path, name: str) -> None:
    """The world reads as at the opening, the exit code is true, every command shows the rows that are not believed."""
    base, known = prepared
    folder = copy_prepared(base, tmp_path / "copy")
    forge_in_file(folder / "journal.db", known[name])
    assert faults_after(known[name], folder, str(folder / "journal.db")) == []
