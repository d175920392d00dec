"""Checks of a metric that a backend measures of its own target: `of: TARGET`.

It is a gauge without arms. The backend measures the new version alone, so there is no baseline, and only the metric's
own limit is judged.
"""

from __future__ import annotations

from collections.abc import Sequence

from adapters.registry import Adapter
from console.plan.arms import is_known_target, needs_a_baseline
from console.plan.document import QUERY_KEYS, PlanNode
from console.plan.problems import Findings, Path


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
