"""A FAKE Flagger controller over the fake cluster, moved by hand: `look` is one look at one Canary.

It follows the scheduler of Flagger 1.36 in what decides whether a gate is asked and what an answer does:
confirm-rollout before it begins, the rollback webhook before everything else once it has, confirm-traffic-increase
before each weight and once more at the last, confirm-promotion there, twice for a blue-green.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from adapters.deploy.flagger.steps import weights
from adapters.deploy.flagger.wire import Canary
from tests.flagger_rig import target_object
from tests.kube_fake import FakeCluster, Json

Ask = Callable[[str, bytes], Awaitable[int]]
"""(kind of webhook, body) -> HTTP status."""


class Controller:
    """The controller of every Canary in the fake."""

    def __init__(self, cluster: FakeCluster, ask: Ask) -> None:
        self.cluster = cluster
        self.ask = ask
        self.between: Callable[[], None] = lambda: None
        """Called after a yes to confirm-rollout, before Flagger reads again the template it is to start."""
        self.healthy = True
        self.passed: list[str] = []
        """Gates that let it on, in order: "confirm-traffic-increase at 10"."""

    @property
    def wanted(self) -> str:
        """The release that the target asks for."""
        found = self.cluster.objects["deployments"]["podinfo"]["spec"]["template"]["spec"]["containers"][0]["image"]
        return str(found).rpartition(":")[2]

    @wanted.setter
    def wanted(self, version: str) -> None:
        self.cluster.put("deployments", target_object(version))

    async def look(self, name: str = "podinfo") -> None:
        """One look, as its clock makes it take once per interval."""
        canary = self._canary(name)
        status, analysis = canary.status, canary.analysis
        if canary.suspend:
            return
        if status.phase in ("Initialized", "Succeeded", "Failed", "Waiting"):
            if self.wanted not in (status.applied, status.promoted):
                await self._begin(canary)
            return
        if status.phase == "Promoting":
            self._becomes(name, phase="Finalising", canaryWeight=0)
        elif status.phase == "Finalising":
            self._becomes(name, phase="Succeeded", lastPromotedSpec=status.applied)
        elif await self._yes(canary, "rollback") is True:
            self._becomes(name, phase="Failed", canaryWeight=0)
        elif status.weight and not self.healthy:
            failed = status.failed_checks + 1
            back = {"phase": "Failed", "canaryWeight": 0} if failed >= analysis.threshold else {}
            self._becomes(name, failedChecks=failed, **back)
        elif analysis.iterations:
            await self._count(canary)
        else:
            await self._raise(canary)

    async def _begin(self, canary: Canary) -> None:
        if await self._yes(canary, "confirm-rollout") is False:
            self._becomes(canary.meta.name, phase="Waiting")
            return
        self.between()
        self._becomes(canary.meta.name, phase="Progressing", canaryWeight=0, iterations=0, lastAppliedSpec=self.wanted)

    async def _raise(self, canary: Canary) -> None:
        status, each = canary.status, weights(canary.analysis)
        if status.phase == "Progressing" and await self._yes(canary, "confirm-traffic-increase") is False:
            return
        if status.weight < each[-1]:
            self._becomes(canary.meta.name, canaryWeight=next(weight for weight in each if weight > status.weight))
        elif await self._yes(canary, "confirm-promotion") is False:
            self._becomes(canary.meta.name, phase="WaitingPromotion")
        else:
            self._becomes(canary.meta.name, phase="Promoting")

    async def _count(self, canary: Canary) -> None:
        status, rounds = canary.status, canary.analysis.iterations
        if status.iterations < rounds:
            self._becomes(canary.meta.name, iterations=status.iterations + 1)
        elif await self._yes(canary, "confirm-promotion") is False:
            self._becomes(canary.meta.name, phase="WaitingPromotion", iterations=rounds)
        elif status.iterations == rounds and not canary.analysis.match:
            self._becomes(canary.meta.name, iterations=rounds + 1)
        else:
            self._becomes(canary.meta.name, phase="Promoting")

    async def _yes(self, canary: Canary, kind: str) -> bool | None:
        """Whether a gate lets it on; None where there is none."""
        if canary.webhook(kind) is None:
            return None
        checksum = canary.status.applied  # of what was begun last, so before a release has begun of the one before it
        told = {"name": canary.meta.name, "namespace": "default", "phase": "Progressing", "checksum": checksum}
        passed = await self.ask(kind, json.dumps(told).encode()) <= 202
        if passed:
            self.passed.append(f"{kind} at {canary.status.weight}")
        return passed

    def _canary(self, name: str) -> Canary:
        return Canary.model_validate(self.cluster.objects["canaries"][name])

    def _becomes(self, name: str, **status: Any) -> None:
        def edit(found: Json) -> None:
            found["status"].update(status)

        self.cluster.change("canaries", name, edit)
