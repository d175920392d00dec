"""The PostgreSQL journal does what every journal must: the contract suite, on a real server and two connections."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from console.journal.contract import Journal
from console.journal.postgres.journal import PostgresJournal, make_journal
from console.journal.postgres.url import Url
from tests.journal_contract import JournalContract
from tests.live.backends_postgres import Postgres

pytestmark = pytest.mark.live


class TestPostgresJournal(JournalContract):
    @pytest.fixture
    def url(self, database_server: Postgres) -> Url:
        url = Url(database_server.database("contract"))
        make_journal(url, None)
        return url

    @pytest.fixture
    def journal(self, url: Url) -> Iterator[Journal]:
        opened = PostgresJournal(url)
        yield opened
        opened.close()

    @pytest.fixture
    def other(self, url: Url) -> Iterator[Journal]:
        opened = PostgresJournal(url)
        yield opened
        opened.close()
