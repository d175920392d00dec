"""Flagger's adapter over the FAKE cluster: a Canary whose status a test writes, as Flagger's controller would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from adapters.contract import LAST_STEP, Context, Permit, Setting, TargetReading, TargetRef
from adapters.deploy.flagger.backend import Flagger
from adapters.deploy.flagger.wire import Canary
from adapters.kube import Access
from tests.kube_fake import FakeCluster, HandClock, Json, settle

WEB = TargetRef("web", "podinfo")
LEAVE = Permit("")
END = Setting(None, step=LAST_STEP)
GATES = "http://warroom.ops:22800"


def hook(kind: str, url: str | None = None) -> Json:
    """A webhook; without an address one of ours."""
    return {"name": f"our {kind}", "type": kind, "url": url or f"{GATES}/flagger/{kind}"}


ALL_GATES = [hook(kind) for kind in ("confirm-rollout", "confirm-traffic-increase", "confirm-promotion", "rollback")]


def canary_object(
    status: Json | None = None, *, webhooks: list[Json] | None = None, spec: Json | None = None, **analysis: Any
) -> Json:
    """A Canary as the cluster holds it: 10, 30, 50 % by default."""
    said: Json = {"interval": "30s", "threshold": 5, "stepWeights": [10, 30, 50], **analysis}
    said["webhooks"] = ALL_GATES if webhooks is None else webhooks
    begun: Json = {"phase": "Initialized", "lastAppliedSpec": "v1", "lastPromotedSpec": "v1"}
    return {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": "podinfo", "generation": 1},
        "spec": {"targetRef": {"kind": "Deployment", "name": "podinfo"}, "analysis": said, **(spec or {})},
        "status": {**begun, **(status or {})},
    }


def target_object(version: str = "v1", kind: str = "Deployment", **pod: Any) -> Json:
    """The target of a Canary, with an image of this version."""
    spec = {"containers": [{"name": "app", "image": f"registry.test/podinfo:{version}"}], **pod}
    template = {"metadata": {"labels": {"app": "podinfo"}}, "spec": spec}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "podinfo"}, "spec": {"template": template}}


def canary(status: Json | None = None, **more: Any) -> Canary:
    return Canary.model_validate(canary_object(status, **more))


def under_way(weight: int, phase: str = "Progressing", **more: Any) -> Json:
    """The status of a release at some weight."""
    return {"phase": phase, "canaryWeight": weight, "lastAppliedSpec": "v2", "lastPromotedSpec": "v1", **more}


class Mesh:
    """One cluster with one Canary, and the adapters of as many consoles as a test wants."""

    def __init__(self, status: Json | None = None, **more: Any) -> None:
        self.cluster = FakeCluster()
        self.clock = HandClock()
        self.cluster.put("canaries", canary_object(status, **more))
        self.cluster.put("deployments", target_object())
        self.opened: list[Flagger] = []

    def console(self, gates: str | None = GATES) -> Flagger:
        """An adapter as one console has it."""
        context = Context("cluster", "r", self.clock, 2.0, 2.0, Path())
        self.opened.append(
            Flagger(context, Access("prod", "https://kube.test", "default", token="t0ken"), None, gates, self.cluster)
        )
        return self.opened[-1]

    def becomes(self, **status: Any) -> None:
        """Flagger writes another status."""
        self.cluster.change("canaries", "podinfo", lambda found: found["status"].update(status))

    def says(self, message: str, seconds_ago: float = 0.0, kind: str = "Warning") -> None:
        """Flagger records an event."""
        at = self.clock.now().timestamp() - seconds_ago
        stamp = self.clock.now().fromtimestamp(at, self.clock.now().tzinfo).isoformat()
        number = len(self.cluster.objects.get("events", {}))
        about = {"kind": "Canary", "name": "podinfo"}
        said = {"metadata": {"name": f"e{number}"}, "involvedObject": about, "type": kind, "message": message}
        self.cluster.put("events", {**said, "lastTimestamp": stamp})

    @property
    def spec(self) -> Json:
        found: Json = self.cluster.objects["canaries"]["podinfo"]["spec"]
        return found

    async def aclose(self) -> None:
        for backend in self.opened:
            await backend.aclose()
        await settle()


async def read(backend: Flagger) -> TargetReading:
    return await backend.read_target(WEB)
