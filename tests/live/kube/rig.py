"""The Argo and Deployment adapters against the live cluster, and waiting by condition."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from adapters.contract import Context, Permit, TargetReading, TargetRef
from adapters.deploy import argo
from adapters.deploy.argo.backend import Argo
from adapters.deploy.deployment.backend import Deployments
from adapters.testing import WallClock
from tests.live.kube.cluster import ADMIN, Cluster
from tests.live.kube.objects import ROLLOUTS, canary, rollout

LEAVE = Permit("")
PATIENCE_S = 120.0


def lent(deadline_s: float = 30.0) -> Context:
    return Context("cluster", "r", WallClock(), deadline_s, deadline_s, Path())


def argo_of(cluster: Cluster, token: str = ADMIN, *, deadline_s: float = 30.0, config: Path | None = None) -> Argo:
    """An adapter as one console has it."""
    return argo.connect(argo.Options(kubeconfig=config or cluster.kubeconfig(token)), lent(deadline_s))


def target(name: str) -> TargetRef:
    return TargetRef(name, name)


async def until(read: Callable[[], Awaitable[Any]], seen: Callable[[Any], object]) -> Any:
    """Read again and again until it is as wanted."""
    deadline = time.monotonic() + PATIENCE_S
    while not seen(found := await read()):
        assert time.monotonic() < deadline, f"still {found}"
        await asyncio.sleep(0.05)
    return found


async def reading(backend: Argo | Deployments, name: str, seen: Callable[[TargetReading], object]) -> TargetReading:
    """The target's reading once it is as wanted."""
    try:
        found: TargetReading = await until(lambda: backend.read_target(target(name)), seen)
    except AssertionError:
        last = await backend.read_target(target(name))
        raise AssertionError(f"{name} still reads {last!r}") from None
    return found


async def applied(cluster: Cluster, found: dict[str, Any]) -> None:
    """Set a Rollout and wait until its controller has taken it up.

    Argo's controller overlooks what arrives in the moment of its own write, for as long as nothing else is written: so
    it is written again, as a colleague would who sees that nothing happens.
    """
    path, at_times = f"{ROLLOUTS}/{found['metadata']['name']}", itertools.count()
    await asyncio.to_thread(cluster.apply, ROLLOUTS, found)

    async def taken_up() -> bool:
        kept = await asyncio.to_thread(cluster.ask, "GET", path)
        if kept.get("status", {}).get("observedGeneration") == str(kept["metadata"]["generation"]):
            return True
        if (tries := next(at_times)) % 40 == 39:
            nudge = {"metadata": {"annotations": {"test/nudge": str(tries)}}}
            await asyncio.to_thread(cluster.ask, "PATCH", path, nudge, "application/merge-patch+json")
        return False

    await until(taken_up, bool)


async def deployed(cluster: Cluster, backend: Argo, name: str, *steps: dict[str, Any], **more: Any) -> None:
    """A Rollout whose version 1 is stable and whose version 2 was just set."""
    strategy = more.pop("strategy", None) or canary(*steps)
    for image in (f"{name}:1", f"{name}:2"):
        await applied(cluster, rollout(name, image, strategy, **more))
        if image.endswith(":1"):
            await reading(backend, name, lambda found: found.phase == "healthy")


def status(cluster: Cluster, name: str) -> dict[str, Any]:
    found: dict[str, Any] = cluster.ask("GET", f"{ROLLOUTS}/{name}")["status"]
    return found
