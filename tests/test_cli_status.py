"""`status`: the halt in force, the last decision, and the sources that could not be read."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli_rig import Shell, shell

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def sh(tmp_path: Path, capsys: Capture) -> Shell:
    return shell(tmp_path, capsys)


def test_the_halt_says_who_when_and_why(sh: Shell) -> None:
    sh.run("promote")
    sh.run("halt", "--reason", "lunch")
    sh.run("note", "--reason", "bon appetit")
    assert sh.run("status") == 0
    halted, last = sh.out.splitlines()[1:3]
    by = r"by \S+@\S+ \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ: lunch"
    assert re.fullmatch(rf"  HALTED           {by}", halted)
    assert re.fullmatch(rf"  last decision    halt recorded, {by}", last)


def test_the_halt_and_the_last_decision_as_json(sh: Shell) -> None:
    sh.run("promote")
    sh.run("halt", "--reason", "lunch")
    sh.run("status", "--json")
    halted = json.loads(sh.out)
    sh.run("resume")
    sh.run("status", "--json")
    resumed = json.loads(sh.out)
    assert (halted["halt"]["verb"], halted["halt"]["reason"], halted["journal"]) == ("halt", "lunch", str(sh.journal))
    assert (resumed["halt"], resumed["last_decision"]["verb"]) == (None, "resume")


def test_a_source_that_cannot_be_read_is_a_line_and_no_exit_code(sh: Shell) -> None:
    sh.edit(sh.plan.read_text().replace("{adapter: embedded, latency: 0}", "{adapter: haproxy, socket: ./none.sock}"))
    assert sh.run("status") == 0
    assert re.search(r"^  edge             FAILED: .+", sh.out, re.MULTILINE)


def test_status_says_which_journal_it_read(sh: Shell) -> None:
    sh.run("status")
    assert sh.err == f"warroom: journal {sh.journal}: there is none yet\n"
    sh.run("note", "--reason", "begin")
    sh.run("status")
    assert sh.err == f"warroom: journal {sh.journal}\n"
