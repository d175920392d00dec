"""Plan keys of every Kubernetes adapter, and the way to its cluster.

Here too: `prepare`, which every such adapter has.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, field_validator

from adapters.contract import ConnectError
from adapters.kube import kubeconfig
from adapters.kube.access import Access, NoAccess
from adapters.kube.login import log_in
from adapters.sanitize import one_line
from adapters.transport import Tls

CONTEXT = "WARROOM_KUBE_CONTEXT"
"""Set by `--context`: the kubeconfig context of backends whose plan names none."""
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""The folder of a pod's service account."""
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


class KubeOptions(BaseModel):
    """The cluster and the namespace of a backend."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kubeconfig: Path | None = None
    """Replaces $KUBECONFIG and ~/.kube/config."""
    context: str | None = None
    """Replaces the kubeconfig's current context, which may differ from operator to operator."""
    namespace: str | None = None
    """Replaces the context's namespace."""

    @field_validator("namespace")
    @classmethod
    def _a_namespace(cls, value: str | None) -> str | None:
        if value is not None and not _LABEL.fullmatch(value):
            raise ValueError("is not the name of a namespace")
        return value

    def access(self, source: str) -> Access:
        """Find the way to the cluster: a kubeconfig, else the pod we run in. Runs nothing.

        Raises:
            ConnectError: there is no way, or --context names another context than the plan.
        """
        wanted = os.environ.get(CONTEXT) or None
        if self.context is not None and wanted not in (None, self.context):
            other = f"--context {one_line(wanted, 80)} is not the plan's context {one_line(self.context, 80)}"
            raise ConnectError(f"{source}: {other}")
        try:
            if found := kubeconfig.files(self.kubeconfig, os.environ):
                return kubeconfig.access(found, self.context or wanted)
            if (inside := pod_access(os.environ)) is not None and (self.context or wanted) is None:
                return inside
        except NoAccess as error:
            raise ConnectError(f"{source}: {error}") from None
        raise ConnectError(f"{source}: no kubeconfig: neither $KUBECONFIG nor ~/.kube/config, and not in a pod")


def pod_access(environment: Mapping[str, str], account: Path = ACCOUNT) -> Access | None:
    """Read the access of the pod we run in, by its account; None outside a pod.

    Source: Kubernetes documentation, "Accessing the Kubernetes API from a Pod".

    Raises:
        NoAccess: the pod's account cannot be read.
    """
    host, port = environment.get("KUBERNETES_SERVICE_HOST"), environment.get("KUBERNETES_SERVICE_PORT")
    token = account / "token"
    if not host or not port or not token.exists():
        return None
    try:
        ca = (account / "ca.crt").read_bytes()
        namespace = (account / "namespace").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise NoAccess(f"the pod's account in {account} cannot be read") from None
    shown = f"[{host}]" if ":" in host else host
    return Access(
        context="in-cluster",
        server=f"https://{shown}:{port}",
        namespace=namespace or "default",
        tls=Tls(only=ca),
        token_file=token,
    )


async def prepare(options: KubeOptions, source: str, *, terminal: bool) -> None:
    """Log in by plugin, if any, while the terminal is still free.

    Raises:
        ConnectError: there is no way to the cluster, or the login failed.
    """
    access = options.access(source)
    try:
        await log_in(access, terminal=terminal)
    except NoAccess as error:
        raise ConnectError(f"{source}: {error}") from None
