"""Hand-made rows in a PostgreSQL journal, inserted by a login with INSERT and SELECT: the way back is open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from console.cli.exits import Exit
from console.journal.postgres.journal import make_journal
from console.journal.postgres.url import Url
from tests.live.backends_postgres import Postgres
from tests.rows.catalog import forgeries
from tests.rows.columns import ON_A_SERVER_REFUSED
from tests.rows.commands import faults_after
from tests.rows.forgery import Forgery, insert_rows
from tests.rows.prepared import copy_prepared, example_facts, prepare
from tests.rows.running import run

pytestmark = pytest.mark.live

LOGIN = "mallory"
NAMES = [name for name in forgeries(example_facts()) if name not in ON_A_SERVER_REFUSED][::2]
"""Every second one: the others differ little, and a file's tests go all through the same two journals."""
LEAST = 200


@pytest.fixture(scope="module")
def prepared(server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, Forgery]]]:
    """A folder with the world of a rollout at 10 %, whose journal is the database `prepared`."""
    folder = tmp_path_factory.mktemp("prepared")
    url = server.database("prepared")
    server.execute(f"CREATE ROLE {LOGIN} LOGIN")
    make_journal(Url(url), LOGIN)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("XDG_STATE_HOME", str(folder))
        yield folder, forgeries(prepare(folder, url))


@pytest.fixture
def copied(server: Postgres, prepared: tuple[Path, dict[str, Forgery]], tmp_path: Path) -> Iterator[Path]:
    """A fresh copy of both, in the database `copied`; the folder is the state directory."""
    server.execute("DROP DATABASE IF EXISTS copied WITH (FORCE)")
    server.execute("CREATE DATABASE copied TEMPLATE prepared")
    folder = copy_prepared(prepared[0], tmp_path / "copy")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("XDG_STATE_HOME", str(folder))
        yield folder


def forge(server: Postgres, forgery: Forgery) -> None:
    """Insert a forgery as the login may."""
    with psycopg.connect(server.url("copied", LOGIN)) as connection:
        insert_rows(connection, forgery, login=LOGIN)


def test_there_are_two_hundred_hand_made_rows() -> None:
    assert len(NAMES) >= LEAST


@pytest.mark.parametrize("name", NAMES)
def test_the_way_back_stays_open(
    server: Postgres, prepared: tuple[Path, dict[str, Forgery]], copied: Path, name: str
) -> None:
    """The world reads as at the opening, the exit code is true, every command shows the rows that are not believed."""
    forgery = prepared[1][name]
    forge(server, forgery)
    assert faults_after(forgery, copied, server.url("copied")) == []


def test_verify_names_the_login_that_wrote_the_row(
    server: Postgres, prepared: tuple[Path, dict[str, Forgery]], copied: Path
) -> None:
    forge(server, prepared[1]["column: a note with another user"])
    verified = run("log", "verify", "--journal", server.url("copied"))
    assert verified.code == Exit.TAMPERED and f"by {LOGIN}" in verified.said


@pytest.mark.parametrize("name", ON_A_SERVER_REFUSED)
def test_a_row_that_follows_none_or_is_too_large_is_refused_by_the_server(
    server: Postgres, prepared: tuple[Path, dict[str, Forgery]], copied: Path, name: str
) -> None:
    with pytest.raises((psycopg.IntegrityError, psycopg.errors.ProgramLimitExceeded)):
        forge(server, prepared[1][name])
