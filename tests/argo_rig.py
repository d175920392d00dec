"""The Argo adapter over the fake cluster and the fake controller."""

from __future__ import annotations

from pathlib import Path

from adapters.contract import LAST_STEP, Context, Permit, Setting, TargetReading, TargetRef
from adapters.deploy.argo.backend import Argo
from adapters.kube import Access
from tests.argo_fake import Controller
from tests.kube_fake import FakeCluster, HandClock, Json, settle
from tests.reading_rig import steps_read

WEB = TargetRef("api", "web")
LEAVE = Permit("")
END = Setting(None, step=LAST_STEP)


class Site:
    """One Rollout, its controller, and as many consoles' adapters as a test wants."""

    def __init__(self, *steps: Json, replicas: int = 5) -> None:
        self.cluster = FakeCluster()
        self.clock = HandClock()
        self.controller = Controller(self.cluster, self.clock)
        self.controller.rollout("web", *steps, replicas=replicas)
        self.opened: list[Argo] = []

    def console(self, deadline_s: float = 2.0) -> Argo:
        """An adapter as one console has it."""
        context = Context("cluster", "r", self.clock, deadline_s, deadline_s, Path())
        access = Access("prod", "https://kube.test", "default", token="t0ken")
        self.opened.append(Argo(context, access, None, self.cluster))
        sender = self.opened[-1].sender
        sender.settle_s, sender.wake_s = 0.0, None
        return self.opened[-1]

    async def aclose(self) -> None:
        for backend in self.opened:
            await backend.aclose()
        await settle()

    @property
    def patches(self) -> list[str]:
        """The patches that reached the cluster, "status [..]" or "spec [..]" with the paths it changed."""
        told = []
        for sent in self.cluster.writes:
            changed = [f"{one['op']} {one['path']}" for one in sent.body if one["op"] != "test"]
            told.append(f"{'status' if sent.path.endswith('/status') else 'spec'}: {', '.join(changed)}")
        return told


async def read(backend: Argo) -> TargetReading:
    return await backend.read_target(WEB)


async def promote(backend: Argo, seen: TargetReading) -> None:
    """Promote as `p` and `y` do on a card that showed `seen`."""
    await backend.advance(WEB, Setting(None, step=(steps_read(seen).step or 0) + 1), str(seen.versions.revision), LEAVE)
