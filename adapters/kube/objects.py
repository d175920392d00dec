"""Objects of an informer for adapters: parsed once per version, indexed by owner."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from adapters.contract import BadReply, Missing, Rejected
from adapters.kube.client import Object, name_of, version_of
from adapters.kube.informer import Informer
from adapters.sanitize import first_flaw, one_line

W = TypeVar("W", bound=BaseModel)


class ParseCache(Generic[W]):
    """Parses objects of one kind, each version of an object once."""

    def __init__(self, source: str, model: type[W], keeper: str = "Kubernetes") -> None:
        self._source = source
        self._keeper = keeper
        self._model = model
        self._kept: dict[str, tuple[str, W]] = {}

    def of(self, found: Object) -> W:
        """The model of an object. Raises BadReply where it does not fit."""
        name, version = name_of(found), version_of(found)
        known = self._kept.get(name)
        if known is not None and version and known[0] == version:
            return known[1]
        try:
            parsed = self._model.model_validate(found)
        except ValidationError as error:
            raise BadReply(self._source, "read", f"not what {self._keeper} keeps: {first_flaw(error)}") from None
        self._kept[name] = (version, parsed)
        return parsed


class OwnerIndex:
    """The objects of an informer, by the uid of their owner."""

    def __init__(self, informer: Informer) -> None:
        self.informer = informer
        self._changes = -1
        self._index: Mapping[str, list[Object]] = {}

    async def of(self, uid: str) -> list[Object]:
        """List the objects whose controller has this uid. Raises BackendError as `Informer.all`."""
        found = await self.informer.all()
        if self._changes != self.informer.changes:
            index: dict[str, list[Object]] = {}
            for one in found.values():
                index.setdefault(_owner(one), []).append(one)
            self._index, self._changes = index, self.informer.changes
        return self._index.get(uid, [])


def template_of(replica_set: Object, label: str) -> Any:
    """Return a ReplicaSet's pod template without `label`, which its controller added."""
    template = replica_set["spec"]["template"]
    meta = template.get("metadata") or {}
    labels = {key: value for key, value in (meta.get("labels") or {}).items() if key != label}
    return {**template, "metadata": {**meta, "labels": labels}}


def replica_set_of_version(source: str, sets: Iterable[Object], label: str, version: str) -> Object:
    """Find the ReplicaSet of a version, which `label` names. Raises Missing."""
    for found in sets:
        if found["metadata"].get("labels", {}).get(label) == version:
            return found
    raise Missing(source, "rollback", f"version {one_line(version, 40)} no longer has a ReplicaSet")


def replica_set_of_revision(source: str, sets: Iterable[Object], annotation: str, number: str) -> Object:
    """Find the ReplicaSet of a revision, which `annotation` names, for an undo. Raises Rejected."""
    there = {found["metadata"].get("annotations", {}).get(annotation, ""): found for found in sets}
    if number not in there:
        known = ", ".join(sorted((name for name in there if name), key=lambda text: (len(text), text))) or "none"
        raise Rejected(source, "undo", f"not sent: no revision {one_line(number, 20)!r} (there are: {known})")
    return there[number]


def _owner(found: Object) -> str:
    """The uid of an object's controller, "" without one."""
    owners = found["metadata"].get("ownerReferences") or []
    return next((str(one.get("uid", "")) for one in owners if one.get("controller")), "")
