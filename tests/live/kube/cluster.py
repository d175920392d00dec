"""A cluster of real parts: etcd, kube-apiserver, its deployment and replicaset controllers, Argo Rollouts' controller.

Built by `.ci/kube`. What is not real is the node: `kubelet` says of every pod that it runs. Everything listens on
loopback and is stopped by its pid.
"""

from __future__ import annotations

import contextlib
import json
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.live import servers
from tests.live.kube.kubelet import kubelet
from tests.live.servers import binary, free_port, process

ADMIN, VIEWER, HALF = "admin-t0ken", "viewer-t0ken", "half-t0ken"
"""Tokens: of somebody who may do everything, of one who may only look, of one who may not patch a status."""
SERVER_NAME = "kube.warroom.test"
_READY_S = 60.0
_LOOKS_S = 1.2
_WAITS_S = 4.0

built = partial(servers.built, "kube")


@dataclass
class Cluster:
    """A running cluster and how a test reaches it."""

    url: str
    folder: Path
    port: int
    _stop: contextlib.ExitStack = field(repr=False)
    _start: Any = field(repr=False)

    @property
    def ca(self) -> Path:
        return self.folder / "ca.crt"

    def kubeconfig(self, token: str = ADMIN, name: str = "config", **cluster: object) -> Path:
        """A kubeconfig of its own for one token."""
        return self.config_of({"token": token}, f"{name}-{token}", **cluster)

    def config_of(self, user: dict[str, object], name: str, **cluster: object) -> Path:
        """A kubeconfig for any user."""
        path = self.folder / f"{name}.yaml"
        reach = {"server": self.url, "certificate-authority": str(self.ca), **cluster}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "live", "cluster": reach}],
            "users": [{"name": "live", "user": user}],
            "contexts": [{"name": "live", "context": {"cluster": "live", "user": "live", "namespace": "default"}}],
            "current-context": "live",
        }
        if not path.exists():  # a controller may be reading it right now
            path.write_text(json.dumps(content), encoding="utf-8")  # JSON is YAML
        return path

    def ask(
        self, method: str, path: str, body: object = None, kind: str = "application/json", token: str = ADMIN
    ) -> Any:
        """One call, as the administrator or as whoever `token` is of. Raises urllib.error.HTTPError."""
        request = urllib.request.Request(  # noqa: S310 - our own https URL
            self.url + path, None if body is None else json.dumps(body).encode(), method=method
        )
        request.add_header("Authorization", f"Bearer {token}")
        request.add_header("Content-Type", kind)
        context = ssl.create_default_context(cafile=str(self.ca))
        with urllib.request.urlopen(request, timeout=20, context=context) as answer:  # noqa: S310
            return json.loads(answer.read())

    def apply(self, path: str, found: dict[str, Any]) -> Any:
        """Create an object, or make it so by a server-side apply."""
        name = found["metadata"]["name"]
        return self.ask(
            "PATCH", f"{path}/{name}?fieldManager=test&force=true", found, kind="application/apply-patch+yaml"
        )

    def delete(self, path: str) -> None:
        with contextlib.suppress(urllib.error.HTTPError):
            self.ask("DELETE", f"{path}?propagationPolicy=Background")

    def vendor(self, verb: str, name: str) -> str:
        """Argo's own kubectl plugin on a Rollout, as a colleague would use it, who looks before typing and afterwards.

        Nothing is sent in the moment of the controller's own write: it would overlook it. Where it overlooks it all the
        same, and nobody writes to the object, it is written to once.
        """
        time.sleep(_LOOKS_S)
        access = ["--kubeconfig", str(self.kubeconfig()), "-n", "default"]
        command = [built("kubectl-argo-rollouts"), verb, name, *access]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        path = f"/apis/argoproj.io/v1alpha1/namespaces/default/rollouts/{name}"
        left, until = self.ask("GET", path)["metadata"]["resourceVersion"], time.monotonic() + _WAITS_S
        while self.ask("GET", path)["metadata"]["resourceVersion"] == left:
            if time.monotonic() > until:
                nudge = {"metadata": {"annotations": {"test/nudge": verb}}}
                self.ask("PATCH", path, nudge, "application/merge-patch+json")
                break
            time.sleep(0.1)
        return ran.stdout + ran.stderr

    def restart_api_server(self) -> None:
        """Stop the API server and start it again on the same port over the same etcd."""
        self._stop.close()
        self._stop.enter_context(self._start())
        _wait(self)


@contextlib.contextmanager
def cluster(folder: Path, *, argo: bool = True) -> Iterator[Cluster]:
    """A cluster with Argo Rollouts' resources; its controllers and the kubelet's stand-in only with `argo`."""
    for program in ("kube-apiserver", "kube-controller-manager", "rollouts-controller", "crds"):
        built(program)
    _certificates(folder)
    with contextlib.ExitStack() as stack:
        etcd = stack.enter_context(_etcd(folder))
        api = stack.enter_context(contextlib.ExitStack())
        port = free_port()
        made = Cluster(f"https://127.0.0.1:{port}", folder, port, api, lambda: _api_server(folder, etcd, port))
        api.enter_context(made._start())
        _wait(made)
        _resources(made)
        _roles(made)
        if argo:
            stack.enter_context(_controllers(made))
            stack.enter_context(kubelet(made.url, ADMIN, made.ca))
        yield made


@contextlib.contextmanager
def _etcd(folder: Path) -> Iterator[str]:
    client, peer = free_port(), free_port()
    command = [
        binary("etcd"),
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls=http://127.0.0.1:{client}",
        f"--advertise-client-urls=http://127.0.0.1:{client}",
        f"--listen-peer-urls=http://127.0.0.1:{peer}",
        f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
        f"--initial-cluster=default=http://127.0.0.1:{peer}",
        "--unsafe-no-fsync",
    ]
    with process(command, folder / "etcd.log"):
        yield f"http://127.0.0.1:{client}"


@contextlib.contextmanager
def _api_server(folder: Path, etcd: str, port: int) -> Iterator[None]:
    tokens = [f'{ADMIN},admin,1,"system:masters"', f"{VIEWER},viewer,2", f"{HALF},half,3"]
    (folder / "tokens.csv").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    command = [
        built("kube-apiserver"),
        f"--etcd-servers={etcd}",
        f"--secure-port={port}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--cert-dir={folder / 'certs'}",
        f"--tls-cert-file={folder / 'server.crt'}",
        f"--tls-private-key-file={folder / 'server.key'}",
        f"--client-ca-file={folder / 'ca.crt'}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        f"--service-account-key-file={folder / 'server.key'}",
        f"--service-account-signing-key-file={folder / 'server.key'}",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--service-cluster-ip-range=10.96.0.0/24",
        "--authorization-mode=RBAC",
        "--disable-admission-plugins=ServiceAccount",
        "--endpoint-reconciler-type=none",
        "-v=1",
    ]
    with process(command, folder / "apiserver.log"):
        yield


@contextlib.contextmanager
def _controllers(made: Cluster) -> Iterator[None]:
    config = f"--kubeconfig={made.kubeconfig()}"
    of_kubernetes = [
        built("kube-controller-manager"),
        config,
        "--controllers=deployment-controller,replicaset-controller,garbage-collector-controller",
        "--leader-elect=false",
        "--secure-port=0",
    ]
    of_argo = [
        built("rollouts-controller"),
        config,
        "--namespace=default",
        "--leader-elect=false",
        f"--metricsPort={free_port()}",
        f"--healthzPort={free_port()}",
        "--loglevel=warn",
    ]
    logs = made.folder
    with process(of_kubernetes, logs / "controllers.log"), process(of_argo, logs / "rollouts.log"):
        yield


def _wait(made: Cluster) -> None:
    until = time.monotonic() + _READY_S
    while time.monotonic() < until:
        try:
            made.ask("GET", "/api/v1/namespaces/default")
            return
        except (OSError, ValueError):
            time.sleep(0.1)
    pytest.fail(f"the API server is not ready:\n{(made.folder / 'apiserver.log').read_text(errors='replace')[-2000:]}")


def _resources(made: Cluster) -> None:
    """The custom resources of Argo Rollouts, as it ships them."""
    from ruamel.yaml import YAML

    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    for file in sorted(Path(built("crds")).glob("*.yaml")):
        made.apply(path, YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8")))
    until = time.monotonic() + _READY_S
    for plural in ("rollouts", "analysisruns", "experiments"):
        while time.monotonic() < until:
            try:
                made.ask("GET", f"/apis/argoproj.io/v1alpha1/namespaces/default/{plural}")
                break
            except urllib.error.HTTPError:
                time.sleep(0.1)


def _roles(made: Cluster) -> None:
    """What the viewer may, and what somebody may who was forgotten when the status was made a resource of its own."""
    look = {"apiGroups": ["argoproj.io", "apps"], "resources": ["*"], "verbs": ["get", "list", "watch"]}
    half = {"apiGroups": ["argoproj.io"], "resources": ["rollouts"], "verbs": ["patch"]}
    path = "/apis/rbac.authorization.k8s.io/v1"
    for user, rules in (("viewer", [look]), ("half", [look, half])):
        role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": f"t-{user}"}}
        made.apply(f"{path}/clusterroles", {**role, "rules": rules})
        binding = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": f"t-{user}"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": f"t-{user}"},
            "subjects": [{"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}],
        }
        made.apply(f"{path}/clusterrolebindings", binding)


def _certificates(folder: Path) -> None:
    """An authority, a server it vouches for under two names, and a client that is an administrator."""
    folder.mkdir(parents=True, exist_ok=True)
    _openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test-ca",
             "-keyout", "ca.key", "-out", "ca.crt")  # fmt: skip
    for name, subject, extension in (
        ("server", "/CN=kube", f"subjectAltName=IP:127.0.0.1,DNS:{SERVER_NAME}"),
        ("named", "/CN=kube", f"subjectAltName=DNS:{SERVER_NAME}"),
        ("client", "/O=system:masters/CN=ops", "extendedKeyUsage=clientAuth"),
    ):
        (folder / f"{name}.ext").write_text(extension, encoding="utf-8")
        _openssl(folder, "req", "-newkey", "rsa:2048", "-nodes", "-subj", subject,
                 "-keyout", f"{name}.key", "-out", f"{name}.csr")  # fmt: skip
        _openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
                 "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.crt")  # fmt: skip


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run([binary("openssl"), *arguments], cwd=folder, check=True, capture_output=True, timeout=60)
