"""Choose the object that a plan is made for, and draft it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from adapters.sanitize import one_line
from console.manifests import deployment, flagger, rollout
from console.manifests.analysis import ARGO
from console.manifests.deployment import APPS, managed_deployments
from console.manifests.draft import Draft
from console.manifests.draft_start import NoChoice
from console.manifests.flagger import FLAGGER
from console.manifests.origin import Manifest

_KINDS = ((ARGO, "Rollout"), (FLAGGER, "Canary"), (APPS, "Deployment"))
"""(group, kind) of the objects that a plan can be made for."""


def draft_plan(
    manifests: Sequence[Manifest], only: str | None = None, namespace: str | None = None, provider: str | None = None
) -> Draft:
    """The draft of the one object in `manifests` that rolls something out. Raises NoChoice where `only` is needed."""
    driven = managed_deployments(manifests)
    able = [one for one in manifests if (one.group, one.kind) in _KINDS]
    chosen = [one for one in able if one.kind != "Deployment" or one.name not in driven]
    if only is not None:
        chosen = [one for one in able if _is_named(one, only)]
        if not chosen:
            raise NoChoice(f"no {one_line(only, 80)} in the files; {_names_text(able)}")
    if not chosen:
        raise NoChoice(f"no {_kinds_text()} in the files; {_counts_text(manifests)}")
    if len(chosen) > 1:
        raise NoChoice(f"{_names_text(chosen)}: name one with --only; a plan is for one of them")
    found = chosen[0]
    if found.kind == "Rollout":
        return rollout.draft_rollout(found, manifests, namespace)
    if found.kind == "Canary":
        return flagger.draft_canary(found, manifests, namespace, provider)
    return deployment.draft_deployment(found, manifests, namespace)


def _is_named(manifest: Manifest, wanted: str) -> bool:
    kind, slash, name = wanted.rpartition("/")
    return manifest.name == name and (not slash or manifest.kind.lower() == kind.lower())


def _kinds_text() -> str:
    *most, last = [kind for _, kind in _KINDS]
    return f"{', '.join(most)} or {last}"


def _names_text(able: Sequence[Manifest]) -> str:
    if not able:
        return f"there is no {_kinds_text()}"
    shown = ", ".join(f"{one.kind}/{one.name}" for one in able[:8])
    return f"there are {shown}{', ..' if len(able) > 8 else ''}"


def _counts_text(manifests: Sequence[Manifest]) -> str:
    counts = Counter(one_line(one.kind, 40) for one in manifests)
    return "there is " + (", ".join(f"{count} {kind}" for kind, count in counts.most_common(6)) or "nothing")
