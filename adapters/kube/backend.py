"""The base of every deploy backend on Kubernetes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from adapters.contract import Context, Moved, Permit, Rejected, TargetRef
from adapters.kube import marks
from adapters.kube.access import Access
from adapters.kube.client import Kube, Object, Resource
from adapters.kube.informer import Informer
from adapters.kube.jsonpatch import Patch
from adapters.kube.permissions import Need, Permissions
from adapters.transport import HttpBackend

if TYPE_CHECKING:
    import httpx

TokenT = TypeVar("TokenT")
_MARK_TRIES = 3
"""Times that a mark is tried, where something else changes the object meanwhile."""


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
        """Opens nothing. Raises ConnectError as `Kube` does.

        Args:
            context: of the backend.
            access: to the cluster.
            namespace: replaces that of `access`.
            client: replaces the network, in tests.
            needs: the permissions of its verbs; the first is about the resource of its targets.
        """
        self._context = context
        self._resource = needs[0].resource
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

    async def mark(self, target: TargetRef, text: str, permit: Permit) -> None:
        """Add a mark to the annotation of the target's object. Raises BackendError; Moved where it changes often."""
        await self._change_marks(target, "mark", permit, lambda found: marks.mark_patch(found, text))

    async def unmark(self, target: TargetRef, text: str, permit: Permit) -> None:
        """Remove a mark from the annotation of the target's object. Raises BackendError, as `mark`."""
        await self._change_marks(target, "unmark", permit, lambda found: marks.unmark_patch(found, text))

    async def _change_marks(
        self, target: TargetRef, verb: str, permit: Permit, patch_of: Callable[[Object], Patch | None]
    ) -> None:
        for left in reversed(range(_MARK_TRIES)):
            patch = patch_of(await self._kube.get(self._resource, target.name, verb))
            if patch is None:
                return
            try:
                await self._kube.patch(self._resource, target.name, patch, verb, permit)
                return
            except Moved:
                if not left:
                    raise

    async def aclose(self) -> None:
        """Stop the informers and close the connections."""
        for informer in self._informers:
            await informer.aclose()
        await self._permissions.aclose()
        await super().aclose()
