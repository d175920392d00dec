"""What several live tests share: one server of each sort for all of them, because it takes seconds to start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live.backends_postgres import Postgres, postgres
from tests.live.kube.cluster import Cluster, cluster


@pytest.fixture(scope="session")
def database_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A PostgreSQL that no test stops."""
    with postgres(tmp_path_factory.mktemp("postgres")) as running:
        yield running


@pytest.fixture(scope="session")
def kube(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with the controllers of Deployments and of Argo Rollouts."""
    with cluster(tmp_path_factory.mktemp("kube")) as running:
        yield running
