"""Plans, journals and what backends say are data: never code, never a format string, never a YAML tag, never markup."""

from __future__ import annotations

import ast
from datetime import UTC, datetime
from pathlib import Path

import pytest

from console.events.kinds import Noted, Unrecognized, decode
from console.journal.sqlite import SqliteJournal
from console.plan.loader import parse
from console.plan.problems import PlanError
from tests.cli_rig import Shell, shell
from widgets.advice import advice_for

ROOT = Path(__file__).parent.parent
SOURCES = [path for room in ("adapters", "console", "widgets") for path in sorted((ROOT / room).rglob("*.py"))]
PAYLOADS = (
    "{0.__class__.__mro__}",
    "{state.plan}",
    "%(secret)s %s %n",
    "${HOME} $(id) `id`",
    "{{7*7}} <%= 7*7 %>",
    "[red]x[/red] [/nope] [@click=app.quit]x[/]",
    "__import__('os').system('id')",
)
PLAN = """\
warroom: 1
rollout: data
title: '{}'
timing: {{poll: 50ms, tick: 1s, read_deadline: 2s, write_deadline: 300ms}}
backends: {{edge: {{adapter: embedded, latency: 0}}}}
targets: {{api: {{backend: edge, kind: deploy}}}}
stages: [{{name: five, set: {{api: 5}}}}, {{name: by-hand, manual: '{}'}}]
rollback: [{{id: back, set: {{api: 0}}}}, {{id: tell, manual: '{}', needs: [back]}}]
"""


def written(payload: str) -> str:
    quoted = payload.replace("'", "''")
    return PLAN.format(quoted, quoted, quoted)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_plans_words_are_shown_as_they_are_written(
    payload: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sh = shell(tmp_path, capsys, written(payload))
    assert sh.run("promote") == 0
    assert sh.run("rollback", "--dry-run") == 0
    assert f"BY HAND: {payload}" in sh.out
    assert sh.run("note", "--reason", payload) == 0
    assert sh.run("log") == 0
    assert payload in sh.out


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.system [id]", "!include /etc/passwd", "!!binary aGk=", "!x y"]
)
def test_a_tag_in_a_plan_is_refused_and_nothing_is_made_of_it(tag: str) -> None:
    with pytest.raises(PlanError, match=r"tags .* are not used in a plan"):
        parse(written("words").replace("title: 'words'", f"title: {tag}"), "plan.yaml")


def test_a_kind_of_event_is_a_word_never_something_to_import() -> None:
    body = '{"id": "1", "at": "2026-03-02T12:00:00Z", "cmd": "id"}'
    for kind in ("os.system", "builtins:eval", "../../etc/passwd", "__class__", "model_validate"):
        event = decode(kind, body)
        assert isinstance(event, Unrecognized)
        assert event.said_kind == kind


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_journals_words_are_shown_as_they_are_written(
    payload: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sh: Shell = shell(tmp_path, capsys)
    assert sh.run("promote") == 0
    journal = SqliteJournal(sh.journal)
    journal.append("one/1", Noted(at=datetime.now(UTC), text=payload))
    journal.close()
    assert sh.run("log", "--json") == 0
    assert sh.run("log") == 0
    assert payload in sh.out
    assert advice_for(None)[0] == "calm"


FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "execfile", "input", "globals", "locals", "breakpoint"}
FORBIDDEN_IMPORTS = {"pickle", "marshal", "shelve", "dill", "jinja2", "yaml", "code", "codeop", "string"}
IMPORTS_BY_NAME = {"adapters/registry.py"}
"""Where a module may be imported by a name that is not written there."""
SHELL = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}


def called(node: ast.Call) -> str:
    return ast.unparse(node.func)


def offences(path: Path) -> list[str]:
    """What in a source could make code, a format or a shell command of data."""
    name = path.relative_to(ROOT).as_posix()
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        where = f"{name}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            found += [f"{where} imports {module}" for module in modules if module.split(".")[0] in FORBIDDEN_IMPORTS]
        if not isinstance(node, ast.Call):
            continue
        text = called(node)
        if text in FORBIDDEN_CALLS or text in SHELL:
            found.append(f"{where} calls {text}")
        if text in ("importlib.import_module", "import_module") and name not in IMPORTS_BY_NAME:
            found.append(f"{where} imports by name")
        composed = ast.unparse(node.func).startswith("sql.SQL(")  # quoted by the driver, identifiers only
        if (
            text.endswith((".format", ".format_map"))
            and not composed
            and not isinstance(getattr(node.func, "value", None), ast.Constant)
        ):
            found.append(f"{where} formats {text}")
        if any(word.arg == "shell" for word in node.keywords):
            found.append(f"{where} uses a shell")
    return found


def test_nothing_in_the_product_can_make_code_of_data() -> None:
    assert len(SOURCES) > 150
    assert [offence for path in SOURCES for offence in offences(path)] == []
