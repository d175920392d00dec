"""Send patches at a quiet moment; wake a controller that overlooked one.

Argo's controller stores the reply to its own write into its cache last (1.9: writeBackToInformer). A change that
arrives at that very moment is overwritten there, and then has no effect until the next write of the object: for many
minutes.
"""

from __future__ import annotations

import asyncio
import contextlib
import math

from adapters.contract import BackendError, Context, Permit, TargetRef
from adapters.deploy.argo import patches
from adapters.deploy.argo.store import Store
from adapters.kube import Patch
from adapters.kube.client import is_newer, version_of

SETTLE_S = 1.0
"""How long a Rollout must be quiet before it is changed, unless it is to be paused. While it is not quiet its
controller's next write repairs an overlooked change, so no call waits longer than this."""
WAKE_S = 2.0
"""How long a Rollout may stay unwritten after a call of ours before its controller is woken, once: any write makes it
look again, and an annotation is the smallest."""
MARGIN_S = 0.5
"""No call begins within this time before the write deadline."""
_LOOK_S = 0.05


class Sender:
    """The one way out to the Rollouts of a namespace. `settle_s`: SETTLE_S. `wake_s`: WAKE_S; None: never."""

    def __init__(self, store: Store, context: Context) -> None:
        self.settle_s = SETTLE_S
        self.wake_s: float | None = WAKE_S
        self._store = store
        self._context = context
        self._answered: dict[str, tuple[str, float]] = {}
        """Rollout -> (its version after our last call, the time of that call on the loop's clock)."""

    @property
    def patience_s(self) -> float:
        """WAKE_S, or what this plan's write deadline leaves of it."""
        return math.inf if self.wake_s is None else min(self.wake_s, self._context.write_deadline_s / 2)

    def until(self, began: float) -> float:
        """The end of a verb's wait, on the loop's clock."""
        within_s = self._context.write_deadline_s
        return began + within_s - min(MARGIN_S, within_s / 4)

    async def send(self, target: TargetRef, patch: Patch, verb: str, permit: Permit) -> None:
        """Send one guarded call. Raises BackendError."""
        if not patch.urgent and (hasty_s := self.settle_s - self._store.rollouts.idle_s(target.name)) > 0:
            await self._context.clock.sleep(hasty_s)
        found = await self._store.rollouts.patch(target.name, patch, verb, permit)
        self._answered[target.name] = version_of(found), asyncio.get_running_loop().time()

    async def send_and_wait(self, target: TargetRef, patch: Patch, verb: str, permit: Permit) -> None:
        """Send, then wait for the controller. Raises BackendError of the call alone."""
        began = asyncio.get_running_loop().time()
        await self.send(target, patch, verb, permit)
        await self.wait_for_controller(target, verb, permit, began)

    async def wait_for_controller(self, target: TargetRef, verb: str, permit: Permit, began: float) -> bool:
        """Wait for the first write after our last call. Wake the controller where none comes in time.

        Returns whether it was woken. Raises nothing: the call itself was accepted. It ends before the deadline of a
        verb that `began` then.
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
        """Have the controller look at the Rollout again. Harmless; errors are ignored."""
        with contextlib.suppress(BackendError):
            await self.send(target, patches.wake(self._context.clock.now()), verb, permit)
