"""`watch` and `wait`: looking on without a screen, for as long as it takes, whatever becomes of the terminal."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from console.cli import main
from console.cli.exits import Exit
from console.cli.watch_lines import new_lines
from console.events.evidence import Verb
from console.judge.verdict import Verdict, VerdictState
from console.state.conditions import CONDITIONS, is_known, is_met, why_impossible
from console.state.local import JournalHealth
from console.state.participants import Poller
from console.state.values import State, UnbelievedRow
from tests.cli_rig import Shell, shell
from tests.rollout_rig import Story
from tests.states import ANA, PLAN
from tests.states.pieces import with_local
from tests.terminal import PATIENCE_S, WARROOM, terminal


@pytest.fixture
def sh(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return shell(tmp_path, capsys)


async def does(sh: Shell, command: str, *more: str) -> int:
    """Run a command in a process of its own; its exit code."""
    process = await asyncio.create_subprocess_exec(
        *WARROOM, *sh.arguments(command, *more), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    return await process.wait()


# -- wait --------------------------------------------------------------------------------------------------------------


def test_what_is_so_is_not_waited_for(sh: Shell) -> None:
    sh.run("promote")
    assert sh.run("wait", "--until", "stage:five") == Exit.OK
    assert sh.out == "stage:five: one/1 watching, stage 1/3 five\n"


def test_what_is_not_so_in_time_is_eight(sh: Shell) -> None:
    sh.run("promote")
    assert sh.run("wait", "--until", "stage:2", "--timeout", "0.3") == Exit.TIMEOUT
    assert sh.complaint == "stage:2 not within 0.3 s: one/1 watching, stage 1/3 five"


def test_what_cannot_come_any_more_is_nine(sh: Shell) -> None:
    sh.run("promote")
    sh.run("rollback")
    assert sh.run("wait", "--until", "complete") == Exit.MISSED
    assert sh.complaint.startswith("complete can no longer come: a rollback was begun; one/1 ")


def test_a_rollout_that_is_closed_is_judged_by_how_it_ended(sh: Shell) -> None:
    sh.run("promote")
    sh.run("close", "--override", "--reason", "enough")
    assert sh.run("wait", "--until", "closed") == Exit.OK
    assert sh.run("wait", "--until", "healthy") == Exit.MISSED


def test_without_a_rollout_nothing_is_waited_for(sh: Shell) -> None:
    assert sh.run("wait", "--until", "healthy") == Exit.REFUSED
    assert not sh.journal.exists()


@pytest.mark.parametrize("what", ["heathy", "stage:", "stage:no", "stage:4", "stage:0"])
def test_a_condition_that_is_none_is_two_and_told_what_there_is(sh: Shell, what: str) -> None:
    assert sh.run("wait", "--until", what) == Exit.USAGE
    assert (
        "is not a condition: give one of healthy, failing, promotable, " in sh.complaint
        and "stage:half" in sh.complaint
    )


@pytest.mark.parametrize("time", ["soon", "-1", "1d", "1 0"])
def test_a_time_that_is_none_is_two(sh: Shell, time: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(sh.arguments("wait", "--until", "healthy", f"--timeout={time}"))
    assert ended.value.code == 2


async def test_wait_ends_when_somebody_else_brings_it_about(sh: Shell) -> None:
    await does(sh, "promote")
    waiting = await asyncio.create_subprocess_exec(
        *WARROOM, *sh.arguments("wait", "--until", "halted"), stdout=asyncio.subprocess.PIPE
    )
    await does(sh, "halt")
    out, _ = await asyncio.wait_for(waiting.communicate(), PATIENCE_S)
    assert (waiting.returncode, out.decode()) == (0, "halted: one/1 halted, stage 1/3 five\n")


# -- conditions --------------------------------------------------------------------------------------------------------


def passing() -> Story:
    story = Story().open()
    story.flow(20)
    story.promote()
    story.flow(320)
    return story


def so(state: State) -> set[str]:
    return {name for name in CONDITIONS if is_met(state, name)}


def with_verdict(state: State, verdict: VerdictState) -> State:
    entry = replace(state.metrics["errors"], verdict=Verdict("errors", verdict, "because"))
    return replace(state, metrics={**state.metrics, "errors": entry})


def test_a_stage_that_passes_is_healthy_and_can_be_left() -> None:
    assert so(passing().seen) == {"healthy", "promotable"}


def test_nothing_exposed_is_not_healthy() -> None:
    story = Story().open()
    story.flow(20)
    assert so(story.seen) == {"promotable"}


@pytest.mark.parametrize("verdict", [VerdictState.UNSURE, VerdictState.STALE, VerdictState.NO_DATA])
def test_what_is_not_known_to_pass_is_not_healthy(verdict: VerdictState) -> None:
    assert so(with_verdict(passing().seen, verdict)) == set()


def test_a_fail_is_failing() -> None:
    assert so(with_verdict(passing().seen, VerdictState.FAIL)) == {"failing"}


def test_stale_data_is_not_healthy() -> None:
    assert "healthy" not in so(passing().wait(120).seen)


def test_a_drift_is_not_healthy() -> None:
    story = passing()
    story.observe("edge", 33)
    assert "healthy" not in so(story.seen)


def test_halted_and_rolled_back_are_what_they_say() -> None:
    story = passing()
    story.decide(Verb.HALT)
    assert so(story.seen) == {"halted"}
    story.roll_back()
    assert "rolled-back" not in so(story.seen)  # a manual step is left
    story.decide(Verb.CONFIRM, "tell-data")
    assert so(story.seen) == {"rolled-back"}


def test_a_later_stage_counts_for_an_earlier_one_and_a_rollback_for_none() -> None:
    story = passing().promote()
    assert is_met(story.seen, "stage:one") and is_met(story.seen, "stage:2") and not is_met(story.seen, "stage:migrate")
    story.decide(Verb.ROLLBACK)
    assert not is_met(story.seen, "stage:one")
    assert why_impossible(story.seen, "stage:half") == "a rollback was begun"
    assert why_impossible(story.seen, "rolled-back") is None


def test_stages_are_known_by_name_and_number() -> None:
    names = [stage.name for stage in PLAN.stages]
    assert is_known(names, "stage:migrate") and is_known(names, "stage:5")
    assert not is_known(names, "stage:6") and not is_known(names, "stages:1")


# -- what watch tells --------------------------------------------------------------------------------------------------


def lines(before: State | None, after: State) -> list[str]:
    return [line for _, line in new_lines(before, after)]


def test_the_first_line_says_where_it_stands_and_who_polls() -> None:
    state = with_local(passing().seen, poller=Poller(here=False, who=ANA))
    assert lines(None, state) == ["checkout-v42/1  watching, stage 1/5 one, polled by ana@bastion-1 pid 4242"]


def test_a_row_of_the_journal_that_is_not_believed_is_a_line_once() -> None:
    story = passing()
    row = UnbelievedRow(41, "eve", "no decision closes the rollout")
    bad = replace(story.seen, unbelieved=(row,), unbelieved_count=1)
    line = "1 row of the journal is not believed: seq 41, by eve: no decision closes the rollout"
    assert lines(story.seen, bad) == [line]
    assert lines(bad, bad) == []
    assert lines(None, bad)[1:] == [line]


def test_nothing_new_is_no_line() -> None:
    story = passing()
    before = story.seen
    story.flow(20)
    assert lines(before, story.seen) == []


def test_a_decision_and_what_it_changed_are_a_line_each() -> None:
    story = passing()
    before = story.seen
    story.decide(Verb.HALT, reason="pages")
    assert lines(before, story.seen) == ["halt by ana: pages", "halted, stage 1/5 one"]


def test_the_journal_failing_and_the_lease_moving_are_told() -> None:
    before = with_local(passing().seen, poller=Poller(here=False, who=ANA))
    after = with_local(before, poller=Poller(here=True), journal=JournalHealth("disk full", 1))
    assert lines(before, after) == ["UNJOURNALED: disk full", "polls"]


def test_the_log_is_told_line_by_line_though_its_beginning_is_cut_off() -> None:
    story = passing()
    story.observe("edge", 20)
    before = story.seen
    story.observe("edge", 30)
    after = replace(story.seen, log=story.seen.log[-1:])
    assert len([line for line in lines(before, after) if line.startswith("drift")]) <= 1


# -- watch -------------------------------------------------------------------------------------------------------------


async def test_watch_outlives_its_terminal_and_ends_cleanly_on_sigterm(sh: Shell, tmp_path: Path) -> None:
    await does(sh, "promote")
    written = tmp_path / "watch.out"
    command = f'exec "$@" > {written} 2>&1'
    async with terminal(["sh", "-c", command, "sh", *WARROOM, *sh.arguments("watch")]) as seat:
        async with asyncio.timeout(PATIENCE_S):
            while not written.exists() or "one/1  watching, stage 1/3 five" not in written.read_text():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        seat.process.send_signal(signal.SIGHUP)
        assert await does(sh, "halt", "--reason", "pages") == 0
        async with asyncio.timeout(PATIENCE_S):
            while "halted, stage 1/3 five" not in written.read_text():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        seat.process.send_signal(signal.SIGTERM)
        assert await seat.ended() == 0
    said = [line.split("  ", 1)[1] for line in written.read_text().splitlines()]
    assert said[0].startswith("one/1  watching, stage 1/3 five")
    assert any(line.startswith("halt by ") and line.endswith(": pages") for line in said)
    assert said[-1] == "watch ends"


async def test_watch_waits_for_a_rollout_and_for_the_next_one(sh: Shell, tmp_path: Path) -> None:
    written = tmp_path / "watch.out"
    with written.open("wb") as out:
        watching = await asyncio.create_subprocess_exec(*WARROOM, *sh.arguments("watch"), stdout=out)

    async def until(words: str, times: int = 1) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while written.read_text().count(words) < times:  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.05)

    await until("no rollout of one is open")
    await does(sh, "promote")
    await until("one/1  ")
    await does(sh, "close", "--override", "--reason", "enough")
    await until("no rollout of one is open", 2)
    await does(sh, "note", "--reason", "again")
    await until("one/2  ")
    watching.terminate()
    assert await watching.wait() == 0


async def test_watch_answers_at_its_gates_with_no_while_nothing_is_open(sh: Shell, tmp_path: Path) -> None:
    written = tmp_path / "watch.out"
    with written.open("wb") as out:
        watching = await asyncio.create_subprocess_exec(
            *WARROOM, *sh.arguments("watch"), "--gates", "0", stdout=out, stderr=out
        )
    async with asyncio.timeout(PATIENCE_S):
        while "no rollout of one is open" not in written.read_text():  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.05)
    (port,) = re.findall(r"answering gate webhooks on 127\.0\.0\.1:([0-9]+)", written.read_text())
    async with httpx.AsyncClient() as client:
        said = await client.post(f"http://127.0.0.1:{port}/flagger/confirm-rollout", content=b"{}")
    assert (said.status_code, said.text) == (403, "not now: no rollout is open\n")
    watching.terminate()
    assert await watching.wait() == 0


async def test_watch_tells_a_no_at_its_gates_once(sh: Shell, tmp_path: Path) -> None:
    await does(sh, "promote")
    written = tmp_path / "watch.out"
    with written.open("wb") as out:
        watching = await asyncio.create_subprocess_exec(
            *WARROOM, *sh.arguments("watch"), "--gates", "0", stdout=out, stderr=out
        )
    async with asyncio.timeout(PATIENCE_S):
        while "one/1  " not in written.read_text():  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.05)
    (port,) = re.findall(r"answering gate webhooks on 127\.0\.0\.1:([0-9]+)", written.read_text())
    async with httpx.AsyncClient() as client:
        for _ in range(3):
            await client.post(f"http://127.0.0.1:{port}/flagger/rollback", content=b'{"name": "x", "namespace": "y"}')
    watching.terminate()
    assert await watching.wait() == 0
    said = [line.split("  ", 1)[1] for line in written.read_text().splitlines()]
    assert said.count("gate: a question at rollback answered no: not a target of this plan") == 1
    assert said[-1] == "watch ends"


def test_a_gate_that_cannot_be_listened_on_is_one_line(sh: Shell) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert sh.run("watch", "--gates", str(port)) == Exit.USAGE
        assert sh.complaint == f"warroom: cannot listen on 127.0.0.1:{port}: Address already in use"
    assert sh.run("watch", "--gates", "nowhere") == Exit.USAGE
    assert sh.complaint == "warroom: 'nowhere' is not PORT or ADDRESS:PORT"


def test_an_observers_shell_is_refused_what_goes_forward(sh: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    sh.run("promote")
    monkeypatch.setenv("WARROOM_OBSERVE", "1")
    assert sh.run("promote") == Exit.REFUSED
    assert (
        sh.complaint == "promote refused: WARROOM_OBSERVE is set, so this shell only observes; halt and rollback work"
    )
    assert sh.run("note", "--reason", "x") == Exit.REFUSED
    assert sh.run("halt") == Exit.OK
    assert sh.run("status") == Exit.OK
