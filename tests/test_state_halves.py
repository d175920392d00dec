"""A State is two halves: the fold makes the one, the engine's store sets the other, and nothing else makes either."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import fields, replace
from functools import cache
from pathlib import Path

import pytest

from console.engine.store import StateStore
from console.events.evidence import Verb
from console.events.kinds import DecisionTaken
from console.journal.sqlite import SqliteJournal
from console.state.assessment import assess
from console.state.folding import blank, fold
from console.state.values import RolloutState
from tests import states
from tests.rollout_rig import Story, empty_card
from tests.states import ANA, NOW, PLAN
from tests.states.pieces import with_local

CONSOLE = Path(__file__).parent.parent / "console"
STORE = "engine/store.py"
FOLD = "state/folding.py"


def calls_in(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Every call in a module with the name it is made by, dotted names as written."""
    return ((ast.unparse(node.func), node) for node in ast.walk(tree) if isinstance(node, ast.Call))


@cache
def modules() -> dict[str, ast.Module]:
    """Path under console/ -> syntax tree, of every module."""
    files = sorted(CONSOLE.rglob("*.py"))
    return {file.relative_to(CONSOLE).as_posix(): ast.parse(file.read_text("utf-8")) for file in files}


@cache
def called() -> tuple[tuple[str, str, ast.Call], ...]:
    """(module, name as written, call) of every call in console/."""
    return tuple((path, name, call) for path, tree in modules().items() for name, call in calls_in(tree))


def callers_of(name: str) -> set[str]:
    return {path for path, other, _ in called() if other == name}


def test_only_the_store_sets_the_local_half() -> None:
    made = callers_of("LocalState")
    joined = {path for path, name, call in called() if name == "State.of" and len(call.args) > 1}
    assert made == {STORE, "state/values.py"}  # the latter: `State.of` of a rollout that no console runs
    assert joined == {STORE}


def test_the_local_half_is_replaced_in_the_store_alone() -> None:
    changing = {
        path
        for path, name, call in called()
        if name == "replace" and call.args and ast.unparse(call.args[0]).endswith("local")
    }
    assert changing == {STORE}


def test_only_the_fold_begins_a_rollout() -> None:
    assert callers_of("RolloutState") == {FOLD}
    assert callers_of("State") == set()


def folding_modules() -> set[str]:
    """The modules of console/state that the fold and the assessment are made of."""
    trees = modules()
    found, left = set[str](), {FOLD, "state/assessment.py"}
    while left:
        path = left.pop()
        found.add(path)
        for node in ast.walk(trees[path]):
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                named = [node.module, *(f"{node.module}.{each.name}" for each in node.names)]
                files = {name.removeprefix("console.").replace(".", "/") + ".py" for name in named}
                left |= {file for file in files if file.startswith("state/") and file in trees} - found
    return found


def test_no_function_of_the_fold_reads_the_local_half() -> None:
    """Those that speak of the local half take a `State`; the fold hands them a `RolloutState`, which has none."""
    readers = {
        (path, function.name)
        for path, tree in modules().items()
        if path in folding_modules()
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        and any(isinstance(node, ast.Attribute) and node.attr == "local" for node in ast.walk(function))
        and [ast.unparse(each.annotation) for each in function.args.args[:1] if each.annotation] != ["State"]
    }
    assert readers == set()


@pytest.mark.parametrize("name", sorted(states.STATES))
def test_an_assessment_leaves_the_local_half_as_it_is(name: str) -> None:
    state = states.STATES[name]()
    assert assess(state, NOW).local is state.local


def test_the_fold_makes_the_same_rollout_whatever_the_console_adds() -> None:
    story = Story().open()
    halt = DecisionTaken(at=story.at, who=ANA, verb=Verb.HALT, stage=0, card=empty_card(Verb.HALT))
    plain = fold(story.state, halt)
    other = fold(with_local(story.state, operator=ANA, running=True, fault="x"), halt)
    assert [getattr(plain, each.name) for each in fields(RolloutState)] == [
        getattr(other, each.name) for each in fields(RolloutState)
    ]


async def test_an_accepted_plan_ends_the_difference_that_was_shown(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j.db")
    story = Story().open()
    plan = replace(PLAN, digest="new")
    story.decide(Verb.ACCEPT, "plan", plan)
    store = StateStore(journal, blank(PLAN, story.state.rollout), lambda: None)
    store.know_plan(plan)
    store.set_local(edited="- a\n+ b")
    for event in story.events:
        assert store.state.local.edited is not None
        await store.append(event)
    assert (store.state.plan.digest, store.state.local.edited) == ("new", None)
    await store.drain()
    journal.close()


async def test_a_local_field_that_stays_as_it_is_is_no_change(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j.db")
    changes: list[None] = []
    store = StateStore(journal, blank(PLAN, "one/1"), lambda: changes.append(None))
    for _ in range(2):
        store.set_local(running=True)
    assert (store.state.local.running, len(changes)) == (True, 1)
    store.close()
    journal.close()
