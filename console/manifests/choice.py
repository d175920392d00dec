"""Choose the object that a plan is made for, and draft it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Hints:
    """Facts given on the command line, besides the files."""

    only: str | None = None
    """The name of the object, where there are several; also `kind/name`."""
    namespace: str | None = None
    """Its namespace, where the manifest names none."""
    provider: str | None = None
    """Flagger's mesh provider, where the Canary names none."""


def draft_plan(manifests: Sequence[Manifest], hints: Hints) -> Draft:
    """The draft of the one object in `manifests` that rolls something out.

    Raises NoChoice: there is none, or several and `hints.only` names none, or it has no name.
    """
    driven = managed_deployments(manifests)
    able = [one for one in manifests if (one.group, one.kind) in _KINDS]
    chosen = [one for one in able if one.kind != "Deployment" or one.name not in driven]
    if hints.only is not None:
        chosen = [one for one in able if _is_named(one, hints.only)]
        if not chosen:
            raise NoChoice(f"no {one_line(hints.only, 80)} in the files; {_names_text(able)}")
    if not chosen:
        raise NoChoice(f"no {_kinds_text()} in the files; {_counts_text(manifests)}")
    if len(chosen) > 1:
        raise NoChoice(f"{_names_text(chosen)}: name one with --only; a plan is for one of them")
    found = chosen[0]
    if found.kind == "Rollout":
        return rollout.draft_rollout(found, manifests, hints.namespace)
    if found.kind == "Canary":
        return flagger.draft_canary(found, manifests, hints.namespace, hints.provider)
    return deployment.draft_deployment(found, manifests, hints.namespace)


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
