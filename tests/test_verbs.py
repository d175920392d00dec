"""The headless verbs: what they do, say, and exit with. In this process; test_cli runs the installed command."""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from console.cli import main
from console.events.kinds import DecisionTaken
from tests.cli_rig import MANUAL, PLAN, Shell, shell

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def sh(tmp_path: Path, capsys: Capture) -> Shell:
    return shell(tmp_path, capsys)


# -- 0: done -----------------------------------------------------------------------------------------------------------


def test_promote_opens_promotes_reads_back_and_says_so(sh: Shell) -> None:
    assert sh.run("promote") == 0
    assert sh.out == "five confirmed: stage 1\n"
    assert sh.err == f"warroom: opened one/1 in journal {sh.journal}: a rollback restores the current readings\n"
    assert len(sh.world()) == 1


def test_an_opening_says_of_which_targets_it_knows_no_before(tmp_path: Path, capsys: Capture) -> None:
    gone = PLAN.replace("{adapter: embedded, latency: 0}", f"{{adapter: haproxy, socket: {tmp_path}/gone.sock}}")
    sh = shell(tmp_path, capsys, gone.replace("kind: deploy", "canary: canary, baseline: stable"))
    assert sh.run("promote") == 3
    assert "restores the current readings; UNKNOWN for api, which could not be read" in sh.err
    assert sh.complaint == "promote refused: stage unknown: say where it stands (s, or warroom place)"


def test_every_stage_until_complete_and_closed(sh: Shell) -> None:
    codes = [sh.run("promote") for _ in range(3)]
    beyond = sh.run("promote")
    said = sh.err
    assert (codes, beyond) == ([0, 0, 0], 3)
    assert "the last stage is reached" in said
    assert sh.run("close") == 0
    assert sh.kinds()[-1] == "rollout_closed"


def test_a_manual_stage_takes_its_word(tmp_path: Path, capsys: Capture) -> None:
    sh = shell(tmp_path, capsys, MANUAL)
    sh.run("promote")
    assert sh.run("promote") == 3
    assert "by typing 'migrate'" in sh.err
    assert sh.run("promote", "--confirm", "migrate") == 0
    assert sh.out == "migrate confirmed: stage 2\n"


def test_halt_resume_and_what_a_halt_refuses(sh: Shell) -> None:
    sh.run("promote")
    assert (sh.run("halt", "--reason", "lunch"), sh.out) == (0, "halted\n")
    assert (sh.run("promote"), sh.complaint) == (3, "promote refused: halted: resume first (u)")
    assert (sh.run("resume"), sh.out) == (0, "resumed\n")
    assert sh.run("promote") == 0


def test_rollback_takes_everything_back_and_waits_for_the_readings(sh: Shell) -> None:
    sh.run("promote")
    assert (sh.run("rollback", "--reason", "errors"), sh.out) == (0, "rolled back\n")
    assert sh.kinds().count("step_done") == 1
    assert sh.run("close") == 0


def test_a_halt_with_nothing_to_stop_is_no_failure_and_keeps_its_reason(tmp_path: Path, capsys: Capture) -> None:
    sh = shell(tmp_path, capsys, MANUAL)
    sh.run("promote")
    assert [sh.run("halt"), sh.run("halt")] == [0, 0]
    assert sh.out == "nothing to halt: halted already\n"
    sh.run("rollback")
    under_way = "nothing to halt: a rollback is under way, it goes on"
    assert (sh.run("halt", "--reason", "alarm at 3"), sh.out) == (0, f"{under_way}\n")
    noted = [event.text for event in sh.events() if event.kind == "noted"]
    assert noted == [f"halt: {under_way}; alarm at 3"]
    assert sum(event.kind == "decision_taken" and event.verb == "halt" for event in sh.events()) == 1


def test_a_rollback_names_what_is_left_to_do_by_hand_and_confirm_does_it(tmp_path: Path, capsys: Capture) -> None:
    sh = shell(tmp_path, capsys, MANUAL)
    sh.run("promote")
    assert sh.run("rollback") == 0
    assert sh.out == "rolled back; by hand: tell (warroom confirm PLAN --subject STEP)\n"
    assert sh.run("confirm", "--subject", "tell") == 0
    assert sh.run("close") == 0
    assert (sh.events()[-1].model_dump()["how"]) == "rolled_back"


def test_past_a_one_way_stage_a_rollback_takes_its_word(tmp_path: Path, capsys: Capture) -> None:
    sh = shell(tmp_path, capsys, MANUAL)
    sh.run("promote")
    sh.run("promote", "--confirm", "migrate")
    assert sh.run("rollback") == 3
    assert "by typing 'rollback'" in sh.err
    assert sh.run("rollback", "--confirm", "rollback") == 0


def test_a_note_opens_a_rollout_if_none_is_open(sh: Shell) -> None:
    assert (sh.run("note", "--reason", "starting at ten"), sh.out) == (0, "noted\n")
    assert sh.kinds() == ["rollout_opened", "noted"]


def test_an_ambiguous_opening_is_placed(sh: Shell) -> None:
    sh.edit(PLAN.replace("latency: 0", "latency: 0, opening: {api: 25}"))
    assert sh.run("promote") == 3
    assert "api read 25 % at the opening: say what it was before" in sh.err
    assert sh.run("place", "--before", "api=0") == 0
    assert (sh.run("promote"), "stage unknown" in sh.err) == (3, True)
    assert sh.run("place", "--subject", "1", "--reason", "seen in the deploy log") == 0
    assert sh.run("promote", "--expect-stage", "1") == 0
    assert sh.out == "half confirmed: stage 2\n"


def test_a_drift_and_an_edited_plan_are_accepted(sh: Shell) -> None:
    sh.run("promote")
    with next(sh.folder.glob("world-*.jsonl")).open("a") as log:
        log.write(sh.world()[-1].replace('"percent": 5', '"percent": 30') + "\n")
    assert (sh.run("promote"), sh.complaint) == (
        3,
        "promote refused: api drifted 5 % -> 30 % by warroom: accept it (a) or undo it",
    )
    assert sh.run("accept", "--subject", "api") == 0
    sh.edit(PLAN.replace("{name: half, set: {api: 50}}", "{name: third, set: {api: 33}}"))
    assert sh.run("promote") == 3
    assert sh.run("accept", "--subject", "plan") == 0
    assert (sh.run("promote"), sh.out) == (0, "third confirmed: stage 2\n")


# -- 2: usage ----------------------------------------------------------------------------------------------------------


def test_a_plan_with_errors_is_two_with_its_lines(sh: Shell) -> None:
    sh.edit(PLAN.replace("api: 50", "web: 50"))
    assert sh.run("promote") == 2
    assert "plan.yaml:8: stages[1].set.web" in sh.err


def test_a_backend_that_cannot_be_configured_is_two(sh: Shell) -> None:
    sh.edit(
        PLAN.replace("latency: 0", "latency: 0, seed: 1").replace(
            "}\ntargets", ", b: {adapter: embedded, seed: 2}}\ntargets"
        )
    )
    assert sh.run("promote") == 2
    assert "seed is 1 for one backend of this world and 2 for another" in sh.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["promote"],
        ["promote", "p.yaml", "--expect-stage", "one"],
        ["promote", "p.yaml", "--expect-stage=-1"],
        ["no-such-verb"],
        ["halt", "--nonsense"],
    ],
)
def test_wrong_arguments_are_two(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


# -- 3: refused --------------------------------------------------------------------------------------------------------


def test_a_backend_that_refuses_is_three(sh: Shell) -> None:
    sh.edit(PLAN.replace("latency: 0", "latency: 0, refuse: [api]"))
    assert sh.run("promote") == 3
    assert sh.err.splitlines()[-1] == ("promote: api -> 5 % refused: api may not be changed (simulated refusal)")


def test_a_rollback_that_is_refused_is_three_and_says_which_step(sh: Shell) -> None:
    sh.run("promote")
    sh.edit(PLAN.replace("latency: 0", "latency: 0, refuse: [api]"))
    sh.run("accept", "--subject", "plan")
    assert sh.run("rollback") == 3
    assert "not rolled back: api-back refused: api may not be changed" in sh.err


def test_an_override_needs_a_reason(sh: Shell) -> None:
    sh.edit(PLAN.replace("{name: five, set: {api: 5}}", "{name: five, set: {api: 5}, bake: 10m}"))
    sh.run("promote")
    assert sh.run("promote") == 3
    assert "override with a reason" in sh.err
    assert sh.run("promote", "--override") == 3
    assert "an override needs a reason" in sh.err
    assert sh.run("promote", "--override", "--reason", "the incident is elsewhere") == 0
    decided = [event for event in sh.events() if isinstance(event, DecisionTaken)][-1]
    assert (decided.override or "").startswith("baked 0:0")


def test_an_empty_note_is_three_and_opens_nothing(sh: Shell) -> None:
    assert (sh.run("note"), sh.complaint) == (3, "note refused: its text is empty: give --reason TEXT")
    assert not sh.journal.exists()


@pytest.mark.parametrize(
    ("verb", "more"), [("confirm", ["--subject", "x"]), ("resume", []), ("accept", []), ("place", [])]
)
def test_a_verb_without_its_occasion_is_three(sh: Shell, verb: str, more: list[str]) -> None:
    sh.run("note", "--reason", "begin")
    assert sh.run(verb, *more) == 3
    assert f"{verb} refused: " in sh.err
    assert "no open rollout" not in sh.err


# -- 4: unknown --------------------------------------------------------------------------------------------------------


def test_a_backend_that_does_not_answer_is_four(sh: Shell) -> None:
    sh.edit(PLAN.replace("latency: 0", "latency: 0, hang: [api]"))
    assert sh.run("promote") == 4
    assert "promote: api -> 5 % unknown: no answer within 0.3 s; reading edge to find out" in sh.err


def test_a_rollback_without_an_answer_is_four(sh: Shell) -> None:
    sh.run("promote")
    sh.edit(PLAN.replace("latency: 0", "latency: 0, hang: [api]"))
    sh.run("accept", "--subject", "plan")
    assert sh.run("rollback") == 4
    assert "not rolled back: api-back in doubt" in sh.err


# -- 5: moved ----------------------------------------------------------------------------------------------------------


def test_another_stage_than_expected_is_five(sh: Shell) -> None:
    assert sh.run("promote", "--expect-stage", "0") == 0
    assert sh.run("promote", "--expect-stage", "0") == 5
    by = rf"by \S+@\S+ pid {os.getpid()} at \d\d:\d\d:\d\dZ: promote to five confirmed"
    assert re.fullmatch(
        rf"promote refused: moved {by}; you saw 0 stages reached, now 1 of 3 reached; look again", sh.complaint
    )
    assert len(sh.world()) == 1


# -- 6: journal --------------------------------------------------------------------------------------------------------


def test_a_journal_that_is_no_database_is_six_for_a_promote(sh: Shell) -> None:
    sh.journal.write_bytes(b"a letter to mother" * 100)
    assert sh.run("promote") == 6
    assert sh.err.startswith(f"warroom: journal {sh.journal}: ")
    assert sh.world() == []


def test_a_journal_that_is_no_database_does_not_stop_a_rollback(tmp_path: Path, capsys: Capture) -> None:
    sh = shell(tmp_path, capsys, MANUAL.replace("latency: 0", "latency: 0, opening: {api: 30}"))
    sh.journal.write_bytes(b"a letter to mother" * 100)
    assert sh.run("rollback") == 6
    assert sh.complaint.startswith("rolled back; by hand: tell")
    assert f"but UNJOURNALED: journal {sh.journal}: " in sh.complaint
    assert sh.complaint.endswith("; the backends were changed: api -> 0 %")
    assert '"percent": 0' in sh.world()[-1]


def test_an_event_that_cannot_be_read_is_set_aside_and_stops_neither_a_promote_nor_a_rollback(
    tmp_path: Path, capsys: Capture
) -> None:
    sh = shell(tmp_path, capsys, MANUAL)
    sh.run("promote")
    with closing(sqlite3.connect(sh.journal)) as database:
        database.execute("DROP TRIGGER events_no_update")
        database.execute("UPDATE events SET body = '{}' WHERE kind = 'decision_taken'")
        database.commit()
    assert sh.run("note", "--reason", "still here") == 0
    assert sh.run("rollback") == 0
    assert sh.complaint.startswith("rolled back") or "rolled back" in sh.out
    assert '"percent": 0' in sh.world()[-1]
    assert sh.run("status") == 0
    assert "1 row of the journal is not believed: seq 2" in sh.out


def test_a_derived_rollback_does_not_guess_what_an_unreadable_journal_said(sh: Shell) -> None:
    sh.edit(PLAN.replace("latency: 0", "latency: 0, opening: {api: 30}"))
    sh.journal.write_bytes(b"a letter to mother" * 100)
    assert sh.run("rollback") == 6
    assert sh.complaint.startswith(f"rollback refused: journal {sh.journal}: ")
    assert "targets read: api 30 %; the plan has no rollback steps of its own" in sh.complaint
    assert not [line for line in sh.world() if '"opening"' not in line]


def test_a_journal_that_cannot_be_written_refuses_a_promote_and_lets_a_halt_through(sh: Shell) -> None:
    sh.run("promote")
    with closing(sqlite3.connect(sh.journal)) as database:
        database.execute("CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
        database.commit()
    assert sh.run("promote") == 6
    assert sh.complaint.startswith("promote refused: journal")
    assert sh.run("halt") == 6
    assert "UNJOURNALED: 1 event was not written to the journal; " in sh.err
    assert re.fullmatch(
        r"halted, but UNJOURNALED: journal .*: disk is full; "
        r"a halt that is not in the journal is not in force for other consoles",
        sh.complaint,
    )
    assert sh.run("rollback") == 6
    assert sh.complaint.startswith("rolled back, but UNJOURNALED: ")
    assert sh.complaint.endswith("; the backends were changed: api -> 0 %")


@pytest.mark.parametrize("command", ["promote", "halt", "status", "run", "demo"])
def test_an_empty_journal_is_two_and_not_the_default_one(sh: Shell, command: str, capsys: Capture) -> None:
    plan = [] if command == "demo" else [str(sh.plan)]
    assert main([command, *plan, "--journal", ""]) == 2
    assert "--journal is empty" in capsys.readouterr().err


def test_a_journal_url_of_an_unknown_kind_is_two(sh: Shell) -> None:
    assert main(["promote", str(sh.plan), "--journal", "mysql://db/warroom"]) == 2


def test_a_journal_server_that_cannot_be_reached_is_six(sh: Shell) -> None:
    assert main(["promote", str(sh.plan), "--journal", "postgresql://127.0.0.1:1/warroom"]) == 6
