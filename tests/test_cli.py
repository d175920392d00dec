"""The installed command as a shell runs it: what it prints, what it exits with, two of them at once."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from console.cli import main
from console.cli.commands import DECIDING
from console.cli.exits import Exit
from console.events.evidence import Verb
from console.events.kinds import Noted, RequestSettled
from console.journal.sqlite import SqliteJournal
from console.state.values import Mode
from tests.cli_rig import PLAN, Shell, shell
from tests.engine_rig import war_room

Capture = pytest.CaptureFixture[str]
COMMAND = Path(sys.executable).with_name("warroom")


@pytest.fixture
def sh(tmp_path: Path, capsys: Capture) -> Shell:
    return shell(tmp_path, capsys)


def installed(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False)


async def started(*arguments: str) -> tuple[int, str, str]:
    """The installed command beside this test: exit code, what it printed, what it complained about."""
    pipe = asyncio.subprocess.PIPE
    running = await asyncio.create_subprocess_exec(COMMAND, *arguments, stdout=pipe, stderr=pipe)
    out, err = await running.communicate()
    return running.returncode or 0, out.decode(), err.decode()


# -- the installed command ---------------------------------------------------------------------------------------------


def test_the_version_is_said() -> None:
    done = installed("--version")
    assert done.returncode == 0
    assert re.fullmatch(r"warroom \d+\.\d+\S*\n", done.stdout)


def test_a_promote_by_the_installed_command(sh: Shell) -> None:
    done = installed(*sh.arguments("promote", "--expect-stage", "0", "--reason", "start"))
    assert (done.returncode, done.stdout) == (0, "five confirmed: stage 1\n")
    again = installed(*sh.arguments("promote", "--expect-stage", "0"))
    assert (again.returncode, again.stdout) == (5, "")


async def test_two_processes_that_promote_at_once_have_one_winner(tmp_path: Path, capsys: Capture) -> None:
    sh = shell(tmp_path, capsys)
    sh.edit(PLAN.replace("latency: 0", "latency: 150ms"))
    arguments = sh.arguments("promote", "--expect-stage", "0")
    (one, two) = await asyncio.gather(started(*arguments), started(*arguments))
    codes = sorted([one[0], two[0]])
    # Whoever comes later finds the move taken (5), or the call still in flight (3); never a second stage.
    assert codes[0] == 0
    assert codes[1] in (3, 5), (one, two)
    assert [json.loads(line)["percent"] for line in sh.world()] == [5.0]


async def test_a_console_follows_what_a_command_does(tmp_path: Path, capsys: Capture) -> None:
    sh = shell(tmp_path, capsys)
    async with war_room(tmp_path, PLAN) as room:
        console = await room.console()
        code, _, _ = await started(*sh.arguments("promote", "--reason", "from the shell"))
        state = await console.until(lambda state: state.reached == 1)
        assert code == 0
        assert [(entry.verb, entry.reason) for entry in state.decisions] == [(Verb.PROMOTE, "from the shell")]
        await started(*sh.arguments("halt"))
        await console.until(lambda state: state.mode is Mode.HALTED)


def test_benchmarks_are_no_command_of_the_product(capsys: Capture) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bench", "judge"])
    assert ended.value.code == Exit.USAGE
    assert "invalid choice: 'bench'" in capsys.readouterr().err


def test_no_command_prints_the_help_and_exits_two(capsys: Capture) -> None:
    assert main([]) == 2
    assert "COMMAND" in capsys.readouterr().out


@pytest.mark.parametrize(
    "command", ["", "run", "demo", "init", "check", "status", "log", "promote", "place", "confirm"]
)
def test_help_fits_a_screen_of_80_by_24(command: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main([*([command] if command else []), "--help"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("verb", DECIDING)
def test_every_verb_has_a_help_and_is_listed_in_the_first_one(verb: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert re.search(rf"^  [a-z, ]*\b{verb}\b", capsys.readouterr().out, re.MULTILINE)
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: warroom {verb} ")


def test_the_demo_says_where_its_journal_is_by_default(capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        main(["demo", "--help"])
    assert "(default: one of its own in a temporary directory)" in " ".join(capsys.readouterr().out.split())


# -- status ------------------------------------------------------------------------------------------------------------


def test_status_reads_now_and_leaves_no_trace(sh: Shell) -> None:
    assert sh.run("status") == 0
    assert sh.out.splitlines() == ["one  not opened; the readings fit stage 0", "  api              0 %"]
    assert not sh.journal.exists()


def test_status_does_not_place_what_it_could_not_read(tmp_path: Path, capsys: Capture) -> None:
    gone = PLAN.replace("{adapter: embedded, latency: 0}", f"{{adapter: haproxy, socket: {tmp_path}/gone.sock}}")
    sh = shell(tmp_path, capsys, gone.replace("kind: deploy", "canary: canary, baseline: stable"))
    assert sh.run("status") == 0
    assert sh.out.splitlines()[0] == "one  not opened; not every target could be read, so the stage is unknown"
    assert "no such socket" in sh.out


def test_status_of_a_rollout_as_json(sh: Shell) -> None:
    sh.run("promote")
    before = sh.kinds()
    assert sh.run("status", "--json") == 0
    told = json.loads(sh.out)
    assert {key: told[key] for key in ("rollout", "plan", "mode", "stage", "move", "halted", "closed", "in_doubt")} == {
        "rollout": "one/1",
        "plan": "one",
        "mode": "watching",
        "stage": 1,
        "move": 1,
        "halted": False,
        "closed": None,
        "in_doubt": [],
    }
    assert told["targets"]["api"]["percent"] == 5.0
    assert [stage["mark"] for stage in told["stages"]] == ["confirmed", "planned", "planned"]
    assert sh.kinds() == before


def test_status_shows_a_drift_a_fault_and_a_rollback(sh: Shell) -> None:
    sh.run("promote")
    sh.run("rollback")
    with next(sh.folder.glob("world-*.jsonl")).open("a") as log:
        log.write(sh.world()[-1].replace('"percent": 0', '"percent": 30') + "\n")
    sh.run("status")
    assert sh.out.splitlines()[0] == "one/1  rolling back  stage 1 of 3"
    assert "  api              30 %  DRIFTED from 0 %" in sh.out
    assert "  api-back         relapsed moved again: reads 30 %" in sh.out


# -- log ---------------------------------------------------------------------------------------------------------------


def test_log_lists_decisions_with_who_when_why_and_what_became_of_them(sh: Shell) -> None:
    sh.run("promote", "--reason", "start")
    sh.run("halt", "--reason", "lunch")
    assert sh.run("log") == 0
    first, second = sh.out.splitlines()
    assert re.fullmatch(
        r"[0-9a-f]{8}  \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ  one/1  \S+  "
        r"promote start -> five \(api 5 %\)  confirmed  start",
        first,
    )
    assert second.endswith("halt at five  recorded  lunch")
    assert sh.run("log", "one/1") == 0
    assert sh.out.splitlines() == [first, second]


def test_log_of_one_decision_shows_the_evidence_it_was_taken_on(sh: Shell) -> None:
    sh.run("promote", "--reason", "start")
    sh.run("log")
    assert sh.run("log", sh.out[:8]) == 0
    lines = sh.out.splitlines()
    assert lines[1].startswith("  promote: start -> five, as of ")
    assert "  gate  ok     NO METRICS: no verdict gate" in lines
    assert "  saw   api reads 0 % -> 5 %" in lines
    assert "  call  edge: embedded: api -> 5 %" in lines


def test_log_as_json_is_one_decision_a_line(sh: Shell) -> None:
    sh.run("promote")
    sh.run("halt")
    sh.run("log", "--json")
    told = [json.loads(line) for line in sh.out.splitlines()]
    assert [(line["verb"], line["outcome"]) for line in told] == [("promote", "api accepted"), ("halt", "recorded")]
    assert sh.run("log", told[0]["id"], "--json") == 0
    assert json.loads(sh.out)["card"]["stage_to"] == "five"


def test_log_of_what_is_not_there_is_two_and_without_a_journal_six(sh: Shell) -> None:
    assert sh.run("log") == 6
    assert "`warroom run PLAN` makes it" in sh.err
    seed(sh)
    assert (sh.run("log"), sh.out) == (0, "nothing decided or noted yet\n")
    assert sh.run("log", "ffffffff") == 2
    assert "no plan, no rollout and no decision 'ffffffff'" in sh.err


def test_a_reader_that_goes_away_is_no_fault(sh: Shell) -> None:
    sh.run("promote")
    reader, writer = os.pipe()
    os.close(reader)
    command = [str(COMMAND), *sh.arguments("log", "--json")]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


# -- ending ------------------------------------------------------------------------------------------------------------


def _heeds_interrupts() -> None:
    """A shell starts what runs in its background with SIGINT ignored, and that is inherited."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


async def begun(sh: Shell, kind: str, *arguments: str) -> asyncio.subprocess.Process:
    """The installed command, once the journal holds an event of `kind` more than before."""

    def counted() -> int:
        with closing(sqlite3.connect(f"file:{sh.journal}?mode=ro", uri=True)) as database:
            return int(database.execute("SELECT count(*) FROM events WHERE kind = ?", [kind]).fetchone()[0])

    before = counted()
    pipe = asyncio.subprocess.PIPE
    running = await asyncio.create_subprocess_exec(
        COMMAND, *arguments, stdout=pipe, stderr=pipe, preexec_fn=_heeds_interrupts
    )
    async with asyncio.timeout(20):
        while counted() == before:  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.01)
    return running


async def test_an_interrupted_promote_is_settled_as_far_as_it_went(tmp_path: Path, capsys: Capture) -> None:
    sh = shell(tmp_path, capsys, PLAN.replace("latency: 0", "latency: 0, hang: [api]").replace("300ms", "20s"))
    seed(sh)
    running = await begun(sh, "request_made", *sh.arguments("promote"))
    running.send_signal(signal.SIGINT)
    _, err = await running.communicate()
    settled = [(event.outcome, event.reason) for event in sh.events() if isinstance(event, RequestSettled)]
    assert running.returncode == 130
    assert err.decode().splitlines()[-1] == "warroom: interrupted"
    cut_off = "cut off by the end of the console"
    before_it_left = ("refused", f"not sent: {cut_off}")  # the signal may come between the journal and the call
    assert settled in ([("unknown", cut_off)], [before_it_left])


async def test_a_rollback_typed_over_a_line_that_breaks_is_carried_out(tmp_path: Path, capsys: Capture) -> None:
    sh = shell(tmp_path, capsys, PLAN.replace("latency: 0", "latency: 200ms"))
    await started(*sh.arguments("promote"))
    running = await begun(sh, "request_made", *sh.arguments("rollback"))
    running.send_signal(signal.SIGHUP)
    out, _ = await running.communicate()
    assert (running.returncode, out.decode()) == (0, "rolled back\n")
    assert json.loads(sh.world()[-1])["percent"] == 0.0


def seed(sh: Shell) -> None:
    """A journal that is there."""
    journal = SqliteJournal(sh.journal)
    journal.close()


def test_a_note_keeps_no_control_characters(sh: Shell) -> None:
    sh.run("note", "--reason", "calm\x1b]52;c;ZXZpbA==\x07 so far")
    noted = [event.text for event in sh.events() if isinstance(event, Noted)]
    assert noted == ["calm]52;c;ZXZpbA== so far"]
