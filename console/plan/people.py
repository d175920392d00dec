"""Checks of a plan's authority and escalation ladder."""

from __future__ import annotations

from console.plan.document import PlanNode
from console.plan.problems import Findings
from console.plan.quantities import QuantityError, duration

UNRESTRICTED_VERBS = frozenset({"halt", "rollback", "confirm", "skip", "note"})
"""Verbs that everyone may use; no plan can restrict them."""


def check_people(root: PlanNode, findings: Findings) -> None:
    """Add problems for an authority without people and an unsorted ladder."""
    for path, entry in (((), root), *root.list_items("stages")):
        for act, who in entry.child_entries("authority").items():
            named = [key for key in ("users", "groups") if (node := who.entries.get(key)) is not None and node.items]
            owners = who.entries.get("owners")
            if who.kind == "a mapping" and not named and (owners is None or owners.value is not True):
                hint = "write {users: [ana]}, {groups: [sre]} or {owners: true}, or remove it to allow everyone"
                findings.add(who.key_line, (*path, "authority", act), "names no person", hint=hint)
    before_s: float | None = None
    for path, rung in root.list_items("escalation"):
        node = rung.entries.get("after")
        try:
            after_s = duration(node.value) if node is not None else None
        except QuantityError:  # reported where the value is validated
            after_s = None
        if node is None or after_s is None:
            continue
        if before_s is not None and after_s <= before_s:
            message = "must be later than the rung before it"
            findings.add(node.line, (*path, "after"), message, found=node.display_text)
        before_s = after_s
