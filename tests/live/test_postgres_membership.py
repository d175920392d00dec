"""Several consoles over one PostgreSQL journal: the same tests of who polls and who follows as over SQLite."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.journal.postgres.journal import PostgresJournal, make_journal
from console.journal.postgres.url import Url
from tests.live.backends_postgres import Postgres
from tests.test_membership import (
    test_a_console_that_follows_keeps_its_data_fresh,
    test_a_console_that_follows_reads_for_its_own_promote,
    test_a_console_that_follows_shows_what_the_other_reads,
    test_another_takes_over_from_a_console_that_died_and_no_tick_is_missing_or_twice,
    test_of_two_consoles_one_polls_and_the_other_asks_nothing,
    test_who_leaves_gives_the_lease_back_and_another_polls_at_once,
)

__all__ = [
    "test_a_console_that_follows_keeps_its_data_fresh",
    "test_a_console_that_follows_reads_for_its_own_promote",
    "test_a_console_that_follows_shows_what_the_other_reads",
    "test_another_takes_over_from_a_console_that_died_and_no_tick_is_missing_or_twice",
    "test_of_two_consoles_one_polls_and_the_other_asks_nothing",
    "test_who_leaves_gives_the_lease_back_and_another_polls_at_once",
]

pytestmark = pytest.mark.live


@pytest.fixture(autouse=True)
def journals_in_postgres(database_server: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the tests open as a SQLite file is a fresh PostgreSQL journal instead."""
    url = Url(database_server.database("crew"))
    make_journal(url, None)

    def opened(_path: Path) -> PostgresJournal:
        return PostgresJournal(url)

    monkeypatch.setattr("tests.engine_rig.SqliteJournal", opened)
    monkeypatch.setattr("tests.test_membership.SqliteJournal", opened)
