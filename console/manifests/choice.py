"""Which of the objects in some manifests the plan is for, and who reads its kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from adapters.foreign import clean
from console.manifests import rollout
from console.manifests.analysis import ARGO
from console.manifests.draft import Draft
from console.manifests.origin import Manifest

_READERS = {(ARGO, "Rollout"): rollout.drafted}
"""(group, kind) -> what makes a plan of it, the most telling kind first."""


class NoChoice(ValueError):
    """Nothing a plan could be for, or several things. One plain line."""


def drafted(manifests: Sequence[Manifest], wanted: str | None, namespace: str | None) -> Draft:
    """The plan of the one object in `manifests` that rolls something out.

    Args:
        wanted: its name, where there are several; also `kind/name`.
        namespace: where it lives, when the manifest does not say.

    Raises:
        NoChoice: there is none, or several and none was named.
    """
    able = [one for one in manifests if (one.group, one.kind) in _READERS]
    if wanted is not None:
        chosen = [one for one in able if _is(one, wanted)]
        if not chosen:
            raise NoChoice(f"no {clean(wanted, 80)} in the files; {_there(able)}")
    else:
        chosen = able
    if not chosen:
        raise NoChoice(f"no {_kinds()} in the files; {_counted(manifests)}")
    if len(chosen) > 1:
        raise NoChoice(f"{_there(chosen)}: name one with --only; a plan is for one of them")
    return _READERS[(chosen[0].group, chosen[0].kind)](chosen[0], manifests, namespace)


def _is(manifest: Manifest, wanted: str) -> bool:
    kind, slash, name = wanted.rpartition("/")
    return manifest.name == name and (not slash or manifest.kind.lower() == kind.lower())


def _kinds() -> str:
    *most, last = [kind for _, kind in _READERS]
    return f"{', '.join(most)} or {last}" if most else last


def _there(able: Sequence[Manifest]) -> str:
    if not able:
        return f"there is no {_kinds()}"
    shown = ", ".join(f"{one.kind}/{one.name}" for one in able[:8])
    return f"there are {shown}{', ..' if len(able) > 8 else ''}"


def _counted(manifests: Sequence[Manifest]) -> str:
    counts = Counter(clean(one.kind, 40) for one in manifests)
    return "there is " + (", ".join(f"{count} {kind}" for kind, count in counts.most_common(6)) or "nothing")
