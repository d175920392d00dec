"""A metric that its backend measures itself, of one of its own targets: `of: TARGET`, a gauge, and no arms.

What such a backend measures is the new version's: there is no baseline, and what is judged is the metric's own limit.
"""

from __future__ import annotations

from collections.abc import Sequence

from adapters.registry import Adapter
from console.plan.arms import needs_a_baseline
from console.plan.document import QUERY_KEYS, Node
from console.plan.problems import Findings, Path, suggestion


def check_measured(
    root: Node, entry: Node, path: Path, adapter: Adapter, targets: Sequence[str] | None, findings: Findings
) -> bool:
    """Whether `adapter` measures its targets; then note what is wrong with the metric for that.

    Args:
        targets: the plan's targets; None where they cannot be told.
    """
    of = entry.entries.get("of")
    if not adapter.measures_targets:
        if of is not None:
            message = f"{adapter.name} is asked by queries: it measures no target itself"
            findings.add(of.key_line, (*path, "of"), message, hint="remove it; arms tell versions apart")
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
    root: Node, entry: Node, path: Path, adapter: Adapter, targets: Sequence[str] | None, findings: Findings
) -> None:
    """The target is there, and the backend is its own."""
    of, named = entry.entries.get("of"), entry.entries["backend"]
    if of is None:
        message = f"required key 'of' is missing: it names the target that {adapter.name} measures"
        findings.add(entry.key_line, (*path, "of"), message)
        return
    if of.text is None or targets is None:
        return
    if of.text not in targets:
        hint = suggestion(of.text, targets) or "the plan declares no targets"
        findings.add(of.line, (*path, "of"), f"unknown target {of.text!r}", found=of.shown, hint=hint)
        return
    own = root.at(("targets", of.text, "backend"))
    if own is not None and own.text is not None and own.text != named.text:
        message = f"{of.text} is a target of {own.text}, which alone can measure it"
        findings.add(named.line, (*path, "backend"), message, found=named.shown)


def _check_gauge(entry: Node, path: Path, adapter: Adapter, findings: Findings) -> None:
    """It says that it is a gauge, and names one measurement."""
    shape = entry.entries.get("shape")
    if shape is None or (shape.text is not None and shape.text != "gauge"):
        line, found = (entry.key_line, "") if shape is None else (shape.line, shape.shown)
        message = f"what {adapter.name} measures is a gauge"
        findings.add(line, (*path, "shape"), message, found=found, hint="write shape: gauge")
    if "value" not in entry.entries:
        message = f"required key 'value' is missing: the name of the metric that {adapter.name} measures"
        findings.add(entry.key_line, (*path, "value"), message)
    for key in QUERY_KEYS:
        if key != "value" and key in entry.entries:
            message = f"{adapter.name} takes no {key!r}; it takes value, the name of what it measures"
            findings.add(entry.entries[key].key_line, (*path, key), message)
