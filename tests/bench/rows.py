"""Mutated rows by the thousand: an engine opens each journal, shows it, and rolls some of them back."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.rows.engine import Tried, try_all
from tests.rows.forgery import Forgery
from tests.rows.mutation import StockRow, forgeries_of, stock_of
from tests.rows.prepared import copy_prepared, prepare
from tests.rows.running import run as run_command

AT_A_TIME = 200
"""Forgeries between two words of progress."""
SLOWEST = 3


@dataclass(frozen=True, slots=True)
class RowsReport:
    """The results of one run."""

    rows: int
    tried: list[Tried]

    @property
    def faults(self) -> list[Tried]:
        """The forgeries after which something went wrong."""
        return [each for each in self.tried if each.faults]

    def text(self) -> str:
        """For a terminal: the counts, the slowest, and every fault with a name that makes it again."""
        rolled_back = sum(each.rolled_back for each in self.tried)
        slowest = sorted(self.tried, key=lambda each: each.took_s)[-SLOWEST:]
        lines = [
            f"{self.rows:,} mutated rows in {len(self.tried):,} journals; {rolled_back:,} of them were rolled back",
            f"faults: {len(self.faults)}",
            f"slowest: {', '.join(f'{each.name} {each.took_s:.1f} s' for each in slowest)}",
        ]
        return "\n".join(lines + [f"  {each.name}: {'; '.join(each.faults)}" for each in self.faults])


def run(count: int, seed: int, roll_back_every: int, progress: Callable[[str], None]) -> RowsReport:
    """Try `count` mutated rows at the least, in a new temporary directory."""
    with tempfile.TemporaryDirectory(prefix="warroom-rows-") as made:
        folder = Path(made)
        base, stock = _prepared(folder)
        forgeries = forgeries_of(stock, seed, count)
        tried: list[Tried] = []
        for begin in range(0, len(forgeries), AT_A_TIME):
            part = forgeries[begin : begin + AT_A_TIME]
            tried += asyncio.run(try_all(part, base, folder / "tried", roll_back_every))
            bad = Counter(bool(each.faults) for each in tried)[True]
            progress(f"{len(tried):,} of {len(forgeries):,} journals, {bad} with faults")
    return RowsReport(_row_count(forgeries), tried)


def _prepared(folder: Path) -> tuple[Path, list[StockRow]]:
    """A folder with a rollout at 10 %, and the real rows that are mutated."""
    base = folder / "base"
    base.mkdir()
    prepare(base)
    ended = copy_prepared(base, folder / "ended")
    run_command("rollback", str(ended / "plan.yaml"), "--journal", str(ended / "journal.db"))
    return base, stock_of(ended / "journal.db")


def _row_count(forgeries: list[Forgery]) -> int:
    return sum(len(each.rows) + len(each.samples) for each in forgeries)
