"""A verb on a journal in which no rollout is open: only going forward, a note and an emergency begin one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli_rig import MANUAL, PLAN, Shell, shell

Capture = pytest.CaptureFixture[str]
EXPOSED = "latency: 0, opening: {api: 30}"


@pytest.fixture
def exposed(tmp_path: Path, capsys: Capture) -> Shell:
    """A shell at a plan without rollback steps, with something exposed and no journal."""
    return shell(tmp_path, capsys, PLAN.replace("latency: 0", EXPOSED))


def steps(tmp_path: Path, capsys: Capture) -> Shell:
    """As `exposed`, with rollback steps in the plan."""
    return shell(tmp_path, capsys, MANUAL.replace("latency: 0", EXPOSED))


@pytest.mark.parametrize("verb", ["resume", "place", "accept", "confirm", "close"])
def test_a_verb_that_may_not_begin_a_rollout_says_what_stands_and_leaves_no_journal(exposed: Shell, verb: str) -> None:
    assert exposed.run(verb) == 3
    assert exposed.complaint == (
        f"{verb} refused: no open rollout of one in journal {exposed.journal}; targets read: api 30 %; "
        "check --journal; `warroom promote` or `warroom note` opens a rollout in this journal"
    )
    assert not exposed.journal.exists()


def test_a_rollback_without_steps_of_its_own_is_not_guessed_from_what_reads_now(exposed: Shell) -> None:
    assert (exposed.run("rollback"), exposed.out) == (3, "")
    assert f"no open rollout of one in journal {exposed.journal}; targets read: api 30 %" in exposed.complaint
    assert "give the right --journal, write `rollback:` steps into the plan" in exposed.complaint
    assert not [line for line in exposed.world() if '"opening"' not in line]
    assert not exposed.journal.exists()


def test_a_closed_rollout_is_no_open_one(tmp_path: Path, capsys: Capture) -> None:
    sh = shell(tmp_path, capsys)
    for verb in ("promote", "rollback", "close"):
        sh.run(verb)
    before = sh.kinds()
    assert (sh.run("rollback"), sh.run("close")) == (3, 3)
    assert sh.kinds() == before


def test_a_rollback_with_steps_of_its_own_works_and_says_loudly_that_none_was_open(
    tmp_path: Path, capsys: Capture
) -> None:
    sh = steps(tmp_path, capsys)
    assert sh.run("rollback") == 0
    assert sh.out.startswith("rolled back")
    assert f"NO ROLLOUT WAS OPEN in journal {sh.journal} (check --journal)" in sh.err
    assert '"percent": 0' in sh.world()[-1]


def test_a_halt_works_and_says_loudly_that_none_was_open(exposed: Shell) -> None:
    assert (exposed.run("halt"), exposed.out) == (0, "halted\n")
    assert f"NO ROLLOUT WAS OPEN in journal {exposed.journal}" in exposed.err
    assert exposed.kinds() == ["rollout_opened", "decision_taken"]


def test_a_verb_that_joins_says_which_rollout_in_which_journal(exposed: Shell) -> None:
    exposed.run("note", "--reason", "begin")
    exposed.run("halt")
    assert exposed.err == f"warroom: one/1 in journal {exposed.journal}\n"
