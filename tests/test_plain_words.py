"""The product speaks plainly: no name that is a riddle comes back, and the words that have to be decoded stay rare.

Reads syntax trees and tokens of the product's sources; runs nothing of them. Event kinds and plan keys are data, not
names, and are not looked at.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("console", "widgets", "adapters")
SOURCES = tuple(sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")))

OLD_MODULES = """
console/bench console/desk console/gatehouse
console/cli/lookout console/cli/lookouts console/cli/newplan console/cli/rehearsal console/cli/unopened
console/cli/ending console/cli/say
console/engine/hindsight console/engine/nudges console/engine/sightings console/engine/discretion
console/engine/keeper console/engine/asking console/engine/hold console/engine/forward console/engine/record
console/engine/crew console/engine/peek
console/state/asked console/state/taken console/state/climb console/state/course console/state/ladder
console/state/moves console/state/people console/state/crew
console/judge/standing console/judge/terms console/judge/circumstances
console/screens/terms console/screens/place console/check/sight console/check/hour
console/backtest/asked console/journal/absent console/journal/defuse console/journal/place console/manifests/place
adapters/points adapters/foreign adapters/urgency
adapters/deploy/argo/seen adapters/deploy/flagger/seen adapters/deploy/argo/back adapters/kube/mirror
adapters/embedded/seconds
widgets/owned widgets/now widgets/amounts widgets/marks widgets/course
""".split()  # noqa: SIM905

OLD_CLASSES = frozenset(
    """
    Hindsight Past Nudges Sightings Keeper Doorkeeper Said Holds Forwards Crew Desk Gatehouse Opening Course Mark Called
    Standing Terms Opened Circumstances Sight Hour AskedRecording AbsentJournal Place FilePlace ServerPlace
    Raced Late Broken Ask AskingBackend Seen Mirror Record Told NowLine
    """.split()  # noqa: SIM905
)

OLD_FUNCTIONS = frozenset(
    """
    told asked standing moved judged ticked standing_from asked_anew discreet untold defused leased
    let_go eased telling mute shaped clean reached watched opening
    """.split()  # noqa: SIM905
)

PARTICIPLES = frozenset(
    """
    told met held gone lost shown taken begun said seen left given made sent kept drawn known written born done found
    heard won bound built cut spent understood thought stood grown worn chosen forgotten hidden broken meant felt led
    paid shut
    """.split()  # noqa: SIM905
)
VERBS_IN_ED = frozenset({"need", "feed", "seed", "speed", "embed", "proceed", "exceed"})


def definitions(path: Path) -> Iterator[tuple[str, str, int]]:
    """(kind, name, line) of every class, function and method in a file."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ClassDef):
            yield "class", node.name, node.lineno
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield "function", node.name, node.lineno


ALL = [(path.relative_to(ROOT), *found) for path in SOURCES for found in definitions(path)]


def test_no_module_bears_an_old_name() -> None:
    there = [name for name in OLD_MODULES if (ROOT / f"{name}.py").exists() or (ROOT / name / "__init__.py").exists()]
    assert there == []


def test_no_class_or_function_bears_an_old_name() -> None:
    old = [
        f"{path}:{line} {name}"
        for path, kind, name, line in ALL
        if name.strip("_") in (OLD_CLASSES if kind == "class" else OLD_FUNCTIONS)
    ]
    assert old == []


def test_no_function_is_a_bare_participle() -> None:
    """`parsed` is what one gets, `parse` is what one does: a function is named for either, never by a participle."""
    bare = [
        f"{path}:{line} {name}"
        for path, kind, name, line in ALL
        if kind == "function" and is_participle(name.strip("_"))
    ]
    assert bare == []


def is_participle(name: str) -> bool:
    return name in PARTICIPLES or (
        name.endswith("ed") and not name.endswith("eed") and "_" not in name and name not in VERBS_IN_ED
    )


def test_no_function_is_named_like_its_own_module() -> None:
    alike = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in SOURCES
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == path.stem
    ]
    assert alike == []


@pytest.mark.parametrize(
    ("pattern", "most"),
    [
        (r"\btold\b", 40),
        (r'(?:"""|^\s*#\s*|[.:]\s+)What\b', 40),
        (r"\b(?:somebody|nobody|whoever)\b", 60),
    ],
    ids=["told", "What", "somebody, nobody, whoever"],
)
def test_words_that_have_to_be_decoded_are_rare(pattern: str, most: int) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in SOURCES
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        for _ in re.finditer(pattern, line, re.IGNORECASE if "body" in pattern else 0)
    ]
    assert len(found) <= most, "\n".join(found)


def first_lines() -> Iterator[tuple[str, str]]:
    """(place, first line) of every docstring of a module, class or function."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                text = ast.get_docstring(node)
                if text:
                    yield f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}", text.splitlines()[0]


def test_few_docstrings_open_with_a_riddle() -> None:
    openings = re.compile(r"(?:What|Whoever|Whether or not|That which)\b")
    assert len([place for place, line in first_lines() if openings.match(line)]) <= 10


def test_no_comment_is_a_banner() -> None:
    banners = [
        f"{path.relative_to(ROOT)}:{token.start[0]}"
        for path in SOURCES
        for token in tokenize.generate_tokens(io.StringIO(path.read_text("utf-8")).readline)
        if token.type == tokenize.COMMENT and re.fullmatch(r"#\s*[-=#*]{3,}.*", token.string)
    ]
    assert banners == []
