"""Plain Deployments: the adapter against a real API server and the real deployment controller."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest

from adapters.contract import Phase, TargetReading, Wait
from adapters.deploy import deployment as adapter
from adapters.deploy.deployment.backend import Deployments
from tests.live.kube.cluster import Cluster
from tests.live.kube.objects import DEPLOYMENTS, deployment
from tests.live.kube.rig import LEAVE, lent, reading, target
from tests.reading_rig import steps_read

pytestmark = pytest.mark.live
_numbers = itertools.count(1)


@pytest.fixture
def name() -> str:
    return f"plain{next(_numbers)}"


@pytest.fixture
async def consoles(kube: Cluster) -> AsyncIterator[list[Deployments]]:
    opened = [adapter.connect(adapter.Options(kubeconfig=kube.kubeconfig()), lent()) for _ in range(4)]
    yield opened
    await asyncio.gather(*(backend.aclose() for backend in opened))


def healthy(found: TargetReading) -> bool:
    return found.phase is Phase.HEALTHY


async def two_versions(kube: Cluster, console: Deployments, name: str, second: str) -> tuple[TargetReading, str]:
    """Version 1 was there, `second` was just set. Returns what version 1 read as, and its hash."""
    await asyncio.to_thread(kube.apply, DEPLOYMENTS, deployment(name, f"{name}:1"))
    first = await reading(console, name, healthy)
    await asyncio.to_thread(kube.apply, DEPLOYMENTS, deployment(name, f"{name}:{second}"))
    return first, str(first.versions.canary)


async def test_a_new_version_replaces_the_old_one(kube: Cluster, consoles: list[Deployments], name: str) -> None:
    _, old = await two_versions(kube, consoles[0], name, "2")
    done = await reading(consoles[0], name, lambda found: healthy(found) and found.versions.canary != old)
    assert (done.percent, steps_read(done).at_rest, done.versions.baseline) == (100, True, old)


async def test_a_pause_leaves_a_mixed_fleet_and_the_way_back_resumes_it(
    kube: Cluster, consoles: list[Deployments], name: str
) -> None:
    console = consoles[0]
    _, old = await two_versions(kube, console, name, "broken")
    await reading(console, name, lambda found: found.versions.canary not in (None, old))
    await console.pause(target(name), LEAVE)
    mixed = await reading(console, name, lambda found: steps_read(found).waits is Wait.MANUAL and bool(found.notes))
    assert mixed.notes[0].startswith("mixed fleet: 1 of 4 pods are new")
    await console.withdraw(target(name), old, LEAVE)
    back = await reading(console, name, lambda found: healthy(found) and found.versions.canary == old)
    assert steps_read(back).waits is None


async def test_four_who_go_back_at_once_end_on_the_version_before(
    kube: Cluster, consoles: list[Deployments], name: str
) -> None:
    _, old = await two_versions(kube, consoles[0], name, "2")
    await reading(consoles[0], name, lambda found: healthy(found) and found.versions.canary != old)
    calls = (backend.withdraw(target(name), old, LEAVE) for backend in consoles)
    await asyncio.gather(*calls, return_exceptions=True)
    await reading(consoles[0], name, lambda found: healthy(found) and found.versions.canary == old)
    await asyncio.gather(*(backend.withdraw(target(name), old, LEAVE) for backend in consoles))
    after = await reading(consoles[0], name, healthy)
    assert after.versions.canary == old


async def test_an_undo_and_a_restart(kube: Cluster, consoles: list[Deployments], name: str) -> None:
    console = consoles[0]
    _, old = await two_versions(kube, console, name, "2")
    seen = await reading(console, name, lambda found: healthy(found) and found.versions.canary != old)
    await console.order(target(name), "undo 1", str(seen.versions.revision), LEAVE)
    back = await reading(console, name, lambda found: healthy(found) and found.versions.canary == old)
    await console.order(target(name), "restart", str(back.versions.revision), LEAVE)
    restarted = await reading(console, name, lambda found: healthy(found) and found.versions.canary != old)
    assert restarted.detail.startswith("revision 4")


async def test_a_mark_stands_on_the_deployment_alone_and_rolls_nothing_out(
    kube: Cluster, consoles: list[Deployments], name: str
) -> None:
    console, other = consoles[:2]
    await asyncio.to_thread(kube.apply, DEPLOYMENTS, deployment(name, f"{name}:1"))
    before = await reading(console, name, healthy)
    await console.mark(target(name), "0123456789ab checkout/3 ops-1", LEAVE)
    await other.mark(target(name), "ba9876543210 cart/1 ops-2", LEAVE)
    shown = await reading(console, name, lambda found: len(found.marks) == 2)
    assert shown.marks == ("0123456789ab checkout/3 ops-1", "ba9876543210 cart/1 ops-2")
    await console.unmark(target(name), shown.marks[0], LEAVE)
    after = await reading(console, name, lambda found: len(found.marks) == 1 and healthy(found))
    assert (after.marks, after.versions, after.phase) == (shown.marks[1:], before.versions, Phase.HEALTHY)
