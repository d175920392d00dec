"""The Kubernetes client over the fake cluster, with short deadlines and a clock moved by hand."""

from __future__ import annotations

from pathlib import Path

from adapters.contract import Context, Permit
from adapters.kube import Access, Informer, Kube, Resource
from tests.kube_fake import FakeCluster, HandClock, settle

ROLLOUTS = Resource("argoproj.io", "v1alpha1", "rollouts", "Rollout")
PERMIT = Permit("")
DEADLINE_S = 5.0


def kube(cluster: FakeCluster, clock: HandClock | None = None, *, deadline_s: float = DEADLINE_S) -> Kube:
    """A client of the fake."""
    lent = Context("cluster", "r", clock or HandClock(), deadline_s, deadline_s, Path())
    return Kube(lent, Access("prod", "https://kube.test:6443", "default", token="t0ken"), client=cluster)


class Kept:
    """An informer of the fake's rollouts, and how often it reported a change."""

    def __init__(self, cluster: FakeCluster) -> None:
        self.clock = HandClock()
        self.changes = 0
        self.client = kube(cluster, self.clock)
        self.mirror = Informer(self.client, ROLLOUTS, self.clock, changed=self._changed)

    def _changed(self) -> None:
        self.changes += 1

    async def weight(self, name: str = "web") -> object:
        """The one number that the tests move."""
        return (await self.mirror.get(name))["spec"].get("weight")

    async def aclose(self) -> None:
        await self.mirror.aclose()
        await self.client.aclose()
        await settle()
