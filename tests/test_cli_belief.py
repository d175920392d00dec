"""Rows of the journal that are not believed, as the commands show them."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from console.cli.exits import Exit
from console.events.kinds import RolloutClosed
from tests.cli_rig import Shell, shell
from tests.forged_rows import forge, opened
from tests.journal_rig import AT, note

NEGATIVE = '{"kind": "noted", "text": "x"}'


@pytest.fixture
def at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    """A shell with an open rollout, `one/1`, at 5 %."""
    made = shell(tmp_path, capsys)
    assert made.run("promote") == Exit.OK
    return made


def test_status_names_the_row_its_author_and_the_reason(at: Shell) -> None:
    row = forge(at.journal, "one/1", note("x"), body=NEGATIVE)
    assert at.run("status") == Exit.OK
    expected = f"1 row of the journal is not believed: seq {row.seq}, by ana: its body is not that of an event: "
    assert expected in at.out


def test_status_for_scripts_holds_the_rows(at: Shell) -> None:
    row = forge(at.journal, "one/1", note("x"), body=NEGATIVE)
    assert at.run("status", "--json") == Exit.OK
    unbelieved = json.loads(at.out)["unbelieved"]
    assert (unbelieved["count"], unbelieved["rows"][0]["seq"], unbelieved["rows"][0]["by"]) == (1, row.seq, "ana")


def test_status_without_such_rows_says_nothing_of_them(at: Shell) -> None:
    assert at.run("status") == Exit.OK
    assert "believed" not in at.out + at.err
    assert at.run("status", "--json") == Exit.OK
    assert json.loads(at.out)["unbelieved"] == {"count": 0, "samples": 0, "rows": []}


def test_the_log_shows_what_is_believed_and_names_the_rest_on_stderr(at: Shell) -> None:
    forge(at.journal, "one/1", note("before it"))
    row = forge(at.journal, "one/1", RolloutClosed(at=AT, how="complete"))
    assert at.run("log") == Exit.OK
    assert "before it" in at.out and "promote" in at.out
    line = f"warroom: one/1: 1 row of the journal is not believed: seq {row.seq}: no decision closes the rollout; "
    assert at.err == f"{line}`warroom log verify` names them all\n"


def test_a_decision_that_is_not_believed_is_not_in_the_log(at: Shell) -> None:
    decision = next(event for event in at.events() if event.kind == "decision_taken")
    forge(at.journal, "one/1", decision.model_copy(update={"id": "forged", "move": 2, "stage": 99}))
    assert at.run("log") == Exit.OK
    assert "forged" not in at.out
    assert "it names stage 99 of 3" in at.err


def test_verify_names_each_row_and_exits_7_with_a_chain_that_is_whole(at: Shell) -> None:
    first = forge(at.journal, "one/1", note("x"), body="no JSON")
    second = forge(at.journal, "one/1", opened(100.0))
    assert at.run("log verify") == Exit.TAMPERED
    assert "each follows the one before it" in at.out
    lines = at.err.splitlines()
    assert [line.split(": ")[1:3] for line in lines] == [
        ["not believed", f"one/1 seq {first.seq}, by ana"],
        ["not believed", f"one/1 seq {second.seq}, by ana"],
    ]
    assert lines[1].endswith(": the rollout was opened already")


def test_verify_of_one_rollout_names_its_rows_alone(at: Shell) -> None:
    forge(at.journal, "one/2", opened(100.0))
    assert at.run("log verify", "one/1") == Exit.OK
    assert at.err == ""
    assert at.run("log verify", "one/2") == Exit.TAMPERED
    assert "not believed: one/2 seq 1, by ana: " in at.err


@pytest.mark.parametrize("name", ["one/x", "one/7", "one"])
def test_verify_names_the_rows_of_a_rollout_that_is_no_run(at: Shell, name: str) -> None:
    forge(at.journal, name, note("x"))
    assert at.run("log verify") == Exit.TAMPERED
    assert at.err.startswith(f"warroom: not believed: {name} seq 1, by ana: ")


def test_more_rows_than_are_kept_are_all_named_by_verify(at: Shell) -> None:
    for _ in range(103):
        forge(at.journal, "one/1", note("x"), body="[]")
    assert at.run("log verify") == Exit.TAMPERED
    assert at.err.count("not believed: one/1 seq ") == 103
    assert at.run("status") == Exit.OK
    assert "103 rows of the journal are not believed: seq " in at.out and "; and 100 more" in at.out


def test_an_export_for_readers_leaves_the_row_out_and_that_of_whole_events_keeps_it(at: Shell) -> None:
    decision = next(event for event in at.events() if event.kind == "decision_taken")
    forge(at.journal, "one/1", decision.model_copy(update={"id": "forged", "move": 2, "stage": 99}))
    assert at.run("log export", "--format", "csv") == Exit.OK
    assert "forged" not in at.out and "not believed" in at.err
    assert at.run("log export") == Exit.OK
    assert '"id": "forged"' in at.out


def test_a_closing_that_is_not_believed_lets_no_samples_be_pruned(at: Shell) -> None:
    forge(at.journal, "one/1", RolloutClosed(at=AT, how="complete"))
    assert at.run("log prune", "one/1") == Exit.REFUSED
    assert at.complaint == "warroom: one/1 is open: only samples of closed rollouts are pruned"


def test_wait_without_an_open_rollout_passes_over_forged_runs(at: Shell) -> None:
    assert at.run("rollback", "--reason", "x") == Exit.OK
    assert at.run("close", "--reason", "x") == Exit.OK
    forge(at.journal, "one/2", opened(100.0), body="{}")
    assert at.run("wait", "--until", "complete") == Exit.MISSED
    assert "one/1" in at.complaint


@pytest.mark.parametrize("body", ["no JSON", "[1]", "5", "{" * 2000])
def test_the_view_of_decisions_is_whole_where_a_body_is_no_json(at: Shell, body: str) -> None:
    decision = next(event for event in at.events() if event.kind == "decision_taken")
    for number, kind in enumerate(("decision_taken", "request_made", "request_settled")):
        forge(at.journal, "one/1", note(str(number)), kind=kind, body=body)
    with closing(sqlite3.connect(at.journal)) as database:
        rows = database.execute("SELECT id, verb, outcome FROM decisions ORDER BY seq").fetchall()
    assert rows[0] == (decision.id, "promote", "api accepted")
    assert [row[1:] for row in rows[1:]] == [(None, "recorded")]


def test_status_counts_samples_that_are_not_believed(at: Shell) -> None:
    with closing(sqlite3.connect(at.journal)) as database:
        for body in ("no JSON", '{"kind": "source_read"}'):
            database.execute(
                "INSERT INTO samples (rollout, after_seq, at, source, v, body) VALUES ('one/1', 1, 'x', 'edge', 1, ?)",
                [body],
            )
        database.commit()
    assert at.run("status") == Exit.OK
    assert "2 samples of the journal are not believed" in at.out
    assert at.run("status", "--json") == Exit.OK
    assert json.loads(at.out)["unbelieved"]["samples"] == 2


@pytest.mark.parametrize(
    "body",
    ['{"a": [' + '{"x": 1},' * 200_000 + "{}]}", "[" + "1," * 500_000 + "1]", '"' + "x" * 5_000_000 + '"'],
    ids=["keys", "values", "length"],
)
def test_a_row_too_large_for_any_event_is_set_aside_before_it_is_read(at: Shell, body: str) -> None:
    forge(at.journal, "one/1", note("x"), body=body)
    assert at.run("status") == Exit.OK
    assert "it has too many values" in at.out or "its body is longer than 4,194,304 characters" in at.out
    assert at.run("rollback", "--reason", "x") == Exit.OK
