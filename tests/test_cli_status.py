"""`status`: the halt in force, the last decision, and the sources that could not be read."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import pytest

from console.cli.show import as_json, status_lines
from console.engine.single_read import read_once
from console.journal.sqlite import SqliteJournal
from console.judge.verdict import VerdictState
from console.plan.loader import load
from console.state.participants import Poller
from tests import states
from tests.cli_rig import Shell, shell
from tests.engine_rig import ONE, war_room
from tests.states import ANA
from tests.states.people import crowded
from tests.states.pieces import with_local

FAIL = VerdictState.FAIL
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
    assert sh.err == f"warroom: journal {sh.journal} does not exist yet\n"
    sh.run("note", "--reason", "begin")
    sh.run("status")
    assert sh.err == f"warroom: journal {sh.journal}\n"


def test_the_stages_verdict_and_each_metrics_with_its_kind_stand_in_the_status() -> None:
    lines = status_lines(states.suspected())
    told = "errors: 2.4x (0.60-2.3), 14:1 that it is worse; verdict in ~4 min if it holds"
    assert f"  stage verdict    WARN: {told}" in lines
    assert f"  errors           unsure (WARN): {told.removeprefix('errors: ')}" in lines
    assert "  slow             pass (<2x): 1.1x (0.83-1.3), 41:1 that it is below 2x" in lines


def test_the_verdicts_evidence_is_there_for_scripts_with_no_number_that_json_has_not() -> None:
    endless = replace(states.failing().metrics["errors"].verdict or states.verdict("errors", FAIL, ""), high=math.inf)
    told = json.loads(
        json.dumps(as_json(states.with_metric(states.failing(), "errors", verdict=endless)), allow_nan=False)
    )
    assert told["stage_verdict"]["word"] == "FAIL" and told["stage_verdict"]["metric"] == "errors"
    errors = told["metrics"]["errors"]
    assert (errors["verdict"], errors["ratio"], errors["low"], errors["high"]) == ("fail", 10.2, 7.4, None)
    assert (errors["evidence"], errors["lately"], errors["since"]) == (340.0, 11.0, "2026-03-08T03:08:00+00:00")


def test_where_no_stage_is_judged_there_is_no_verdict_of_one() -> None:
    assert as_json(states.ready())["stage_verdict"] is None
    assert not any(line.startswith("  stage verdict") for line in status_lines(states.ready()))


def test_status_says_who_is_here_and_who_polls() -> None:
    state = crowded(states.watching())
    told = "\n".join(status_lines(state))
    assert f"  pen              the pen is with {ANA.user} (seen 12 s ago)" in told
    assert f"  here             ana@{ANA.host} pid {ANA.pid}, captain, here now, polls" in told
    assert "carl@bastion-2 pid 777, observer, not seen for 95 s" in told
    assert "  polls " not in told
    assert [entry["polls"] for entry in as_json(state)["here"]] == [True, False, False]


def test_status_says_that_nobody_polls_and_what_that_means() -> None:
    state = with_local(crowded(states.watching()), crew=(), poller=None)
    assert "  polls            no console: nothing is judged or guarded until one runs" in "\n".join(
        status_lines(state)
    )
    gone = with_local(state, poller=Poller(here=False))
    assert "  polls            a console that no longer reports its presence" in "\n".join(status_lines(gone))


async def test_whoever_only_looks_sees_the_lease_of_the_console_that_polls(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        await room.console(who=ANA)
        journal = SqliteJournal(room.journal)
        state = await read_once(load(room.file), journal, room.folder)
        journal.close()
        assert state.local.poller is not None and state.local.poller.who == ANA


def test_what_everybody_who_decides_has_to_know_stands_in_the_status() -> None:
    state = with_local(states.watching(), cautions=("prom: TLS IS NOT VERIFIED",))
    assert "  CAUTION          prom: TLS IS NOT VERIFIED" in status_lines(state)
    assert as_json(state)["cautions"] == ["prom: TLS IS NOT VERIFIED"]
