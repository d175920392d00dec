"""The `arms` of a metric: one label and its two values, a target whose versions are the values, or none.

`none` has to be said: everything a query answers is then the canary's, and where that is not so, a baseline's numbers
would dilute it without a word. What is judged without a baseline is the canary's own limit.
"""

from __future__ import annotations

from collections.abc import Sequence

from console.plan.document import Node
from console.plan.problems import Findings, Path, suggestion

_VALUES = ("canary", "baseline")


def check_arms(entry: Node, path: Path, shape: str | None, targets: Sequence[str] | None, findings: Findings) -> None:
    """Note what is wrong with the arms of one metric, where it has any.

    Args:
        targets: the plan's targets; None where they cannot be told.
    """
    arms = entry.entries.get("arms")
    if arms is None:
        return
    place = (*path, "arms")
    if arms.text == "none" and needs_a_baseline(entry, shape):
        what = (
            "a histogram is only compared" if shape == "histogram" else "without a baseline only a limit can be judged"
        )
        hint = "name the arms" if shape == "histogram" else "give a limit, or name the arms"
        findings.add(arms.line, place, what, found=arms.shown, hint=hint)
    if not arms.entries:
        return
    of = arms.entries.get("of")
    given = [key for key in _VALUES if key in arms.entries]
    if of is None:
        for key in _VALUES:
            if key not in given:
                findings.add(arms.key_line, (*place, key), f"required key {key!r} is missing")
        _differ(arms, place, findings)
        return
    for key in given:
        message = f"the versions of {of.text} are the values: {key} is not given beside of"
        findings.add(arms.entries[key].key_line, (*place, key), message, hint="remove it")
    if of.text is not None and targets is not None and of.text not in targets:
        hint = suggestion(of.text, targets) or "the plan declares no targets"
        findings.add(of.line, (*place, "of"), f"unknown target {of.text!r}", found=of.shown, hint=hint)


def needs_a_baseline(entry: Node, shape: str | None) -> bool:
    """Whether the metric says nothing without a baseline."""
    role = entry.entries.get("role")
    if role.text == "info" if role is not None else shape == "gauge":
        return False
    return shape == "histogram" or "limit" not in entry.entries


def _differ(arms: Node, place: Path, findings: Findings) -> None:
    canary, baseline = (arms.entries.get(key) for key in _VALUES)
    if canary is not None and baseline is not None and canary.text and canary.text == baseline.text:
        message = "canary and baseline are the same"
        findings.add(baseline.line, (*place, "baseline"), message, found=baseline.shown)
