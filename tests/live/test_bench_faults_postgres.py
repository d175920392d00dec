"""Crash sweep, race and restart on a PostgreSQL journal, in their CI size."""

from __future__ import annotations

import pytest

from tests.live.backends_postgres import Postgres
from tests.test_bench_faults import run_faults

pytestmark = pytest.mark.live


@pytest.fixture(autouse=True)
def installed(database_server: Postgres) -> None:
    """Skip where PostgreSQL is missing; the benchmark starts its own server."""


def test_sixty_kills_lose_nothing_and_double_nothing() -> None:
    cell = run_faults("--only", "sweep", "--journal", "postgresql")["cells"]["sweep postgresql"]
    assert (cell["kills"], cell["bad"]) == (60, 0), cell["faults"]


def test_of_sixteen_consoles_exactly_one_makes_its_call() -> None:
    cell = run_faults("--only", "race", "--journal", "postgresql")["cells"]["race postgresql"]
    assert (cell["consoles"], cell["rounds"], cell["one call"]) == (16, 20, 20)


@pytest.mark.parametrize("fault", ["PostgreSQL restarted mid-decision", "PostgreSQL does not answer, and then does"])
def test_a_server_in_trouble_loses_nothing(fault: str) -> None:
    cell = run_faults("--only", "table", "--journal", "postgresql")["cells"][f"fault {fault}"]
    assert (cell["lost"], cell["skipped"]) == ("", "")
    assert cell["screen"]
