"""The SQLite journal does what every journal must: the contract suite, on real files and two connections."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from console.journal.contract import Journal
from console.journal.sqlite import SqliteJournal
from tests.journal_contract import JournalContract
from tests.journal_rig import RUN, presence


class TestSqliteJournal(JournalContract):
    @pytest.fixture
    def journal(self, tmp_path: Path) -> Iterator[Journal]:
        opened = SqliteJournal(tmp_path / "private" / "journal.db")
        yield opened
        opened.close()

    @pytest.fixture
    def other(self, journal: Journal, tmp_path: Path) -> Iterator[Journal]:
        opened = SqliteJournal(tmp_path / "private" / "journal.db")
        yield opened
        opened.close()


@pytest.mark.parametrize(("column", "value"), [("actor", "{"), ("actor", "[1]"), ("role", "king"), ("since", "soon")])
def test_a_row_of_presence_that_no_warroom_wrote_keeps_nobody_from_seeing_the_others(
    tmp_path: Path, column: str, value: str
) -> None:
    journal = SqliteJournal(tmp_path / "journal.db")
    for session in ("s1", "s2"):
        journal.heartbeat(RUN, presence(session))
    with closing(sqlite3.connect(journal.path)) as database:
        database.execute(f"UPDATE presence SET {column} = ? WHERE session = 's1'", [value])  # noqa: S608 - a constant
        database.commit()
    assert [entry.session for entry in journal.present(RUN, 60.0)] == ["s2"]
    journal.close()
