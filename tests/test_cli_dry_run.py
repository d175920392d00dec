"""`rollback --dry-run`: every call is printed, none is sent, nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli_rig import TIMING, Shell, shell

PLAN = f"""\
warroom: 1
rollout: one
{TIMING}
teams: {{payments: {{owner: "@lead"}}}}
backends: {{edge: {{adapter: embedded, latency: 0}}, flags: {{adapter: embedded, latency: 0}}}}
targets:
  api: {{backend: edge, kind: deploy}}
  web: {{backend: edge, kind: deploy}}
  page: {{backend: flags, kind: flag}}
stages:
  - {{name: ten, set: {{api: 10, page: 10}}}}
  - {{name: full, set: {{api: 100, web: 100, page: 100}}}}
rollback:
  - {{id: page-off, set: {{page: off}}}}
  - {{id: web-back, set: {{web: 0}}}}
  - {{id: api-back, set: {{api: 0}}, needs: [page-off], timeout: 30s}}
  - {{id: tell, manual: "say so in #incidents", needs: [api-back, web-back], team: payments}}
"""


@pytest.fixture
def sh(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return shell(tmp_path, capsys, PLAN)


def test_the_calls_are_printed_in_the_order_in_which_they_would_begin(sh: Shell) -> None:
    assert sh.run("promote") == 0
    world, events = sh.world(), sh.kinds()
    assert sh.run("rollback", "--dry-run") == 0
    assert [line for line in sh.out.splitlines() if not line.startswith("!")] == [
        "1. 2 steps, at once",
        "   page-off, within 0.7 s",
        "      flags: embedded: page -> off",
        "   web-back, within 0.7 s",
        "      no call: web already reads 0 %",
        "2. 1 step",
        "   api-back, after page-off, within 30 s",
        "      edge: embedded: api -> 0 %",
        "3. 1 step",
        "   tell, after api-back and web-back: BY HAND (payments: @lead): say so in #incidents",
    ]
    assert "nothing is sent, nothing is written" in sh.err
    assert (sh.world(), sh.kinds()) == (world, events)


def test_past_a_one_way_stage_the_dry_run_advises_against_it(sh: Shell) -> None:
    sh.edit(PLAN.replace("page: 10}}", "page: 10}, one_way: true}"))
    assert sh.run("promote") == 0
    sh.run("rollback", "--dry-run")
    assert sh.out.splitlines()[0] == ("! PAST THE POINT OF NO RETURN (ten): freeze (h) or roll forward instead")


def test_without_an_open_rollout_the_plans_own_steps_are_rehearsed_and_no_journal_is_made(sh: Shell) -> None:
    assert sh.run("rollback", "--dry-run") == 0
    assert "no call: page already reads off" in sh.out
    assert not sh.journal.exists()


def test_without_an_open_rollout_derived_steps_are_not_known(sh: Shell) -> None:
    sh.edit(PLAN.split("rollback:")[0])
    assert sh.run("rollback", "--dry-run") == 3
    assert "no open rollout" in sh.complaint


def test_a_journal_that_cannot_be_read_keeps_nobody_from_rehearsing(sh: Shell) -> None:
    sh.journal.write_bytes(b"not a database, but a letter to mother" * 100)
    assert sh.run("rollback", "--dry-run") == 0
    assert "not a database" in sh.err
    assert "1. 2 steps, at once" in sh.out


def test_a_step_is_skipped_from_the_command_line_by_naming_it(sh: Shell) -> None:
    sh.edit(
        PLAN.replace(
            "flags: {adapter: embedded, latency: 0}", "flags: {adapter: embedded, refuse: [page], opening: {page: 10}}"
        )
    )
    sh.run("promote")
    assert sh.run("rollback") == 3
    assert sh.run("skip", "page-off") == 3
    assert sh.complaint == "skip refused: it needs a reason"
    assert sh.run("skip", "page-off", "--reason", "the flag service is gone") == 0
    assert sh.run("rollback") == 3
    assert "not rolled back: page-off skipped by " in sh.err
    assert "; by hand: tell (warroom confirm PLAN --subject STEP)" in sh.err
    assert sh.run("confirm", "--subject", "tell") == 0
    assert sh.run("close") == 3
    assert "page-off skipped by" in sh.complaint
