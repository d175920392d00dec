"""Sends a patch to a Rollout at a moment in which its controller hears of it, and wakes a controller that did not.

Argo's controller puts the answer to its own write into its memory last (1.9: writeBackToInformer). What arrives in that
very moment is overwritten there, and is then not acted upon until somebody writes the object again: for many minutes.
"""

from __future__ import annotations

import asyncio
import contextlib
import math

from adapters.contract import BackendError, Context, Permit, TargetRef
from adapters.deploy.argo import patches
from adapters.deploy.argo.patches import RolloutPatch
from adapters.deploy.argo.store import Store
from adapters.deploy.argo.wire import ROLLOUTS
from adapters.kube import Kube
from adapters.kube.client import is_newer, version_of

SETTLE_S = 1.0
"""How long a Rollout has to be quiet before it is changed, unless it is to be paused. While it is not quiet its
controller's next write heals what it overlooked, so nobody waits longer than this."""
WAKE_S = 2.0
"""How long nothing may be written to a Rollout after a call of ours until its controller is woken, once: whatever is
written to the object next makes it look again, and an annotation is the least that can be."""
MARGIN_S = 0.5
"""How long before the write deadline nothing is begun any more."""
_LOOK_S = 0.05


class Sender:
    """The one way out to the Rollouts of a namespace. `settle_s`: SETTLE_S. `wake_s`: WAKE_S; None: never."""

    def __init__(self, kube: Kube, store: Store, context: Context) -> None:
        self.settle_s = SETTLE_S
        self.wake_s: float | None = WAKE_S
        self._kube = kube
        self._store = store
        self._context = context
        self._answered: dict[str, tuple[str, float]] = {}
        """Rollout -> its version as our last call left it, and when that was, on the loop's clock."""

    @property
    def patience_s(self) -> float:
        """WAKE_S, or what this plan's write deadline leaves of it."""
        return math.inf if self.wake_s is None else min(self.wake_s, self._context.write_deadline_s / 2)

    def until(self, began: float) -> float:
        """When a verb that `began` (on the loop's clock) ends its waiting."""
        within_s = self._context.write_deadline_s
        return began + within_s - min(MARGIN_S, within_s / 4)

    async def send(self, target: TargetRef, patch: RolloutPatch, verb: str, permit: Permit) -> None:
        """One guarded call; what it answers is the newest that is known. Raises BackendError."""
        if not patch.urgent and (hasty_s := self.settle_s - self._store.idle_s(target.name)) > 0:
            await self._context.clock.sleep(hasty_s)
        try:
            found = await self._kube.patch(
                ROLLOUTS,
                target.name,
                patch.operations,
                permit=permit,
                verb=verb,
                subresource="status" if patch.status else None,
            )
        except BackendError:
            self._store.invalidate()  # whatever happened there, it is not what we thought
            raise
        self._answered[target.name] = version_of(found), asyncio.get_running_loop().time()
        self._store.put(found)

    async def send_and_wait(self, target: TargetRef, patch: RolloutPatch, verb: str, permit: Permit) -> None:
        """`send`, then `wait_for_controller`. Raises BackendError of the call alone."""
        began = asyncio.get_running_loop().time()
        await self.send(target, patch, verb, permit)
        await self.wait_for_controller(target, verb, permit, began)

    async def wait_for_controller(self, target: TargetRef, verb: str, permit: Permit, began: float) -> bool:
        """Wait until somebody has written after our last call; wake the controller where nobody does in time.

        Whether it was woken. Raises nothing: the call itself was accepted. It ends before the deadline of a verb that
        `began` then.
        """
        if self.wake_s is None or target.name not in self._answered:
            return False
        answered, at = self._answered[target.name]
        until, loop = self.until(began), asyncio.get_running_loop()
        wake_at = min(at + self.patience_s, until - MARGIN_S)
        with contextlib.suppress(BackendError, TimeoutError):
            async with asyncio.timeout_at(until):
                while not is_newer((await self._store.rollout(target.name)).meta.version, answered):
                    if loop.time() >= wake_at:
                        await self.wake(target, verb, permit)
                        return True
                    await asyncio.sleep(_LOOK_S)
        return False

    async def wake(self, target: TargetRef, verb: str, permit: Permit) -> None:
        """Have the controller look at it again; what does not help does no harm."""
        with contextlib.suppress(BackendError):
            await self.send(target, patches.wake(self._context.clock.now()), verb, permit)
