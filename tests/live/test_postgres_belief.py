"""Rows that no console writes in a PostgreSQL journal, by a login that may only insert and read."""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest

from console.cli import main
from console.cli.exits import Exit
from console.journal.chain import Row, event_row, with_hashes
from console.journal.postgres.journal import PostgresJournal
from console.journal.postgres.schema import grant
from console.journal.postgres.url import Url
from console.journal.recording import insert_row
from tests.journal_rig import RUN, close_decision, note, opening
from tests.live.backends_postgres import Postgres

pytestmark = pytest.mark.live


def forge(server: Postgres, journal: PostgresJournal, **columns: object) -> Row:
    """Insert a note with other values in some columns, as the login `eve`."""
    server.execute("DO $$ BEGIN CREATE ROLE eve LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    with psycopg.connect(server.url("journal")) as owner:
        grant(owner, "eve")
    last = list(journal.rows(None, None))[-1]
    chained = event_row(note("x"), RUN, last.seq + 1, last.position + 1, login="eve", prev=last.hash, before=last.head)
    row = with_hashes(replace(chained, **columns), last.head)  # type: ignore[arg-type]
    with psycopg.connect(server.url("journal", "eve")) as connection:
        insert_row(connection, row)
    return row


def test_a_row_that_is_not_believed_is_named_with_the_login_of_its_author(
    server: Postgres, url: Url, journal: PostgresJournal, capsys: pytest.CaptureFixture[str]
) -> None:
    journal.append(RUN, opening())
    forge(server, journal, body="no JSON")
    journal.append(RUN, note("after it"))
    assert main(["log", "verify", "--journal", server.url("journal")]) == Exit.TAMPERED
    out, err = capsys.readouterr()
    assert "3 events of 1 rollout, each follows the one before it" in out
    assert err.startswith(f"warroom: not believed: {RUN} seq 2, by eve: its body is not that of an event: ")
    assert main(["log", "--journal", server.url("journal")]) == Exit.OK
    out, err = capsys.readouterr()
    assert "after it" in out and "1 row of the journal is not believed: seq 2, by eve: " in err


@pytest.mark.parametrize("body", ["no JSON", "[1]", "5", '{"verb": "\\u0000"}', '{"stage": "x"}', '{"stage": 1e400}'])
def test_the_view_of_decisions_is_whole_whatever_a_body_holds(
    server: Postgres, url: Url, journal: PostgresJournal, body: str
) -> None:
    journal.append(RUN, opening())
    journal.append(RUN, close_decision())
    for kind in ("decision_taken", "request_made", "request_settled"):
        forge(server, journal, kind=kind, body=body)
    with psycopg.connect(server.url("journal", "eve")) as reader:
        rows = reader.execute("SELECT verb, stage, outcome FROM warroom.decisions ORDER BY seq").fetchall()
    assert rows == [("close", 0, "recorded"), (None, None, "recorded")]
