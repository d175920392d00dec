"""Start a draft with the name, cluster, namespace and target of an object."""

from __future__ import annotations

import re

from adapters.sanitize import one_line
from console.manifests.draft import Draft, Entry, unique_name, yaml_text
from console.manifests.origin import Manifest
from console.plan.quantities import QuantityError, duration

_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
BACKEND = "cluster"
"""The name of the backend of a draft's target."""
LONGEST_S = 7 * 86_400.0
"""The longest a plan lets a stage bake."""


class NoChoice(ValueError):
    """No object that a plan can be made for, or several. One plain line."""


def start_draft(manifest: Manifest, what: str, namespace: str | None, adapter: str, *options: tuple[str, str]) -> Draft:
    """The draft of one object, with its backend (an `adapter` and more `options`) and its target.

    `what`: its kind as people call it; `namespace`: where the manifest names none. Raises NoChoice where the name or
    the namespace is not valid.
    """
    if not _NAME.fullmatch(manifest.name):
        fault = f"{one_line(manifest.name, 60)!r} is not the name of a {manifest.kind}" if manifest.name else ""
        raise NoChoice(f"{manifest.where()}: {fault or f'a {manifest.kind} without metadata.name'}")
    space = namespace_of(manifest, namespace)
    name = unique_name(manifest.name, (), manifest.kind.lower())
    draft = Draft(name, f"{manifest.name} ({what})", manifest.where())
    found = [("adapter", adapter), *([("namespace", yaml_text(space))] if space else [])]
    lacking = "put `context: NAME` here" if space else "put `context: NAME` and `namespace: NAME` here"
    notes = (f"{lacking}; otherwise the current one of the kubeconfig is used",)
    draft.backends.append(Entry(BACKEND, (*found, *options), notes))
    target = [("name", yaml_text(manifest.name))] if manifest.name != name else []
    draft.targets.append(Entry(name, (("backend", BACKEND), *target)))
    return draft


def namespace_of(manifest: Manifest, namespace: str | None) -> str | None:
    """The namespace of an object's manifest, else `namespace`. Raises NoChoice where it is not valid."""
    space = manifest.namespace or namespace
    if space is not None and not _NAMESPACE.fullmatch(space):
        raise NoChoice(f"{manifest.where()}: {one_line(space, 60)!r} is not the name of a namespace")
    return space


def plan_duration(text: str) -> str | None:
    """`text` as a plan's length of time, at most LONGEST_S; None where it is none."""
    try:
        seconds = duration(text)
    except QuantityError:
        return None
    return text if 0 < seconds <= LONGEST_S else "7d" if seconds > LONGEST_S else None
