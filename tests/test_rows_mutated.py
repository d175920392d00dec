"""A seeded thousand of mutated rows in a SQLite journal: an engine opens it, shows everything, and rolls back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rows.engine import try_all
from tests.rows.mutation import StockRow, forgeries_of, stock_of
from tests.rows.prepared import copy_prepared, prepare
from tests.rows.running import run

ROWS = 1000
PARTS = 4
"""Tests that share them, so that workers share them too."""
ROLL_BACK_EVERY = 10
"""Every so many forgeries the engine also rolls back."""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[StockRow]]:
    """A folder with a rollout at 10 %, and real rows: its own up to a whole rollback, and recorded ones."""
    folder = tmp_path_factory.mktemp("prepared")
    prepare(folder)
    ended = copy_prepared(folder, tmp_path_factory.mktemp("ended") / "copy")
    assert run("rollback", str(ended / "plan.yaml"), "--journal", str(ended / "journal.db")).code == 0
    return folder, stock_of(ended / "journal.db")


@pytest.mark.parametrize("part", range(PARTS))
async def test_the_way_back_stays_open(prepared: tuple[Path, list[StockRow]], tmp_path: Path, part: int) -> None:
    base, stock = prepared
    forgeries = forgeries_of(stock, seed=part, rows=ROWS // PARTS)
    tried = await try_all(forgeries, base, tmp_path, ROLL_BACK_EVERY)
    assert {each.name: each.faults for each in tried if each.faults} == {}
