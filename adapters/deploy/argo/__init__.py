"""Argo Rollouts as a deploy backend, which never skips a step. Versions 1.0 to 1.9.

A measurement of its AnalysisRuns can be a plan's metric. Here: the options of the plan and `connect`. The cluster is
reached through `adapters.kube`. Minimal permission: get, list, watch on rollouts and analysisruns (argoproj.io) and
replicasets (apps), patch on rollouts and rollouts/status; for a workloadRef get and patch on its deployments.

The verbs: promote ends the one pause that was on the screen, if it is still there; halt sets spec.paused; rollback
aborts, or once the rollout is promoted undoes it to the version before it and promotes that in full. The backend's own
orders (skip, accept, promote-full, retry, abort, undo, restart) are separate, and each is guarded by the state on the
screen.
"""

from __future__ import annotations

from adapters.contract import AdapterSpec, Context, Kind
from adapters.deploy.argo.backend import Argo as Argo
from adapters.kube import KubeOptions, prepare


class Options(KubeOptions):
    """Keys of a plan's backend with `adapter: argo-rollouts`."""


def connect(options: Options, context: Context) -> Argo:
    """Make the backend; no network and no login yet. Raises ConnectError: there is no way to the cluster."""
    return Argo(context, options.access(context.source), options.namespace)


ADAPTER = AdapterSpec(
    kinds=(Kind.DEPLOY, Kind.METRICS),
    options=Options,
    connect=connect,
    owns_steps=True,
    measures_targets=True,
    prepare=prepare,
)
