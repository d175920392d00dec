"""The one holder of the connected backends, swapped with an accepted plan."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable

from adapters.registry import ConnectError, UnknownAdapter
from console.engine.backends import Backends
from console.plan.nouns import Plan


class BackendSet:
    """Hold the backends in use.

    Ask for `current` at every call: after an await it may be another one.

    Args:
        connect: connects the backends of a plan. Raises ConnectError, UnknownAdapter.
        plan: to begin with.
    """

    def __init__(self, connect: Callable[[Plan], Backends], plan: Plan) -> None:
        self._connect = connect
        self.current = connect(plan)

    @contextlib.asynccontextmanager
    async def swapping(self, plan: Plan) -> AsyncIterator[Backends]:
        """Connect and use the backends of `plan`.

        The old ones are closed at the end of the block.

        Raises:
            ConnectError, UnknownAdapter: they cannot be connected; the old ones stay.
        """
        old, self.current = self.current, self._connect(plan)
        try:
            yield self.current
        finally:
            await old.aclose()

    async def connect_problem(self, plan: Plan) -> str | None:
        """Why the backends of `plan` cannot be connected here, or None."""
        try:
            trial = self._connect(plan)
        except (ConnectError, UnknownAdapter) as error:
            return str(error)
        await trial.aclose()
        return None

    async def aclose(self) -> None:
        """Close the backends in use."""
        await self.current.aclose()
