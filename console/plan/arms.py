"""Checks of a metric's `arms`: a label with two values, a target, or none.

A target's versions are then the label's values. `none` must be written explicitly: a query's whole result is then the
canary's, and an unnoticed baseline would dilute it. Without a baseline only the canary's own limit is judged.
"""

from __future__ import annotations

from collections.abc import Sequence

from console.plan.document import PlanNode
from console.plan.problems import Findings, Path, suggestion

_VALUES = ("canary", "baseline")


def check_arms(
    entry: PlanNode, path: Path, shape: str | None, targets: Sequence[str] | None, findings: Findings
) -> None:
    """Add a problem for each fault in the arms of one metric.

    Args:
        entry: the metric.
        path: its path in the plan.
        shape: its shape; None if unknown.
        targets: the plan's targets; None if they cannot be read.
        findings: receives the problems.
    """
    arms = entry.entries.get("arms")
    if arms is None:
        return
    place = (*path, "arms")
    if arms.text == "none" and needs_a_baseline(entry, shape):
        message = (
            "a histogram needs a baseline" if shape == "histogram" else "without a baseline only a limit can be judged"
        )
        hint = "name the arms" if shape == "histogram" else "give a limit, or name the arms"
        findings.add(arms.line, place, message, found=arms.display_text, hint=hint)
    if not arms.entries:
        return
    of = arms.entries.get("of")
    given = [key for key in _VALUES if key in arms.entries]
    if of is None:
        for key in _VALUES:
            if key not in given:
                findings.add(arms.key_line, (*place, key), f"required key {key!r} is missing")
        _check_difference(arms, place, findings)
        return
    for key in given:
        message = f"of takes the values from the versions of {of.text}, so {key} is not allowed"
        findings.add(arms.entries[key].key_line, (*place, key), message, hint="remove it")
    if of.text is not None and targets is not None and of.text not in targets:
        hint = suggestion(of.text, targets) or "the plan declares no targets"
        findings.add(of.line, (*place, "of"), f"unknown target {of.text!r}", found=of.display_text, hint=hint)


def needs_a_baseline(entry: PlanNode, shape: str | None) -> bool:
    """Whether the metric cannot be judged without a baseline."""
    role = entry.entries.get("role")
    if role.text == "info" if role is not None else shape == "gauge":
        return False
    return shape == "histogram" or "limit" not in entry.entries


def _check_difference(arms: PlanNode, place: Path, findings: Findings) -> None:
    canary, baseline = (arms.entries.get(key) for key in _VALUES)
    if canary is not None and baseline is not None and canary.text and canary.text == baseline.text:
        message = "canary and baseline are the same"
        findings.add(baseline.line, (*place, "baseline"), message, found=baseline.display_text)
