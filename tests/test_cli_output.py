"""A verb does what it was told and exits as it ended, whoever reads its words."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from console.journal.sqlite import SqliteJournal
from tests.terminal import WARROOM

PLAN = """
warroom: 1
rollout: quiet
backends: {world: {adapter: embedded}}
targets: {api: {backend: world, canary: canary, baseline: stable}}
timing: {poll: 200ms, tick: 1s, write_deadline: 500ms}
stages: [{name: one, set: {api: 5}}]
rollback: [{id: traffic, set: {api: 0}}]
"""


def _run(folder: Path, verb: str, redirect: str) -> int:
    (folder / "plan.yaml").write_text(PLAN, encoding="utf-8")
    command = [*WARROOM, verb, str(folder / "plan.yaml"), "--journal", str(folder / "journal.db")]
    return subprocess.run(["bash", "-c", f'"$@" {redirect}', "-", *command], check=False, timeout=60).returncode


@pytest.mark.parametrize("redirect", [">&- 2>&-", ">/dev/full 2>/dev/full", "> >(true) 2> >(true)"])
@pytest.mark.parametrize("verb", ["promote", "halt", "rollback"])
def test_a_verb_is_carried_out_though_nobody_can_read_its_words(tmp_path: Path, verb: str, redirect: str) -> None:
    assert _run(tmp_path, verb, redirect) == 0
    journal = SqliteJournal(tmp_path / "journal.db")
    assert [decided.verb for decided in journal.decisions()] == [verb]
    journal.close()


def test_a_log_that_cannot_be_written_out_is_a_fault_and_no_traceback(tmp_path: Path) -> None:
    assert _run(tmp_path, "promote", ">/dev/null 2>&1") == 0
    command = [*WARROOM, "log", "--journal", str(tmp_path / "journal.db")]
    ended = subprocess.run(["bash", "-c", '"$@" >/dev/full', "-", *command], check=False, capture_output=True)
    assert ended.returncode == 1
    assert ended.stderr.decode().count("\n") == 1
