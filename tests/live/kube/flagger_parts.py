"""Flagger's real controller beside the live cluster, with a mesh of which only the objects exist.

Built by `.ci/flagger`. Istio's two kinds are registered without a schema and without a proxy behind them: Flagger
writes the weights into a VirtualService and reads them back from there.
"""

from __future__ import annotations

import contextlib
import time
import urllib.error
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.live import servers
from tests.live.kube.cluster import Cluster
from tests.live.kube.objects import DEPLOYMENTS, Json, deployment
from tests.live.servers import free_port, process

CANARIES = "/apis/flagger.app/v1beta1/namespaces/default/canaries"
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_READY_S = 60.0

built = partial(servers.built, "flagger")


@contextlib.contextmanager
def flagger(cluster: Cluster) -> Iterator[None]:
    """Flagger's controller, looking after every Canary of the default namespace."""
    yaml = YAML(typ="safe", pure=True)
    for found in yaml.load_all(Path(built("crd.yaml")).read_text(encoding="utf-8")):
        if found:
            cluster.apply(_CRDS, found)
    for kind, plural in (("VirtualService", "virtualservices"), ("DestinationRule", "destinationrules")):
        cluster.apply(_CRDS, _open_kind("networking.istio.io", "v1alpha3", kind, plural))
    _known(cluster, CANARIES)
    _known(cluster, "/apis/networking.istio.io/v1alpha3/namespaces/default/virtualservices")
    command = [
        built("flagger"),
        f"-kubeconfig={cluster.kubeconfig()}",
        "-namespace=default",
        "-mesh-provider=istio",
        "-metrics-server=http://127.0.0.1:1",
        "-control-loop-interval=1s",
        "-enable-leader-election=false",
        f"-port={free_port()}",
    ]
    with process(command, cluster.folder / "flagger.log"):
        yield


def canary(name: str, webhooks: list[Json], *, weights: list[int], iterations: int = 0) -> Json:
    """A Canary that is looked at every second and measures nothing."""
    analysis: Json = {"interval": "1s", "threshold": 3, "webhooks": webhooks}
    analysis |= {"iterations": iterations} if iterations else {"stepWeights": weights}
    spec = {
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        "service": {"port": 80},
        "progressDeadlineSeconds": 60,
        "analysis": analysis,
    }
    return {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": name}, "spec": spec}


def release(cluster: Cluster, name: str, version: int) -> None:
    """Set a version of the target."""
    if version == 1:
        cluster.apply(DEPLOYMENTS, deployment(name, f"{name}:1"))
        return
    image = [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": f"{name}:{version}"}]
    cluster.ask("PATCH", f"{DEPLOYMENTS}/{name}", image, kind="application/json-patch+json")


def weight_of(cluster: Cluster, name: str) -> int:
    """The weight that the mesh was told to send to the canary."""
    path = f"/apis/networking.istio.io/v1alpha3/namespaces/default/virtualservices/{name}"
    routes = cluster.ask("GET", path)["spec"]["http"][0]["route"]
    return next(int(one["weight"]) for one in routes if one["destination"]["host"].endswith("-canary"))


def _open_kind(group: str, version: str, kind: str, plural: str) -> dict[str, Any]:
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
            "versions": [{"name": version, "served": True, "storage": True, "schema": schema}],
        },
    }


def _known(cluster: Cluster, path: str) -> None:
    until = time.monotonic() + _READY_S
    while time.monotonic() < until:
        try:
            cluster.ask("GET", path)
            return
        except urllib.error.HTTPError:
            time.sleep(0.1)
    pytest.fail(f"{path} is not served")
