"""A whole plan, and ways to break it: edit one place, see what is said about it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from console.plan.loader import PlanError, Problem, parse
from console.plan.nouns import Plan

PLANS = Path(__file__).parent / "plans"
CHECKOUT = (PLANS / "checkout.yaml").read_text(encoding="utf-8")


def edited(*edits: tuple[str, str]) -> str:
    """The checkout plan with the first place of each `old` replaced by `new`."""
    text = CHECKOUT
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def plan(*edits: tuple[str, str]) -> Plan:
    """The edited checkout plan, which is valid."""
    return parse(edited(*edits), "plan.yaml")


def problems(text: str) -> tuple[Problem, ...]:
    """What is wrong with a plan that is not valid."""
    with pytest.raises(PlanError) as caught:
        parse(text, "plan.yaml")
    return caught.value.problems


def said(*edits: tuple[str, str]) -> list[str]:
    """The lines about the edited checkout plan, without the file's name and the line."""
    return [str(problem).split(": ", 1)[1] for problem in problems(edited(*edits))]


def line_of(text: str, words: str) -> int:
    """The 1-based line on which `words` first stand."""
    return text[: text.index(words)].count("\n") + 1


def table(name: str) -> list[tuple[str, str, str]]:
    """(old, new, message) from a file of `- old`, `+ new`, `= message` lines; \\n, \\0, \\\\ stand for themselves."""
    lines = (PLANS / name).read_text(encoding="utf-8").split("\n")
    marked = [line for line in lines if line[:1] in ("-", "+", "=")]
    assert [line[0] for line in marked] == ["-", "+", "="] * (len(marked) // 3)
    texts = [line[2:] if line[0] == "=" else _unescaped(line[2:]) for line in marked]
    return list(zip(texts[::3], texts[1::3], texts[2::3], strict=True))


def _unescaped(text: str) -> str:
    meant = {"\\n": "\n", "\\0": "\0", "\\\\": "\\"}
    return re.sub(r"\\[n0\\]", lambda found: meant[found[0]], text)
