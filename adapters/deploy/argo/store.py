"""The parsed Rollouts of a namespace with their dependents, from three informers.

300 Rollouts are read every few seconds, so nothing is parsed twice and no collection is searched for each of them.
"""

from __future__ import annotations

from collections.abc import Callable

from adapters.contract import BackendError
from adapters.deploy.argo.analysis import runs_of
from adapters.deploy.argo.reading import RolloutView
from adapters.deploy.argo.wire import ANALYSIS_RUNS, ROLLOUTS, AnalysisRun, Rollout
from adapters.kube import REPLICA_SETS, Informer, Object, OwnerIndex, ParseCache, Resource
from adapters.kube.wire import ReplicaSet


class Store:
    """Reads Rollouts, AnalysisRuns and ReplicaSets of one namespace."""

    def __init__(self, source: str, informer: Callable[[Resource], Informer]) -> None:
        self.rollouts = informer(ROLLOUTS)
        self._owned_runs, self._owned_sets = OwnerIndex(informer(ANALYSIS_RUNS)), OwnerIndex(informer(REPLICA_SETS))
        self._parsed_rollouts = ParseCache(source, Rollout)
        self._parsed_runs = ParseCache(source, AnalysisRun)
        self._parsed_sets = ParseCache(source, ReplicaSet)

    async def rollout(self, name: str) -> Rollout:
        """Read one Rollout. Raises Missing, BadReply, BackendError."""
        return self._parsed_rollouts.of(await self.rollouts.get(name))

    async def view(self, name: str) -> RolloutView:
        """Read one Rollout with its analyses and ReplicaSets. Raises as `rollout`.

        Those that may not be read, or are not listed yet, are left out; `Context.changed` is called when they arrive.
        """
        for informer in (self.rollouts, self._owned_runs.informer, self._owned_sets.informer):
            informer.start()
        rollout = await self.rollout(name)
        sets = await _owned_or_empty(self._owned_sets, rollout.meta.uid)
        runs = await _owned_or_empty(self._owned_runs, rollout.meta.uid)
        return RolloutView(
            rollout,
            tuple(self._parsed_sets.of(found) for found in sets),
            runs_of(rollout, (self._parsed_runs.of(found) for found in runs)),
        )

    async def runs(self, name: str) -> tuple[AnalysisRun, ...]:
        """Read the AnalysisRuns of one Rollout's present version, newest last.

        Raises:
            Forbidden: they, or the Rollout, may not be read.
            Missing, BadReply, BackendError: as `rollout`.
        """
        rollout = await self.rollout(name)
        return runs_of(rollout, (self._parsed_runs.of(found) for found in await self._owned_runs.of(rollout.meta.uid)))

    async def replica_sets(self, rollout: Rollout) -> list[Object]:
        """Read every ReplicaSet of a Rollout, with its template. Raises BackendError."""
        return await self._owned_sets.of(rollout.meta.uid)

    async def fresh(self, name: str, verb: str) -> Rollout:
        """Read a Rollout from the cluster itself, for `verb`. Raises Missing, BadReply, BackendError."""
        return self._parsed_rollouts.of(await self.rollouts.fresh(name, verb))


async def _owned_or_empty(owned: OwnerIndex, uid: str) -> list[Object]:
    """List the objects of owner `uid`. None where they may not be read: a Rollout's own numbers then suffice."""
    try:
        return await owned.of(uid) if owned.informer.has_list else []
    except BackendError:
        return []
