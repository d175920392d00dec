"""A small Kubernetes client for one namespace, over the one HTTP transport.

Here: the way to a cluster (`access`, `kubeconfig`, `options`), our credentials there (`login`, `plugin`),
reads, watches and patches (`client`, `jsonpatch`, `status`), collections that are kept up to date
(`informer`), their objects (`objects`, `wire`), and our permissions (`permissions`). The meaning of a Rollout or a
Deployment is the business of the adapters in `deploy`.
"""

from adapters.kube.access import Access as Access
from adapters.kube.backend import KubeBackend as KubeBackend
from adapters.kube.client import DEPLOYMENTS as DEPLOYMENTS
from adapters.kube.client import REPLICA_SETS as REPLICA_SETS
from adapters.kube.client import Kube as Kube
from adapters.kube.client import Object as Object
from adapters.kube.client import Resource as Resource
from adapters.kube.informer import Informer as Informer
from adapters.kube.jsonpatch import Patch as Patch
from adapters.kube.objects import OwnerIndex as OwnerIndex
from adapters.kube.objects import ParseCache as ParseCache
from adapters.kube.options import CONTEXT as CONTEXT
from adapters.kube.options import KubeOptions as KubeOptions
from adapters.kube.options import prepare as prepare
from adapters.kube.permissions import Need as Need
