"""Ask the cluster for our permissions before a key is offered. Keep the answers for minutes.

Source: Kubernetes documentation, "Checking API access": SelfSubjectAccessReview.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from adapters.contract import BackendError, Clock
from adapters.kube.client import Kube, Resource

KEPT_S = 300.0
"""How long the answers are kept."""
AGAIN_S = 30.0
"""How long a cluster that gave no answer is left alone."""


@dataclass(frozen=True, slots=True)
class Need:
    """One permission that verbs need."""

    resource: Resource
    verb: str
    subresource: str | None = None

    def __str__(self) -> str:
        return f"{self.verb} on {self.resource.plural}" + (f"/{self.subresource}" if self.subresource else "")


class Permissions:
    """The answers for a fixed set of needs. Without an answer a need counts as granted: the cluster will refuse."""

    def __init__(self, kube: Kube, needs: Sequence[Need], clock: Clock, *, changed: Callable[[], None]) -> None:
        self._kube = kube
        self._needs = tuple(needs)
        self._clock = clock
        self._changed = changed
        self._lacking: frozenset[Need] = frozenset()
        self._ask_at = float("-inf")
        self._task: asyncio.Task[None] | None = None

    def lacking(self, needs: Mapping[str, tuple[Need, ...]]) -> dict[str, str]:
        """Map each verb that lacks a permission to a line: "you lack patch on rollouts/status in shop".

        Asks the cluster in the background when the answers are old.
        """
        if self._clock.monotonic() >= self._ask_at and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._ask(), name=f"permissions {self._kube.source}")
        if not self._lacking:
            return {}
        where = self._kube.namespace
        found = {verb: [str(need) for need in wanted if need in self._lacking] for verb, wanted in needs.items()}
        return {verb: f"you lack {' and '.join(lacked)} in {where}" for verb, lacked in found.items() if lacked}

    async def aclose(self) -> None:
        """Stop a question under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _ask(self) -> None:
        self._ask_at = self._clock.monotonic() + AGAIN_S
        answers = await asyncio.gather(*(self._is_lacking(need) for need in self._needs))
        if None not in answers:
            self._ask_at = self._clock.monotonic() + KEPT_S
        lacking = frozenset(need for need, lacked in zip(self._needs, answers, strict=True) if lacked)
        if lacking != self._lacking:
            self._lacking = lacking
            self._changed()

    async def _is_lacking(self, need: Need) -> bool | None:
        try:
            return not await self._kube.is_allowed(need.resource, need.verb, need.subresource)
        except BackendError:
            return None
