"""Checks of a metric's arms: separated by a label, by a target's versions, or not at all.

A target's versions are the label's values. `none` must be written explicitly: a query's whole result is then the
canary's, and an unnoticed baseline would dilute it. A backend that measures its own target (`of: TARGET`) measures the
new version alone, as a gauge. Without a baseline only the canary's own limit is judged.
"""

from __future__ import annotations

from collections.abc import Sequence

from adapters.registry import Adapter
from console.plan.document import QUERY_KEYS, PlanNode
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
    """Whether `of` names a target of the plan, or the plan's targets cannot be read; else adds a problem."""
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


def check_measured(
    root: PlanNode, entry: PlanNode, path: Path, adapter: Adapter, targets: Sequence[str] | None, findings: Findings
) -> bool:
    """Check the metric, `entry` at `path`, if `adapter` measures its targets itself; return whether it does.

    `targets` (those of the plan) is None if they cannot be read.
    """
    of = entry.entries.get("of")
    if not adapter.measures_targets:
        if of is not None:
            message = f"{adapter.name} is read by queries: it measures no target itself"
            findings.add(of.key_line, (*path, "of"), message, hint="remove it; arms separate the versions")
        return False
    _check_of(root, entry, path, adapter, targets, findings)
    _check_gauge(entry, path, adapter, findings)
    arms = entry.entries.get("arms")
    if arms is not None and arms.text != "none":
        message = f"{adapter.name} measures the new version alone: there is no baseline"
        findings.add(arms.key_line, (*path, "arms"), message, hint="remove it")
    elif needs_a_baseline(entry, "gauge"):
        findings.add(entry.key_line, (*path, "limit"), "without a baseline only a limit can be judged: give one")
    return True


def _check_of(
    root: PlanNode, entry: PlanNode, path: Path, adapter: Adapter, targets: Sequence[str] | None, findings: Findings
) -> None:
    of, named = entry.entries.get("of"), entry.entries["backend"]
    if of is None:
        message = f"required key 'of' is missing: it names the target that {adapter.name} measures"
        findings.add(entry.key_line, (*path, "of"), message)
        return
    if of.text is None or targets is None or not is_known_target(of, (*path, "of"), targets, findings):
        return
    own = root.at(("targets", of.text, "backend"))
    if own is not None and own.text is not None and own.text != named.text:
        message = f"{of.text} is a target of {own.text}; only that backend measures it"
        findings.add(named.line, (*path, "backend"), message, found=named.display_text)


def _check_gauge(entry: PlanNode, path: Path, adapter: Adapter, findings: Findings) -> None:
    shape = entry.entries.get("shape")
    if shape is None or (shape.text is not None and shape.text != "gauge"):
        line, found = (entry.key_line, "") if shape is None else (shape.line, shape.display_text)
        message = f"{adapter.name} measures gauges only"
        findings.add(line, (*path, "shape"), message, found=found, hint="write shape: gauge")
    if "value" not in entry.entries:
        message = f"required key 'value' is missing: the name of the metric that {adapter.name} measures"
        findings.add(entry.key_line, (*path, "value"), message)
    for key in QUERY_KEYS:
        if key != "value" and key in entry.entries:
            message = f"{adapter.name} takes no {key!r}; it takes value, the name of its metric"
            findings.add(entry.entries[key].key_line, (*path, key), message)
