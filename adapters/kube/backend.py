"""The base of every deploy backend on Kubernetes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from adapters.contract import Context, Rejected
from adapters.kube.access import Access
from adapters.kube.client import Kube, Resource
from adapters.kube.informer import Informer
from adapters.kube.permissions import Need, Permissions
from adapters.transport import HttpBackend

if TYPE_CHECKING:
    import httpx

TokenT = TypeVar("TokenT")


class KubeBackend(HttpBackend):
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
        self._context = context
        self._kube = Kube(context, access, namespace, client)
        super().__init__(self._kube.transport)
        self._permissions = Permissions(self._kube, needs, context.clock, changed=context.changed)
        self._informers: list[Informer] = []

    def _informer(self, resource: Resource) -> Informer:
        """Make an informer that stops with this backend."""
        self._informers.append(Informer(self._kube, resource, self._context.clock, changed=self._context.changed))
        return self._informers[-1]

    def _parse_token(self, parse: Callable[[str], TokenT | None], seen: str, verb: str) -> TokenT:
        """Parse the guard token of a call. Raises Rejected."""
        if (token := parse(seen)) is None:
            raise Rejected(self.source, verb, "not sent: the revision of the reading cannot be parsed")
        return token

    async def aclose(self) -> None:
        """Stop the informers and close the connections."""
        for informer in self._informers:
            await informer.aclose()
        await self._permissions.aclose()
        await super().aclose()
