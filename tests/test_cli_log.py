"""`log`: decisions and notes in time order, what each moved, and how it ended."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from console.cli.log import card_text
from console.cli.paths import open_to_read
from console.events.evidence import Verb
from console.journal import sqlite
from console.journal.contract import JournalUnavailable
from console.journal.location import FileLocation
from console.state.card import card_for
from tests import states
from tests.cli_rig import MANUAL, PLAN, Shell, shell

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def sh(tmp_path: Path, capsys: Capture) -> Shell:
    return shell(tmp_path, capsys)


def told(sh: Shell) -> list[str]:
    """The log's lines without id, time, rollout and person."""
    sh.run("log")
    return [line.split("  ", 4)[4] for line in sh.out.splitlines()]


def test_notes_stand_between_decisions_in_the_order_of_time(sh: Shell) -> None:
    sh.run("promote", "--reason", "start")
    sh.run("note", "--reason", "errors look odd")
    sh.run("rollback", "--reason", "errors")
    assert told(sh) == [
        "promote start -> five (api 5 %)  confirmed  start",
        "note  errors look odd",
        "rollback five -> rolled back (api 0 %)  accepted  errors",
    ]


def test_as_json_every_line_says_its_kind(sh: Shell) -> None:
    sh.run("promote")
    sh.run("note", "--reason", "calm")
    sh.run("log", "--json")
    decision, note = (json.loads(line) for line in sh.out.splitlines())
    assert {key: decision[key] for key in ("kind", "from", "to", "sets", "outcome", "ended")} == {
        "kind": "decision",
        "from": "start",
        "to": "five",
        "sets": {"api": "5 %"},
        "outcome": "api accepted",
        "ended": "confirmed",
    }
    assert (note["kind"], note["text"], note["rollout"]) == ("note", "calm", "one/1")


def test_a_plan_name_means_all_its_runs(sh: Shell) -> None:
    for verb in ("promote", "rollback", "close"):
        sh.run(verb)
    sh.run("note", "--reason", "second")
    sh.edit(PLAN.replace("rollout: one", "rollout: two"))
    sh.run("note", "--reason", "another plan")
    assert sh.run("log", "one") == 0
    assert re.findall(r"one/\d  \S+  (\w+)", sh.out) == ["promote", "rollback", "close", "note"]
    assert "another plan" not in sh.out
    sh.run("log", "one/2")
    assert [line.rsplit("  ", 1)[1] for line in sh.out.splitlines()] == ["second"]


def test_a_refused_call_says_why(sh: Shell) -> None:
    sh.edit(PLAN.replace("latency: 0", "latency: 0, refuse: [api]"))
    sh.run("promote")
    assert told(sh) == [
        "promote start -> five (api 5 %)  refused: api -> 5 % refused: api may not be changed (simulated refusal)"
    ]


def test_a_manual_stage_is_confirmed_by_its_decision(tmp_path: Path, capsys: Capture) -> None:
    sh = shell(tmp_path, capsys, MANUAL)
    sh.run("promote")
    sh.run("promote", "--confirm", "migrate")
    assert told(sh)[1] == "promote five -> migrate  confirmed"


def test_a_journal_that_may_only_be_read_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.db"
    sqlite.SqliteJournal(path).close()

    class Unwritable(sqlite.SqliteJournal):
        def __init__(self, path: Path, *, read_only: bool = False) -> None:
            if not read_only:
                raise JournalUnavailable(f"journal {path}: attempt to write a readonly database")
            super().__init__(path, read_only=True)

    monkeypatch.setattr(sqlite, "SqliteJournal", Unwritable)
    journal = open_to_read(FileLocation(path))
    assert journal.runs() == []
    journal.close()


def test_a_stored_card_tells_each_metrics_kind_odds_and_number_of_events() -> None:
    lines = card_text(card_for(states.fallen_silent(), Verb.ROLLBACK))
    assert (
        "saw   errors fail (silent): 10x (7.4-14), 340:1, since 03:08Z, now silent; 340:1 that it is worse; "
        "0.0:1 for a pass; canary 4.1 % of 4,310, baseline 0.4 % of 81,900, n 4,310, 95 s old"
    ) in lines
