"""Access to the cluster we run in, by the pod's account.

Source: Kubernetes documentation, "Accessing the Kubernetes API from a Pod".
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from adapters.kube.access import Access, NoAccess

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""The folder of a pod's service account."""


def access(environment: Mapping[str, str], account: Path = ACCOUNT) -> Access | None:
    """Read the pod's own access; None outside a pod. Raises NoAccess: we are in a pod whose account cannot be read."""
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
        ca=ca,
        token_file=token,
    )
