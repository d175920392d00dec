"""The verbs of a plain Deployment; it undoes to explicit revisions only.

"The previous revision" is never requested: an undo makes a new, higher revision, so two people who press it at the same
time would end on the bad version again.
"""

from __future__ import annotations

import httpx

from adapters.contract.backends import Capabilities, Order
from adapters.contract.context import Context, Permit
from adapters.contract.errors import BackendError, Rejected
from adapters.contract.targets import Setting, TargetReading, TargetRef
from adapters.deploy.deployment.reading import reading_of
from adapters.deploy.deployment.wire import HASH_LABEL, REVISION, Deployment, GuardToken
from adapters.kube import DEPLOYMENTS, REPLICA_SETS, Access, KubeBackend, Need, Object, Patch
from adapters.kube.jsonpatch import Operation, add, check, replace
from adapters.kube.objects import OwnerIndex, ParseCache, replica_set_of_revision, replica_set_of_version, template_of
from adapters.kube.wire import ReplicaSet
from adapters.sanitize import one_line

MAY_PATCH = Need(DEPLOYMENTS, "patch")
_NEEDS = dict.fromkeys(("pause", "resume", "abort", "undo", "restart"), (MAY_PATCH,))
RESTARTED = "kubectl.kubernetes.io/restartedAt"
ORDERS = (
    Order("undo", "back to the revision named, as fast as its surge allows; makes a new revision"),
    Order("restart", "replaces every pod, a few at a time; makes a new revision"),
    Order("pause", "no more pods are replaced: a mixed fleet stays mixed", risky=False),
    Order("resume", "pods are replaced again"),
)


class Deployments(KubeBackend):
    """The Deployments of one namespace."""

    def __init__(
        self, context: Context, access: Access, namespace: str | None, client: httpx.AsyncBaseTransport | None = None
    ) -> None:
        """Opens nothing. Raises ConnectError as `Kube` does."""
        super().__init__(context, access, namespace, client, (MAY_PATCH,))
        self._deployments, self._owned = self._informer(DEPLOYMENTS), OwnerIndex(self._informer(REPLICA_SETS))
        self._parsed, self._parsed_sets = ParseCache(self.source, Deployment), ParseCache(self.source, ReplicaSet)

    def capabilities(self, target: TargetRef) -> Capabilities:
        """The verbs of every target. It advances by itself, without steps, and can be paused and undone."""
        return Capabilities(
            advances=True,
            can_pause=True,
            repeatable=True,
            owns_steps=True,
            meaning={
                "promote": f"nothing: a Deployment goes on by itself ({self._kube.where})",
                "halt": "pauses it: a mixed fleet stays mixed, and nothing steers the traffic",
                "rollback": "sets the template of the revision that was there before, and resumes it if it is paused",
            },
            orders=ORDERS,
        )

    async def read_target(self, target: TargetRef) -> TargetReading:
        """Read the Deployment and its pods' versions. Raises Missing, BackendError."""
        deployment = self._parsed.of(await self._deployments.get(target.name))
        try:
            sets = [self._parsed_sets.of(found) for found in await self._owned.of(deployment.meta.uid)]
        except BackendError:  # without its ReplicaSets no version is known, and so no rollback
            sets = []
        return reading_of(target, deployment, sets, self._context.clock.now(), self._permissions.lacking(_NEEDS))

    def step_calls(self, target: TargetRef, setting: Setting, seen: str | None) -> tuple[str, ...]:
        """List what `withdraw` would send to the Deployment that was seen."""
        if setting.version is None:
            return ()
        return (f"PATCH deployments/{target.name}: the template of version {setting.version}",)

    def order_calls(self, target: TargetRef, order: str, seen: str | None) -> tuple[str, ...]:
        """List what `order` would send to the Deployment that was seen."""
        where, (name, _, subject) = f"PATCH deployments/{target.name}", order.partition(" ")
        match name:
            case "undo":
                return (f"{where}: the template of revision {subject or '?'}",)
            case "restart":
                return (f"{where}: {RESTARTED} on its template",)
            case "pause" | "resume":
                return (f"{where}: spec.paused {'true' if name == 'pause' else 'false'}",)
            case _:
                return ()

    async def pause(self, target: TargetRef, permit: Permit) -> None:
        """Let no more pods be replaced. Harmless when repeated. Raises BackendError."""
        await self._deployments.patch(target.name, Patch((add("spec", "paused", value=True),)), "pause", permit)

    async def resume(self, target: TargetRef, permit: Permit) -> None:
        """End a pause. Raises Moved where it is not paused."""
        patch = Patch((check("spec", "paused", value=True), replace("spec", "paused", value=False)))
        await self._deployments.patch(target.name, patch, "resume", permit)

    async def withdraw(self, target: TargetRef, version: str | None, permit: Permit) -> None:
        """Make `version` the wanted one again, from a fresh read. A paused one is resumed with it.

        Raises:
            Moved: another template was set in between; repeat it.
            Missing: that version no longer has a ReplicaSet.
        """
        deployment = self._parsed.of(await self._deployments.fresh(target.name, "rollback"))
        sets = await self._owned.of(deployment.meta.uid)
        before = replica_set_of_version(self.source, sets, HASH_LABEL, version or "?")
        operations: tuple[Operation, ...] = ()
        if before["metadata"].get("annotations", {}).get(REVISION) != deployment.revision:
            operations = _undo(deployment.revision, before)
        if deployment.paused:
            operations = (*operations, replace("spec", "paused", value=False))
        if operations:
            await self._deployments.patch(target.name, Patch(operations), "rollback", permit)

    async def order(self, target: TargetRef, order: str, seen: str, permit: Permit) -> None:
        """Carry out one of ORDERS, guarded by the revision that was seen.

        Raises:
            Moved: it is at another revision by now.
            Rejected: there is no such order or revision, or it is paused.
        """
        name, _, subject = order.partition(" ")
        shown = self._parse_token(GuardToken.parse, seen, name)
        match name:
            case "undo":
                await self._deployments.patch(target.name, await self._undo_patch(target, shown, subject), name, permit)
            case "restart":
                await self._deployments.patch(target.name, await self._restart_patch(target, shown), name, permit)
            case "pause":
                await self.pause(target, permit)
            case "resume":
                await self.resume(target, permit)
            case _:
                raise Rejected(self.source, name, f"not sent: a Deployment has no {one_line(name, 40)!r}")

    async def _undo_patch(self, target: TargetRef, shown: GuardToken, number: str) -> Patch:
        deployment = self._parsed.of(await self._deployments.get(target.name))
        before = replica_set_of_revision(self.source, await self._owned.of(deployment.meta.uid), REVISION, number)
        if shown.paused:
            raise Rejected(self.source, "undo", "not sent: it is paused: resume it first")
        return Patch(_undo(shown.revision, before))

    async def _restart_patch(self, target: TargetRef, shown: GuardToken) -> Patch:
        if shown.paused:
            raise Rejected(self.source, "restart", "not sent: it is paused: resume it first")
        found = await self._deployments.get(target.name)
        at = self._context.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        guard = check("metadata", "annotations", REVISION, value=shown.revision)
        meta = found["spec"]["template"].get("metadata") or {}
        if meta.get("annotations"):
            return Patch((guard, add("spec", "template", "metadata", "annotations", RESTARTED, value=at)))
        return Patch((guard, add("spec", "template", "metadata", "annotations", value={RESTARTED: at})))


def _undo(shown_revision: str, before: Object) -> tuple[Operation, ...]:
    """Set the template of `before` again, if the revision is still `shown_revision`."""
    return (
        check("metadata", "annotations", REVISION, value=shown_revision),
        replace("spec", "template", value=template_of(before, HASH_LABEL)),
    )
