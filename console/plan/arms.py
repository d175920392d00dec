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
    """Add a problem for each fault in the arms of one metric, `entry` at `path`.

    `shape` is None if unknown, `targets` (those of the plan) if they cannot be read.
    """
    arms = entry.entries.get("arms")
    if arms is None:
        return
    place = (*path, "arms")
    if arms.text == "none" and needs_a_baseline(entry, shape):
        message, hint = "without a baseline only a limit can be judged", "give a limit, or name the arms"
        if shape == "histogram":
            message, hint = "a histogram needs a baseline", "name the arms"
        findings.add(arms.line, place, message, found=arms.display_text, hint=hint)
    if not arms.entries:
        return
    of = arms.entries.get("of")
    given = [key for key in _VALUES if key in arms.entries]
    if of is None:
        for key in (key for key in _VALUES if key not in given):
            findings.add(arms.key_line, (*place, key), f"required key {key!r} is missing")
        check_difference(arms, place, findings)
        return
    for key in given:
        message = f"of takes the values from the versions of {of.text}, so {key} is not allowed"
        findings.add(arms.entries[key].key_line, (*place, key), message, hint="remove it")
    is_known_target(of, (*place, "of"), targets, findings)


def is_known_target(of: PlanNode, path: Path, targets: Sequence[str] | None, findings: Findings) -> bool:
    """Whether `of` names one of the plan's targets, or that cannot be told; adds a problem if not."""
    if of.text is None or targets is None or of.text in targets:
        return True
    hint = suggestion(of.text, targets) or "the plan declares no targets"
    findings.add(of.line, path, f"unknown target {of.text!r}", found=of.display_text, hint=hint)
    return False


def needs_a_baseline(entry: PlanNode, shape: str | None) -> bool:
    """Whether the metric cannot be judged without a baseline."""
    role = entry.entries.get("role")
    if role.text == "info" if role is not None else shape == "gauge":
        return False
    return shape == "histogram" or "limit" not in entry.entries


def check_difference(arms: PlanNode, place: Path, findings: Findings) -> None:
    """Add a problem for a canary and a baseline that are the same."""
    canary, baseline = (arms.entries.get(key) for key in _VALUES)
    if canary is not None and baseline is not None and canary.text and canary.text == baseline.text:
        message = "canary and baseline are the same"
        findings.add(baseline.line, (*place, "baseline"), message, found=baseline.display_text)
