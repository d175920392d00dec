"""The base of every deploy backend on Kubernetes: its connection, permissions, warnings and redaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from adapters.contract import Context
from adapters.kube.access import Access
from adapters.kube.client import Kube
from adapters.kube.permissions import Need, Permissions

if TYPE_CHECKING:
    import httpx


class KubeBackend:
    """A backend in one namespace of one cluster."""

    def __init__(
        self,
        context: Context,
        access: Access,
        namespace: str | None,
        client: httpx.AsyncBaseTransport | None,
        needs: Sequence[Need],
    ) -> None:
        """Opens nothing. `needs`: the permissions of its verbs. Raises ConnectError as `Kube` does."""
        self.source = context.source
        self._context = context
        self._kube = Kube(context, access, namespace, client)
        self._permissions = Permissions(self._kube, needs, context.clock, changed=context.changed)

    @property
    def cautions(self) -> tuple[str, ...]:
        """Warnings of the transport."""
        return self._kube.cautions

    def hide(self, text: str) -> str:
        """Redact with the transport."""
        return self._kube.hide(text)

    async def aclose(self) -> None:
        """Close the connections; a backend stops its informers first."""
        await self._permissions.aclose()
        await self._kube.aclose()
