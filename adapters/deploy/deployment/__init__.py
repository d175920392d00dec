"""A plain Kubernetes Deployment as a deploy backend: pause, resume, undo. No steps, no weight.

Here: the options of the plan and `connect`. The cluster is reached through `adapters.kube`. Minimal permission: get,
list, watch on deployments and replicasets (apps), patch on deployments.

The verbs: there is nothing to promote, a Deployment goes on by itself as soon as its template is set; halt pauses it,
which leaves a mixed fleet; rollback sets the template of the version that was there before, by its ReplicaSet, and
never "the previous one". Its share is that of its pods: an estimate of the traffic, and shown as one.
"""

from __future__ import annotations

from adapters.contract import AdapterSpec, Context, Kind
from adapters.deploy.deployment.backend import Deployments as Deployments
from adapters.kube import KubeOptions, prepare


class Options(KubeOptions):
    """Keys of a plan's backend with `adapter: deployment`."""


def connect(options: Options, context: Context) -> Deployments:
    """Make the backend; no network and no login yet. Raises ConnectError: there is no way to the cluster."""
    return Deployments(context, options.access(context.source), options.namespace)


ADAPTER = AdapterSpec(kinds=(Kind.DEPLOY,), options=Options, connect=connect, owns_steps=True, prepare=prepare)
