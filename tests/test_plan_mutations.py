"""Whatever is done to a plan, the loader answers with a Plan or with problems, and never in any other way."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from console.plan.document import read
from console.plan.loader import PlanError, parse, warnings
from console.plan.nouns import Plan
from console.plan.problems import Findings
from tests.plan_rig import CHECKOUT

PLAIN: dict[str, Any] = read(CHECKOUT, Findings("checkout.yaml")).plain()
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ["on", "off", "10:30", "5%", "2x", "*a", "&a", "!!str", "{{ x }}", "a:1", "api", "flag", "[]", "{}"]
    ),
    st.just([]),
    st.just({}),
    st.lists(st.text(max_size=3), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(value, dict):
        found += [place for key, inner in value.items() for place in places(inner, (*path, key))]
    elif isinstance(value, list):
        found += [place for number, inner in enumerate(value) for place in places(inner, (*path, number))]
    return found


PLACES = places(PLAIN)


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(copy[path[0]], path[1:], new)
    return copy


def answers(text: str) -> None:
    """The loader's one promise, and that its problems point into the file and hide what could act on a terminal."""
    try:
        plan = parse(text, "plan.yaml")
    except PlanError as error:
        assert error.problems
        for problem in error.problems:
            assert 1 <= problem.line <= text.count("\n") + text.count("\r") + 2
            assert not {unicodedata.category(char) for char in str(problem)} & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
        return
    assert isinstance(plan, Plan)
    warnings(plan)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_any_other_value_anywhere_is_a_plan_or_a_problem(data: st.DataObject) -> None:
    value: Any = PLAIN
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(PLACES))
        new = data.draw(ODD)
        try:
            value = changed(value, place, new)
        except (KeyError, IndexError, TypeError, ValueError):  # an earlier change took this place away
            continue
    answers(json.dumps(value, indent=1))


@given(st.lists(st.tuples(st.sampled_from(PLACES), st.text(max_size=6)), min_size=1, max_size=4))
@settings(max_examples=100, deadline=None)
def test_any_other_key_anywhere_is_a_plan_or_a_problem(renames: list[tuple[tuple[Any, ...], str]]) -> None:
    text = CHECKOUT
    for place, key in renames:
        text = text.replace(f"{place[-1]}:", f"{key}:", 1)
    answers(text)


@given(
    st.integers(0, len(CHECKOUT)), st.integers(0, 40), st.text(max_size=8) | st.sampled_from("{}[]:,#&*!|>'\"%@`-?\t\n")
)
@settings(max_examples=250, deadline=None)
def test_any_other_text_anywhere_is_a_plan_or_a_problem(start: int, length: int, new: str) -> None:
    answers(CHECKOUT[:start] + new + CHECKOUT[start + length :])


@given(st.text(alphabet=st.sampled_from("ab: -{}[],#&*!|>'\"%@`?\t\n\r\x85\u2028\ud800\x00<~1")))
@settings(max_examples=150, deadline=None)
def test_any_text_at_all_is_a_plan_or_a_problem(text: str) -> None:
    answers(text)


def test_a_format_written_over_two_lines_is_shown_on_one() -> None:
    answers(CHECKOUT.replace("warroom: 1\n", "warroom: 1\n\n v2\n", 1))
