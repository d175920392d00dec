"""The Rollouts of a namespace, parsed, each with what belongs to it, from the mirrors of three collections.

300 Rollouts are read every few seconds, so nothing is parsed twice and no collection is gone through for each of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from adapters.contract import BackendError, BadReply, Context
from adapters.deploy.argo.analysis import runs_of
from adapters.deploy.argo.reading import Whole
from adapters.deploy.argo.wire import ANALYSIS_RUNS, ROLLOUTS, AnalysisRun, ReplicaSet, Rollout
from adapters.foreign import clean
from adapters.kube import REPLICA_SETS, Kube, Mirror, Object, name_of, version_of

W = TypeVar("W", bound=BaseModel)


class Store:
    """Everything that is read of Argo Rollouts in one namespace."""

    def __init__(self, kube: Kube, context: Context) -> None:
        self._kube = kube
        self._rollouts, self._runs, self._sets = (
            Mirror(kube, resource, context.clock, changed=context.changed)
            for resource in (ROLLOUTS, ANALYSIS_RUNS, REPLICA_SETS)
        )
        self._parsed_rollouts = _Parsed(kube.source, Rollout)
        self._parsed_runs = _Parsed(kube.source, AnalysisRun)
        self._parsed_sets = _Parsed(kube.source, ReplicaSet)
        self._owned_runs, self._owned_sets = _ByOwner(self._runs), _ByOwner(self._sets)

    async def aclose(self) -> None:
        for mirror in (self._rollouts, self._runs, self._sets):
            await mirror.aclose()

    async def rollout(self, name: str) -> Rollout:
        """One Rollout as it is now. Raises Missing, BadReply, BackendError."""
        return self._parsed_rollouts.of(await self._rollouts.get(name))

    async def whole(self, name: str) -> Whole:
        """One Rollout with its analyses and ReplicaSets; without those that may not be read. Raises as `rollout`."""
        rollout = await self.rollout(name)
        sets = await _or_none(self._owned_sets, rollout.meta.uid)
        runs = await _or_none(self._owned_runs, rollout.meta.uid)
        return Whole(
            rollout,
            tuple(self._parsed_sets.of(found) for found in sets),
            runs_of(rollout, (self._parsed_runs.of(found) for found in runs)),
        )

    async def replica_sets(self, rollout: Rollout) -> list[Object]:
        """Every ReplicaSet of a Rollout, templates and all. Raises BackendError."""
        return await self._owned_sets.of(rollout.meta.uid)

    async def fresh(self, name: str) -> Rollout:
        """As it is at this moment, by the cluster's own word. Raises Missing, BadReply, BackendError."""
        found = await self._kube.get(ROLLOUTS, name)
        self._rollouts.put(found)
        return self._parsed_rollouts.of(found)

    def put(self, found: Object) -> None:
        """A Rollout as a write answered it."""
        self._rollouts.put(found)

    def doubt(self) -> None:
        """Something was changed there that was not seen: the next read goes to the cluster."""
        self._rollouts.doubt()


class _Parsed(Generic[W]):
    """Objects of one kind, each parsed once for every version of it."""

    def __init__(self, source: str, model: type[W]) -> None:
        self._source = source
        self._model = model
        self._kept: dict[str, tuple[str, W]] = {}

    def of(self, found: Object) -> W:
        name, version = name_of(found), version_of(found)
        known = self._kept.get(name)
        if known is not None and version and known[0] == version:
            return known[1]
        try:
            parsed = self._model.model_validate(found)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = clean(".".join(str(part) for part in first["loc"]), 80)
            what = f"not what Argo Rollouts keeps: {where}: {clean(first['msg'], 80)}"
            raise BadReply(self._source, "read", what) from None
        self._kept[name] = (version, parsed)
        return parsed


class _ByOwner:
    """A collection by the uid of what its objects belong to."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._changes = -1
        self._index: Mapping[str, list[Object]] = {}

    async def of(self, uid: str) -> list[Object]:
        found = await self._mirror.all()
        if self._changes != self._mirror.changes:
            index: dict[str, list[Object]] = {}
            for one in found.values():
                index.setdefault(_owner(one), []).append(one)
            self._index, self._changes = index, self._mirror.changes
        return self._index.get(uid, [])


async def _or_none(owned: _ByOwner, uid: str) -> list[Object]:
    """What belongs to `uid`; nothing where it may not be read: a Rollout's own numbers then have to do."""
    try:
        return await owned.of(uid)
    except BackendError:
        return []


def _owner(found: Object) -> str:
    """The uid of the controller that an object belongs to, "" where it belongs to none."""
    owners = found["metadata"].get("ownerReferences") or []
    return next((str(one.get("uid", "")) for one in owners if one.get("controller")), "")
