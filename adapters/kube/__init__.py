"""A small Kubernetes client for one namespace, over the one HTTP transport.

Here: the way to a cluster (`access`, `kubeconfig`, `incluster`, `options`), our credentials there (`login`, `plugin`),
reads, watches and patches (`client`, `resource`, `jsonpatch`, `status`), collections that are kept up to date
(`informer`), their objects (`objects`, `wire`), and our permissions (`permissions`). The meaning of a Rollout or a
Deployment is the business of the adapters in `deploy`.
"""

from adapters.kube.access import Access
from adapters.kube.backend import KubeBackend
from adapters.kube.client import Kube, Object
from adapters.kube.informer import Informer
from adapters.kube.jsonpatch import Patch
from adapters.kube.objects import OwnerIndex, ParseCache, of_revision, of_version, template_of
from adapters.kube.options import CONTEXT, KubeOptions, prepare
from adapters.kube.permissions import Need
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
    "Object",
    "OwnerIndex",
    "ParseCache",
    "Patch",
    "Resource",
    "of_revision",
    "of_version",
    "prepare",
    "template_of",
]
