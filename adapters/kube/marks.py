"""Marks of rollouts in an annotation of an object's own metadata. Pure.

Never on a pod template: no controller acts on it. The annotation holds every journal's mark, a line each.
"""

from __future__ import annotations

from collections.abc import Sequence

from adapters.kube.client import Object, version_of
from adapters.kube.jsonpatch import Operation, Patch, add, check, remove
from adapters.kube.wire import Meta
from adapters.sanitize import one_line

ANNOTATION = "warroom.dev/rollout"
MOST = 8
"""Marks that are read; more are left alone."""
_WIDTH = 160


def marks_of(meta: Meta) -> tuple[str, ...]:
    """List the marks of an object."""
    return _parse(meta.annotations.get(ANNOTATION, ""))


def mark_patch(found: Object, text: str) -> Patch | None:
    """Make the patch that adds a mark to an object as it was read; None where it is there already."""
    lines = _lines(found)
    return None if text in lines else _patch(found, [*lines, text])


def unmark_patch(found: Object, text: str) -> Patch | None:
    """Make the patch that removes a mark from an object as it was read; None where it is not there."""
    lines = _lines(found)
    return _patch(found, [line for line in lines if line != text]) if text in lines else None


def _patch(found: Object, lines: Sequence[str]) -> Patch:
    """Set the annotation, if nothing has changed the object since it was read."""
    guard = check("metadata", "resourceVersion", value=version_of(found))
    return Patch((guard, _change(found, lines)))


def _change(found: Object, lines: Sequence[str]) -> Operation:
    value = "\n".join(lines)
    if not lines:
        return remove("metadata", "annotations", ANNOTATION)
    if not found["metadata"].get("annotations"):
        return add("metadata", "annotations", value={ANNOTATION: value})
    return add("metadata", "annotations", ANNOTATION, value=value)


def _lines(found: Object) -> list[str]:
    annotations = found["metadata"].get("annotations") or {}
    return [line for line in str(annotations.get(ANNOTATION, "")).splitlines() if line.strip()]


def _parse(value: str) -> tuple[str, ...]:
    return tuple(one_line(line, _WIDTH) for line in value.splitlines()[:MOST] if line.strip())
