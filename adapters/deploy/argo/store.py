"""The parsed Rollouts of a namespace with their dependents, from three informers.

300 Rollouts are read every few seconds, so nothing is parsed twice and no collection is searched for each of them.
"""

from __future__ import annotations

from adapters.contract import BackendError, Context
from adapters.deploy.argo.analysis import runs_of
from adapters.deploy.argo.reading import RolloutView
from adapters.deploy.argo.wire import ANALYSIS_RUNS, ROLLOUTS, AnalysisRun, Rollout
from adapters.kube import REPLICA_SETS, Informer, Kube, Object, OwnerIndex, ParseCache
from adapters.kube.wire import ReplicaSet


class Store:
    """Reads Rollouts, AnalysisRuns and ReplicaSets of one namespace."""

    def __init__(self, kube: Kube, context: Context) -> None:
        self._kube = kube
        self._rollouts, self._runs, self._sets = (
            Informer(kube, resource, context.clock, changed=context.changed)
            for resource in (ROLLOUTS, ANALYSIS_RUNS, REPLICA_SETS)
        )
        self._parsed_rollouts = ParseCache(kube.source, Rollout)
        self._parsed_runs = ParseCache(kube.source, AnalysisRun)
        self._parsed_sets = ParseCache(kube.source, ReplicaSet)
        self._owned_runs, self._owned_sets = OwnerIndex(self._runs), OwnerIndex(self._sets)

    async def aclose(self) -> None:
        """Stop the informers."""
        for informer in (self._rollouts, self._runs, self._sets):
            await informer.aclose()

    async def rollout(self, name: str) -> Rollout:
        """Read one Rollout. Raises Missing, BadReply, BackendError."""
        return self._parsed_rollouts.of(await self._rollouts.get(name))

    async def view(self, name: str) -> RolloutView:
        """Read one Rollout with its analyses and ReplicaSets. Raises as `rollout`.

        Those that may not be read, or are not listed yet, are left out; `Context.changed` is called when they arrive.
        """
        for informer in (self._rollouts, self._runs, self._sets):
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
        found = await self._kube.get(ROLLOUTS, name, verb=verb)
        self._rollouts.put(found)
        return self._parsed_rollouts.of(found)

    def idle_s(self, name: str) -> float:
        """Seconds since a Rollout was last seen to change."""
        return self._rollouts.idle_s(name)

    def put(self, found: Object) -> None:
        """Keep a Rollout that a write returned."""
        self._rollouts.put(found)

    def invalidate(self) -> None:
        """Note that a Rollout may have changed unseen. The next read goes to the cluster."""
        self._rollouts.invalidate()


async def _owned_or_empty(owned: OwnerIndex, uid: str) -> list[Object]:
    """List the objects of owner `uid`. None where they may not be read: a Rollout's own numbers then suffice."""
    try:
        return await owned.of(uid) if owned.informer.has_list else []
    except BackendError:
        return []
