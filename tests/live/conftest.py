"""Servers that live tests share: started once a session, when the first test asks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live.backends_postgres import Postgres, postgres


@pytest.fixture(scope="session")
def database_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """One PostgreSQL for every test that makes a database of its own in it; nobody may stop it."""
    with postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server
