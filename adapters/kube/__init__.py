"""A small Kubernetes client for one namespace, over the one HTTP transport.

Here: the way to a cluster (`access`, `kubeconfig`, `incluster`, `options`), our credentials there (`login`, `plugin`),
reads, watches and patches (`client`, `resource`, `jsonpatch`, `status`), collections that are kept up to date
(`informer`), their objects (`objects`, `wire`), and our permissions (`permissions`). The meaning of a Rollout or a
Deployment is the business of the adapters in `deploy`.
"""

from adapters.kube.access import Access, NoAccess
from adapters.kube.backend import KubeBackend
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
    "KubeBackend",
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
