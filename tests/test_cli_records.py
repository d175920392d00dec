"""`log verify | export | prune` and `journal init` at a shell: what they say, change, refuse, and how they exit."""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from console.cli import main
from console.cli.exits import Exit
from console.events.evidence import Verb
from console.events.kinds import DecisionTaken, Noted
from console.journal.sqlite import SqliteJournal
from tests.journal_rig import ANA, AT, RUN, close_decision, note, opening, sample
from tests.journal_rig import closing as ended
from tests.rollout_rig import empty_card

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal of two rollouts: checkout/1 is closed, search/1 is open; both have samples."""
    made = tmp_path / "journal.db"
    journal = SqliteJournal(made)
    for rollout in (RUN, "search/1"):
        journal.append(rollout, opening())
        journal.append_samples(rollout, [sample("s0"), sample("s1")])
        journal.append(rollout, note(f"about {rollout}"))
    journal.append(RUN, close_decision())
    journal.append(RUN, ended())
    journal.close()
    return made


def run(capsys: Capture, path: Path, *words: str) -> tuple[int, str, str]:
    code = main([*words, "--journal", str(path)])
    out, err = capsys.readouterr()
    return code, out, err


def edit(path: Path, statement: str) -> None:
    """Change the file as somebody who can write it, and leave every trigger as it was."""
    with closing(sqlite3.connect(path)) as attacker:
        triggers = attacker.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            attacker.execute(f"DROP TRIGGER {name}")
        attacker.execute(statement)
        for _, text in triggers:
            attacker.execute(text)
        attacker.commit()


def head(capsys: Capture, path: Path, *words: str) -> str:
    _, out, _ = run(capsys, path, "log", "verify", *words)
    found = re.search(r"^head ([0-9a-f]{64})", out, re.MULTILINE)
    assert found is not None
    return found[1]


def test_verify_prints_the_head_to_be_pinned(path: Path, capsys: Capture) -> None:
    code, out, _ = run(capsys, path, "log", "verify")
    assert code == Exit.OK
    assert f"journal {path}: 6 events of 2 rollouts, each follows the one before it" in out
    assert "after event 6, checkout/1 seq 4, 2026-03-02T12:00:00Z" in out
    assert "keep the head elsewhere" in out


def test_verify_of_one_rollout_prints_its_own_head(path: Path, capsys: Capture) -> None:
    code, out, _ = run(capsys, path, "log", "verify", RUN)
    assert code == Exit.OK
    assert out.startswith("checkout/1: 4 events, each")


def test_verify_names_the_first_broken_event_and_has_an_exit_code_of_its_own(path: Path, capsys: Capture) -> None:
    edit(path, "UPDATE events SET who = 'eve' WHERE id = 3")
    code, _, err = run(capsys, path, "log", "verify")
    assert (code, int(Exit.TAMPERED)) == (Exit.TAMPERED, 7)
    assert "CHAIN BROKEN at event 3, search/1 seq 1: its content was changed" in err
    assert "the 2 events before it are intact, up to event 2, checkout/1 seq 2" in err


def test_a_pinned_head_is_still_good_after_more_was_recorded(path: Path, capsys: Capture) -> None:
    pinned = head(capsys, path)
    journal = SqliteJournal(path)
    journal.append("search/1", note("more"))
    journal.close()
    code, out, _ = run(capsys, path, "log", "verify", "--pinned", pinned)
    assert code == Exit.OK
    assert "all events up to it are unchanged; 1 event since" in out


@pytest.mark.parametrize("of", [(), (RUN,)])
def test_a_removed_tail_is_found_by_the_pinned_head(path: Path, capsys: Capture, of: tuple[str, ...]) -> None:
    pinned = head(capsys, path, *of)
    edit(path, "DELETE FROM events WHERE id = 6")
    assert run(capsys, path, "log", "verify", *of)[0] == Exit.OK
    code, _, err = run(capsys, path, "log", "verify", *of, "--pinned", pinned)
    assert code == Exit.TAMPERED
    assert "the pinned head is not in it" in err


def test_a_rollout_that_is_gone_is_found_by_its_pinned_head(path: Path, capsys: Capture) -> None:
    pinned = head(capsys, path, RUN)
    edit(path, "DELETE FROM events WHERE rollout = 'checkout/1'")
    code, out, err = run(capsys, path, "log", "verify", RUN, "--pinned", pinned)
    assert (code, out) == (Exit.TAMPERED, "")
    assert f"no events of a rollout '{RUN}', so the pinned head is not in it" in err


def test_a_journal_without_events_says_so_and_does_not_hold_what_was_pinned(path: Path, capsys: Capture) -> None:
    pinned = head(capsys, path)
    empty = path.with_name("empty.db")
    SqliteJournal(empty).close()
    code, _, err = run(capsys, empty, "log", "verify", "--pinned", pinned)
    assert (code, err) == (Exit.TAMPERED, f"warroom: CHAIN BROKEN: {_no_events(empty)}\n")
    assert run(capsys, empty, "log", "verify")[:2] == (Exit.OK, f"journal {empty}: no events\n")


def _no_events(journal: Path) -> str:
    why = "so the pinned head is not in it: events were removed, or this is another journal"
    return f"journal {journal}: no events, {why}"


@pytest.mark.parametrize("pinned", ["", "abc", "z" * 64])
def test_a_pinned_head_that_is_none_is_a_wrong_argument(path: Path, capsys: Capture, pinned: str) -> None:
    code, _, err = run(capsys, path, "log", "verify", "--pinned", pinned)
    assert (code, err.count("\n")) == (Exit.USAGE, 1)


@pytest.mark.parametrize("of", [[], [RUN]], ids=["journal", "rollout"])
@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DROP TRIGGER events_no_delete", "trigger events_no_delete is missing"),
        (
            "DROP TRIGGER events_no_update; "
            "CREATE TRIGGER events_no_update BEFORE UPDATE ON events BEGIN SELECT 1; END",
            "trigger events_no_update was changed",
        ),
        ("DROP INDEX events_move", "index events_move is missing"),
        (
            "CREATE TRIGGER odd BEFORE INSERT ON events BEGIN SELECT RAISE(IGNORE); END",
            "trigger odd is not warroom's",
        ),
        (
            "DROP TRIGGER samples_no_update; DROP TRIGGER events_no_replace",
            "trigger samples_no_update is missing; trigger events_no_replace is missing",
        ),
    ],
)
def test_verify_says_in_one_line_that_edits_are_not_refused_any_more(
    path: Path, capsys: Capture, statement: str, said: str, of: list[str]
) -> None:
    with closing(sqlite3.connect(path)) as attacker:
        attacker.executescript(statement)
    code, out, err = run(capsys, path, "log", "verify", *of)
    assert code == Exit.TAMPERED
    assert "each follows the one before it\nhead " in out
    assert err == f"warroom: NOT GUARDED: {said}: events can be edited; docs/journal.md says how to repair it\n"


def test_verify_of_a_broken_chain_says_so_before_it_says_that_edits_are_not_refused(
    path: Path, capsys: Capture
) -> None:
    edit(path, "UPDATE events SET who = 'eve' WHERE id = 2")
    with closing(sqlite3.connect(path)) as attacker:
        attacker.execute("DROP TRIGGER events_no_delete")
    code, _, err = run(capsys, path, "log", "verify")
    lines = err.splitlines()
    assert code == Exit.TAMPERED
    assert lines[0].startswith("warroom: CHAIN BROKEN at event 2")
    assert lines[-1].startswith("warroom: NOT GUARDED: trigger events_no_delete is missing")


def test_verify_of_a_journal_that_may_only_be_read_tells_what_is_missing_too(path: Path, capsys: Capture) -> None:
    with closing(sqlite3.connect(path)) as attacker:
        attacker.execute("DROP TRIGGER events_no_delete")
    journal = SqliteJournal(path, read_only=True)
    assert journal.alterations() == ["trigger events_no_delete is missing"]
    journal.close()


@pytest.mark.parametrize("action", ["verify", "export", "prune"])
def test_a_rollout_that_is_not_there_is_a_wrong_argument(path: Path, capsys: Capture, action: str) -> None:
    code, _, err = run(capsys, path, "log", action, "nothing/1")
    assert code == Exit.USAGE
    assert "'nothing/1'" in err and err.count("\n") == 1


@pytest.mark.parametrize("action", ["verify", "export", "prune"])
def test_a_journal_that_is_not_there_is_not_made(tmp_path: Path, capsys: Capture, action: str) -> None:
    code, _, err = run(capsys, tmp_path / "none.db", "log", action)
    assert (code, err.count("\n"), list(tmp_path.iterdir())) == (Exit.JOURNAL, 1, [])


def test_a_rollout_called_verify_is_still_told_by_log(path: Path, capsys: Capture) -> None:
    journal = SqliteJournal(path)
    journal.append("verify/1", opening())
    journal.append("verify/1", note("about verify"))
    journal.close()
    assert "about verify" in run(capsys, path, "log", "verify/1")[1]


def test_export_as_json_lines_holds_every_event_whole(path: Path, capsys: Capture) -> None:
    code, out, _ = run(capsys, path, "log", "export")
    lines = [json.loads(line) for line in out.splitlines()]
    assert (code, [(line["rollout"], line["seq"]) for line in lines]) == (
        Exit.OK,
        [("checkout/1", number) for number in range(1, 5)] + [("search/1", 1), ("search/1", 2)],
    )
    assert lines[1]["body"]["text"] == "about checkout/1"
    assert lines[2]["prev"] == lines[1]["hash"]
    assert lines[2]["body"]["card"]["verb"] == "close"


def test_export_of_one_plan_leaves_the_others_out(path: Path, capsys: Capture) -> None:
    _, out, _ = run(capsys, path, "log", "export", "search")
    assert {json.loads(line)["rollout"] for line in out.splitlines()} == {"search/1"}


def hostile(path: Path) -> None:
    """Words that would be a formula, a link, a heading, a command to the terminal."""
    journal = SqliteJournal(path)
    journal.append("search/1", Noted(at=AT, who=ANA, text='=HYPERLINK("http://evil","ok")'))
    journal.append(
        "search/1", Noted(at=AT, who=ANA, text="# head\n[link](http://evil) <b>\x1b]52;c;ZXZpbA==\x07|\u202e")
    )
    decision = DecisionTaken(at=AT, who=ANA, verb=Verb.HALT, stage=0, reason="@SUM(A1)", card=empty_card(Verb.HALT))
    journal.append("search/1", decision)
    journal.close()


def test_export_as_csv_has_no_formulas(path: Path, capsys: Capture) -> None:
    hostile(path)
    _, out, _ = run(capsys, path, "log", "export", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["kind"] for row in rows] == ["note", "decision", "note", "note", "note", "decision"]
    assert rows[3]["text"] == """'=HYPERLINK("http://evil","ok")"""
    assert rows[5]["reason"] == "'@SUM(A1)"
    assert not any(value.startswith(("=", "+", "-", "@")) for row in rows for value in row.values())


def test_export_as_markdown_tells_decisions_with_their_evidence(path: Path, capsys: Capture) -> None:
    hostile(path)
    _, out, _ = run(capsys, path, "log", "export", "--format", "md")
    assert out.startswith("# checkout/1\n\n## 2026-03-02 12:00:00Z ana: note\n\nabout checkout/1\n")
    assert "## 2026-03-02 12:00:00Z ana: close" in out
    assert "    close: start" in out
    assert "\\# head \\[link\\](http://evil) \\<b\\>" in out


@pytest.mark.parametrize("form", ["jsonl", "csv", "md"])
def test_no_export_acts_on_a_terminal(path: Path, capsys: Capture, form: str) -> None:
    hostile(path)
    _, out, _ = run(capsys, path, "log", "export", "--format", form)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", out)


def test_prune_removes_samples_of_closed_rollouts_alone_and_says_how_many(path: Path, capsys: Capture) -> None:
    code, out, _ = run(capsys, path, "log", "prune", "--dry-run")
    assert (code, out.splitlines()[0]) == (Exit.OK, "checkout/1: would remove 2 samples")
    code, out, _ = run(capsys, path, "log", "prune")
    assert out == "checkout/1: removed 2 samples\nremoved 2 samples; kept those of open rollouts: search/1\n"
    journal = SqliteJournal(path)
    assert (len(journal.tail_samples(RUN, 0)), len(journal.tail_samples("search/1", 0))) == (0, 2)
    journal.close()
    assert run(capsys, path, "log", "verify")[0] == Exit.OK


def test_prune_of_an_open_rollout_is_refused(path: Path, capsys: Capture) -> None:
    code, _, err = run(capsys, path, "log", "prune", "search/1")
    assert (code, err) == (Exit.REFUSED, "warroom: search/1 is open: only samples of closed rollouts are pruned\n")


@pytest.mark.parametrize("column", ["id", "seq", "rollout", "hash", "body"])
def test_a_table_made_anew_without_its_types_is_found_and_no_traceback(
    path: Path, capsys: Capture, column: str
) -> None:
    with closing(sqlite3.connect(path)) as attacker:
        attacker.executescript(
            f"""
            DROP VIEW decisions;
            CREATE TABLE other AS SELECT * FROM events;
            DROP TABLE events;
            ALTER TABLE other RENAME TO events;
            UPDATE events SET {column} = NULL WHERE id = 2;
            """  # noqa: S608 - a test's own columns
        )
    code, _, err = run(capsys, path, "log", "verify")
    assert code == Exit.TAMPERED
    assert err.startswith("warroom: CHAIN BROKEN")
