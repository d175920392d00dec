"""A PostgreSQL journal in the hands of whoever owns it: every edit is found, and so is a server that refuses none."""

from __future__ import annotations

import random

import psycopg
import pytest

from console.cli import main
from console.cli.exits import Exit
from console.journal.chain import walk_journal
from console.journal.postgres.journal import PostgresJournal
from console.journal.postgres.url import Url
from tests.bench.log import large
from tests.bench.log.run import EDITED
from tests.bench.log.server import edit_postgres, fill_journal
from tests.bench.log.tampering import EDITS, Edit, tamper
from tests.journal_rig import RUN, note, opening
from tests.live.backends_postgres import Postgres

pytestmark = pytest.mark.live

EDITS_HERE = 100
"""Of the thousand that `python -m tests.bench log` makes."""


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
def test_every_kind_of_edit_is_found(url: Url, edit: Edit) -> None:
    pinned = fill_journal(url, large.events(*EDITED))
    for seed in range(3):
        with tamper(edit_postgres(url), random.Random(seed), edit) as found:
            assert found.is_detected(pinned), found.description


def test_random_edits_are_all_found_and_taken_back(url: Url, journal: PostgresJournal) -> None:
    pinned = fill_journal(url, large.events(*EDITED))
    missed = []
    for seed in range(EDITS_HERE):
        with tamper(edit_postgres(url), random.Random(seed)) as found:
            if not found.is_detected(pinned):
                missed.append(found.description)
    walked = walk_journal(lambda after: journal.rows(None, after), pinned)
    assert missed == []
    assert (walked.flaw, walked.pinned is not None, journal.alterations()) == (None, True, [])


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        (
            "UPDATE warroom.events SET body = replace(body, 'n3', 'n9') WHERE position = 4",
            "its content was changed",
        ),
        ("UPDATE warroom.events SET login = 'bob' WHERE position = 4", "its content was changed"),
        ("UPDATE warroom.events SET head = repeat('0', 64) WHERE position = 4", "its head is not the one"),
        ("DELETE FROM warroom.events WHERE position = 4", "event 4 is missing before it"),
    ],
)
def test_an_edit_by_the_owner_is_found(url: Url, journal: PostgresJournal, edit: str, what: str) -> None:
    journal.append(RUN, opening())
    for number in range(1, 7):
        journal.append(RUN, note(f"n{number}"))
    assert walk_journal(lambda after: journal.rows(None, after)).events == 7
    with psycopg.connect(url.text, autocommit=True) as owner:
        owner.execute("ALTER TABLE warroom.events DISABLE TRIGGER ALL")
        owner.execute(edit)
    flaw = walk_journal(lambda after: journal.rows(None, after)).flaw
    assert flaw is not None and what in flaw.what


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            "ALTER TABLE warroom.samples DISABLE TRIGGER samples_append_only",
            "trigger samples_append_only is switched off",
        ),
        ("DROP TRIGGER events_append_only ON warroom.events", "trigger events_append_only is missing"),
        (
            "DROP TRIGGER events_append_only ON warroom.events; CREATE TRIGGER events_append_only BEFORE TRUNCATE "
            "ON warroom.events FOR EACH STATEMENT EXECUTE FUNCTION warroom.append_only()",
            "trigger events_append_only was changed",
        ),
        (
            "CREATE OR REPLACE FUNCTION warroom.append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RETURN NULL; END $$",
            "function append_only was changed",
        ),
        (
            "CREATE TRIGGER odd BEFORE INSERT ON warroom.events FOR EACH ROW EXECUTE FUNCTION warroom.tell()",
            "trigger odd is not warroom's",
        ),
        ("CREATE RULE odd AS ON INSERT TO warroom.events DO INSTEAD NOTHING", "rule odd is not warroom's"),
    ],
)
def test_verify_says_in_one_line_that_the_server_does_not_refuse_edits_any_more(
    server: Postgres, url: Url, journal: PostgresJournal, capsys: pytest.CaptureFixture[str], statement: str, said: str
) -> None:
    """As anybody who may only read it sees it."""
    journal.append(RUN, opening())
    for part in statement.split("; ") if "$$" not in statement else [statement]:
        server.execute(part, database="journal")
    server.execute("DROP ROLE IF EXISTS reader")
    server.execute("CREATE ROLE reader LOGIN")
    server.execute("GRANT USAGE ON SCHEMA warroom TO reader", database="journal")
    server.execute("GRANT SELECT ON ALL TABLES IN SCHEMA warroom TO reader", database="journal")
    code = main(["log", "verify", "--journal", server.url("journal", "reader")])
    out, err = capsys.readouterr()
    assert code == Exit.TAMPERED
    assert "each follows the one before it\nhead " in out
    assert err == f"warroom: NOT GUARDED: {said}: events can be edited; docs/journal.md says how to repair it\n"
