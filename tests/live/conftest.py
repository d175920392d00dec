"""What several live tests share: servers, because one takes seconds to start, and a PostgreSQL journal.

Tests that share a server run in one worker (`worker_group` in tests/conftest.py); servers of different workers share
nothing but the machine.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from console.journal.postgres.journal import PostgresJournal, make_journal
from console.journal.postgres.url import Url
from tests.live.backends_postgres import Postgres, postgres
from tests.live.kube.cluster import Cluster, cluster


@pytest.fixture(scope="session")
def database_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A PostgreSQL that no test stops."""
    with postgres(tmp_path_factory.mktemp("postgres")) as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A PostgreSQL of a file's own: its tests may stop it, kill it and make roles in it."""
    with postgres(tmp_path_factory.mktemp("postgres")) as running:
        yield running


@pytest.fixture
def url(server: Postgres) -> Url:
    """A fresh journal on `server`, in the database `journal`."""
    url = Url(server.database("journal"))
    make_journal(url, None)
    return url


@pytest.fixture
def journal(url: Url) -> Iterator[PostgresJournal]:
    """The same, opened."""
    opened = PostgresJournal(url)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def kube(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with the controllers of Deployments and of Argo Rollouts."""
    with cluster(tmp_path_factory.mktemp("kube")) as running:
        yield running
