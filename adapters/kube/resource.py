"""Kinds of objects of a cluster: group, version, plural, and their paths."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object within one namespace."""

    group: str
    """ "" is the core group."""
    version: str
    plural: str
    kind: str

    def path(self, namespace: str, name: str | None = None, subresource: str | None = None) -> str:
        """The path of the collection, of one object, or of its subresource."""
        root = f"/apis/{self.group}" if self.group else "/api"
        parts = [f"{root}/{self.version}/namespaces/{quote(namespace, safe='')}/{self.plural}"]
        parts += [quote(part, safe="") for part in (name, subresource) if part is not None]
        return "/".join(parts)

    def rbac_name(self, subresource: str | None = None) -> str:
        """The name that RBAC uses: "rollouts/status"."""
        return self.plural if subresource is None else f"{self.plural}/{subresource}"


DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
REPLICA_SETS = Resource("apps", "v1", "replicasets", "ReplicaSet")
