"""The SQLite journal does what every journal must: the contract suite, on real files and two connections."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from console.journal.contract import Journal
from console.journal.sqlite import SqliteJournal
from tests.journal_contract import JournalContract


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
