"""Which of the objects in some manifests the plan is for, and who reads its kind."""

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
"""(group, kind) of what a plan can be for, the most telling kind first."""


@dataclass(frozen=True, slots=True)
class Hints:
    """What somebody said beside the files."""

    only: str | None = None
    """The name of the object, where there are several; also `kind/name`."""
    namespace: str | None = None
    """Where it lives, when its manifest does not say."""
    provider: str | None = None
    """Flagger's mesh provider, when the Canary does not say."""


def draft_plan(manifests: Sequence[Manifest], hints: Hints) -> Draft:
    """The plan of the one object in `manifests` that rolls something out.

    Raises:
        NoChoice: there is none, or several and none was named, or it lacks a name.
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


__all__ = ["Hints", "NoChoice", "draft_plan"]
