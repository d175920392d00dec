"""A small Kubernetes client: one namespace of one cluster, read, watched and patched through the one HTTP transport.

Here: how a cluster is reached (`access`, `kubeconfig`, `incluster`, `options`), who we are there (`login`, `plugin`),
what is asked and changed (`client`, `resource`, `jsonpatch`, `status`), a collection that is kept (`mirror`), its
objects (`objects`, `wire`), what we may do (`permissions`). What a Rollout or a Deployment means is the business of the
adapters in `deploy`.
"""

from adapters.kube.access import Access, NoAccess
from adapters.kube.client import Kube, Object, name_of, version_of
from adapters.kube.informer import Informer
from adapters.kube.objects import OwnerIndex, ParseCache, template_of
from adapters.kube.options import CONTEXT, KubeOptions, prepare
from adapters.kube.permissions import Need, Permissions
from adapters.kube.resource import DEPLOYMENTS, REPLICA_SETS, Resource

__all__ = [
    "CONTEXT",
    "DEPLOYMENTS",
    "REPLICA_SETS",
    "Access",
    "Informer",
    "Kube",
    "KubeOptions",
    "Need",
    "NoAccess",
    "Object",
    "OwnerIndex",
    "ParseCache",
    "Permissions",
    "Resource",
    "name_of",
    "prepare",
    "template_of",
    "version_of",
]
