"""Program output that the pages quote is what the program prints."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from console.cli import main
from console.journal.sqlite import SqliteJournal
from tests.journal_rig import RUN, note, opening
from tests.markdown import ROOT, blocks, page

QUOTES = {
    "docs/operating.md": [
        ("a rollback is under way, it goes on", ["a rollback is under way, it goes on"]),
        ("prom: TLS IS NOT VERIFIED: HOST may be an impostor", ["TLS IS NOT VERIFIED: ", " may be an impostor"]),
        ("traceback in FILE", ["traceback in "]),
    ],
    "docs/journal.md": [
        ("NOT GUARDED: trigger events_no_delete is missing", ["NOT GUARDED: ", " is missing"]),
        ("held in memory", ["held in memory"]),
        ("kept in a file", ["kept in a file"]),
        ("was removed or replaced", ["was removed or replaced"]),
        ("MOVED AGAIN", ["MOVED AGAIN"]),
    ],
    "docs/bench-faults.md": [
        (
            "IN DOUBT: api may or may not have taken 10 %; the next read shows it",
            ["IN DOUBT: ", " may or may not have taken ", "; the next read shows it"],
        ),
        ("edge FAILED (no such host): no promote until fresh, h and r work", ["no promote until fresh, h and r work"]),
        ("reading edge to find out", ["; reading ", " to find out"]),
        ("NOT SET ten (..): p sends again, r rolls back", ["NOT SET", "sends again", ", r rolls back"]),
    ],
    "docs/kubernetes.md": [
        ("*waits for a promote*", ["waits for a promote"]),
        ("*PAUSED BY HAND*", ["PAUSED BY HAND"]),
        ("*continues in ", ["continues "]),
        ("you lack patch on rollouts/status in shop", ["you lack "]),
        ("cart:2 (template 5d41402a)", [" (template "]),
    ],
    "docs/room.md": [
        (
            "the pen is with anna (seen 12 s ago): take it (t) or ask",
            ["the pen is with ", "seen ", " s ago", ": take it (t) or ask"],
        ),
        ("OBSERVING", ["OBSERVING"]),
        ("FREEZE", ["FREEZE"]),
    ],
    "docs/verdicts.md": [
        ("2x shows in ~7 min", ["x shows in ", " min"]),
        ("2.3x over stage", [" over stage"]),
        ("TRAFFIC MISMATCH", ["TRAFFIC MISMATCH"]),
        ("WARMING UP", ["WARMING UP"]),
        ("INCONCLUSIVE", ["INCONCLUSIVE"]),
    ],
}
"""Page -> its quotes, each with the fixed parts of the text in the program."""


@pytest.fixture(scope="module")
def texts() -> str:
    """Every text in the program's sources but its docstrings; the parts of an f-string are apart."""
    found: list[str] = []
    for room in ("adapters", "console", "widgets"):
        for file in (ROOT / room).rglob("*.py"):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
            found += [
                node.value
                for node in ast.walk(tree)
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare
            ]
    return "\n".join(found)


@pytest.mark.parametrize("name", QUOTES)
def test_every_quote_is_on_its_page_and_in_the_program(name: str, texts: str) -> None:
    text = " ".join(page(name).split())
    wrong = [quote for quote, parts in QUOTES[name] if quote not in text or any(part not in texts for part in parts)]
    assert wrong == []


def test_the_plan_of_the_readme_gets_the_advice_that_the_plan_page_quotes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNLEASH_TOKEN", "not-asked-for")
    plan = blocks(page("README.md"), "yaml")[0]
    (tmp_path / "plan.yaml").write_text(
        plan.replace("    limit: 5%", "    traffic: {rate: 400/s, bad: 0.1%}\n    limit: 5%"), encoding="utf-8"
    )
    assert main(["check", str(tmp_path / "plan.yaml")]) == 0
    quoted = re.findall(r"^    (errors: 400 req/s.*|  stage smoke: .*)$", page("docs/plan.md"), re.MULTILINE)
    printed = capsys.readouterr().out.splitlines()
    assert len(quoted) == 2
    assert [line for line in quoted if line not in printed] == []


def test_log_verify_prints_what_the_journal_page_shows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal = SqliteJournal(tmp_path / "journal.db")
    for rollout in (RUN, "search/1"):
        journal.append(rollout, opening())
        journal.append(rollout, note("hello"))
    journal.close()
    assert main(["log", "verify", "--journal", str(tmp_path / "journal.db")]) == 0
    shown = re.search(r"^    \$ warroom log verify\n((?:    [^$\n].*\n)+)", page("docs/journal.md"), re.MULTILINE)
    assert shown is not None
    assert _shape(capsys.readouterr().out) == _shape(shown[1])


def _shape(text: str) -> list[str]:
    """The lines of `text` without the values that differ from journal to journal."""
    values = r"/\S+(?=:)|\b[0-9a-f]{4,}(?:\.\.\.)?\b(?!-)|\b\d[\d.:TZ-]*|\w[\w-]*/\d+"
    return [" ".join(re.sub(values, "_", line).replace("...", "").split()) for line in text.splitlines()]
