"""A plain Deployment: what it reads as, and what is sent to it. FAKE cluster, without a controller."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.contract import (
    Context,
    Missing,
    Moved,
    Permit,
    Phase,
    PromotableBackend,
    Rejected,
    Setting,
    TargetReading,
    TargetRef,
    Wait,
    WeightedBackend,
)
from adapters.deploy.deployment.backend import Deployments
from adapters.deploy.deployment.reading import reading_of
from adapters.deploy.deployment.wire import Deployment, GuardToken
from adapters.kube import Access
from adapters.kube.wire import ReplicaSet
from tests.kube_fake import FakeCluster, HandClock, Json, settle
from tests.reading_rig import steps_read

WEB = TargetRef("api", "web")
LEAVE = Permit("")
NOW = datetime(2026, 1, 1, 10, tzinfo=UTC)
DONE = {"observedGeneration": 3, "replicas": 4, "updatedReplicas": 4, "availableReplicas": 4}
HALFWAY = {"observedGeneration": 3, "replicas": 5, "updatedReplicas": 2, "availableReplicas": 4}


def deployment(status: Json, *, revision: int = 2, **spec: Any) -> Json:
    annotations = {"deployment.kubernetes.io/revision": str(revision)}
    meta = {"name": "web", "uid": "u", "generation": 3, "annotations": annotations}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"image": f"web:{revision}"}]}}
    return {"metadata": meta, "spec": {"replicas": 4, "template": template, **spec}, "status": status}


def replica_set(revision: int, available: int) -> Json:
    meta = {
        "name": f"web-h{revision}",
        "labels": {"pod-template-hash": f"h{revision}"},
        "annotations": {"deployment.kubernetes.io/revision": str(revision)},
        "ownerReferences": [{"uid": "u", "controller": True}],
    }
    labels = {"app": "web", "pod-template-hash": f"h{revision}"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"image": f"web:{revision}"}]}}
    return {"metadata": meta, "spec": {"template": template}, "status": {"availableReplicas": available}}


def read(found: Json, *sets: Json) -> TargetReading:
    known = [ReplicaSet.model_validate(one) for one in sets or (replica_set(1, 3), replica_set(2, 1))]
    return reading_of(WEB, Deployment.model_validate(found), known, NOW, {})


@pytest.mark.parametrize(
    ("status", "spec", "phase"),
    [
        ({}, {}, Phase.PENDING),
        (DONE, {}, Phase.HEALTHY),
        ({**DONE, "observedGeneration": 2}, {}, Phase.PROGRESSING),
        ({**DONE, "availableReplicas": 3}, {}, Phase.PROGRESSING),
        (HALFWAY, {}, Phase.PROGRESSING),
        (HALFWAY, {"paused": True}, Phase.PAUSED),
        (DONE, {"paused": True}, Phase.PAUSED),
        (
            {**HALFWAY, "conditions": [{"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "x"}]},
            {},
            Phase.DEGRADED,
        ),
    ],
)
def test_the_neutral_phase(status: Json, spec: Json, phase: Phase) -> None:
    assert read(deployment(status, **spec)).phase is phase


def test_its_share_is_that_of_its_pods_and_says_that_it_is_an_estimate() -> None:
    reading = read(deployment(HALFWAY))
    assert reading.percent == 40
    assert "2 of 5 pods are new: an estimate, not the traffic" in reading.detail


def test_it_has_everything_only_when_every_pod_is_available() -> None:
    full = Setting(100)
    assert read(deployment(DONE)).satisfies(full)
    assert not read(deployment({**DONE, "availableReplicas": 3})).satisfies(full)
    assert not read(deployment(HALFWAY)).satisfies(full)


def test_a_pause_in_the_middle_is_named_a_mixed_fleet() -> None:
    reading = read(deployment(HALFWAY, paused=True))
    assert steps_read(reading).waits is Wait.MANUAL
    assert reading.notes == (
        "mixed fleet: 2 of 5 pods are new, and stay so while it is paused; nothing steers the traffic",
    )
    assert read(deployment(DONE, paused=True)).notes == ()


def test_versions_are_found_by_revision_and_by_serving_pods() -> None:
    reading = read(deployment(HALFWAY, revision=3), replica_set(1, 3), replica_set(2, 0), replica_set(3, 1))
    assert (reading.versions.canary, reading.versions.baseline) == ("h3", "h1")


def test_pods_that_may_not_be_made_are_a_problem() -> None:
    conditions = [{"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}]
    assert read(deployment({**HALFWAY, "conditions": conditions})).problem == "its pods are refused: exceeded quota"


def test_there_is_nothing_to_promote() -> None:
    assert read(deployment(DONE)).cannot["promote"] == "a Deployment goes on by itself: there is no step to promote"


@pytest.mark.parametrize("text", ["", "null", "[1]", "{}"])
def test_what_cannot_have_been_seen_is_refused(text: str) -> None:
    assert GuardToken.parse(text) is None


# -- changing --------------------------------------------------------------------------------------------------------


class Site:
    """One Deployment at revision 2 on top of revision 1, and consoles' adapters."""

    def __init__(self) -> None:
        self.cluster = FakeCluster()
        self.clock = HandClock()
        self.opened: list[Deployments] = []
        self.cluster.put("deployments", deployment(DONE))
        for one in (replica_set(1, 0), replica_set(2, 4)):
            self.cluster.put("replicasets", one)

    def console(self) -> Deployments:
        context = Context("cluster", "r", self.clock, 2.0, 2.0, Path())
        access = Access("prod", "https://kube.test", "default", token="t0ken")
        self.opened.append(Deployments(context, access, None, self.cluster))
        return self.opened[-1]

    @property
    def image(self) -> str:
        spec = self.cluster.objects["deployments"]["web"]["spec"]
        image: str = spec["template"]["spec"]["containers"][0]["image"]
        return image

    def set_by_somebody(self, revision: int) -> None:
        """Another template was set, and its controller has numbered it."""
        annotations = {"deployment.kubernetes.io/revision": str(revision)}
        self.cluster.change("deployments", "web", lambda it: it["metadata"].update(annotations=annotations))


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = Site()
    yield made
    for backend in made.opened:
        await backend.aclose()
    await settle()


async def ordered(console: Deployments, order: str) -> None:
    await console.order(WEB, order, str((await console.read_target(WEB)).versions.revision), LEAVE)


async def test_the_way_back_is_the_version_named_without_the_label_of_its_replica_set(site: Site) -> None:
    console = site.console()
    await console.withdraw(WEB, "h1", LEAVE)
    assert site.image == "web:1"
    template = site.cluster.objects["deployments"]["web"]["spec"]["template"]
    assert template["metadata"]["labels"] == {"app": "web"}


async def test_two_who_go_back_at_once_end_on_the_version_before_and_not_on_the_bad_one(site: Site) -> None:
    one, other = site.console(), site.console()
    await one.withdraw(WEB, "h1", LEAVE)
    site.set_by_somebody(3)
    site.cluster.change(
        "replicasets",
        "web-h1",
        lambda it: it["metadata"]["annotations"].update({"deployment.kubernetes.io/revision": "3"}),
    )
    await other.withdraw(WEB, "h1", LEAVE)
    assert site.image == "web:1"
    assert len(site.cluster.writes) == 1


async def test_a_way_back_that_another_template_overtook_changes_nothing(site: Site) -> None:
    console = site.console()
    reads = iter([lambda: site.set_by_somebody(3)])

    def overtaken(sent: Any) -> None:
        if sent.method == "PATCH":
            next(reads, lambda: None)()

    site.cluster.hook = overtaken
    with pytest.raises(Moved):
        await console.withdraw(WEB, "h1", LEAVE)
    assert site.image == "web:2"


async def test_the_way_back_from_a_paused_one_resumes_it(site: Site) -> None:
    console = site.console()
    await console.pause(WEB, LEAVE)
    await console.withdraw(WEB, "h1", LEAVE)
    assert site.cluster.objects["deployments"]["web"]["spec"]["paused"] is False
    assert len(site.cluster.writes) == 2


async def test_a_version_that_is_gone_is_missing(site: Site) -> None:
    with pytest.raises(Missing, match="version h9 no longer has a ReplicaSet"):
        await site.console().withdraw(WEB, "h9", LEAVE)


async def test_an_undo_is_guarded_by_the_revision_that_was_shown(site: Site) -> None:
    console = site.console()
    seen = str((await console.read_target(WEB)).versions.revision)
    site.set_by_somebody(3)
    with pytest.raises(Moved):
        await console.order(WEB, "undo 1", seen, LEAVE)
    with pytest.raises(Rejected, match=r"no revision '7' \(there are: 1, 2\)"):
        await console.order(WEB, "undo 7", seen, LEAVE)


async def test_pausing_twice_is_harmless_and_resuming_twice_loses(site: Site) -> None:
    one, other = site.console(), site.console()
    await one.pause(WEB, LEAVE)
    await other.pause(WEB, LEAVE)
    await one.resume(WEB, LEAVE)
    with pytest.raises(Moved):
        await other.resume(WEB, LEAVE)


@pytest.mark.parametrize("annotations", [None, {"team": "shop"}])
async def test_a_restart_marks_the_template(site: Site, annotations: Json | None) -> None:
    meta = {"labels": {"app": "web"}} | ({} if annotations is None else {"annotations": annotations})
    site.cluster.change("deployments", "web", lambda it: it["spec"]["template"].update(metadata=meta))
    await ordered(site.console(), "restart")
    found = site.cluster.objects["deployments"]["web"]["spec"]["template"]["metadata"]["annotations"]
    assert found == {**(annotations or {}), "kubectl.kubernetes.io/restartedAt": "2026-01-01T10:00:00Z"}


@pytest.mark.parametrize("order", ["restart", "undo 1"])
async def test_what_kubectl_refuses_while_it_is_paused_is_refused(site: Site, order: str) -> None:
    console = site.console()
    await console.pause(WEB, LEAVE)
    with pytest.raises(Rejected, match="not sent: it is paused: resume it first"):
        await ordered(console, order)


async def test_a_permission_that_is_missing_is_known_before_the_key(site: Site) -> None:
    site.cluster.denied = {"patch deployments"}
    console = site.console()
    await console.read_target(WEB)
    await settle()
    assert (await console.read_target(WEB)).cannot["pause"] == "you lack patch on deployments in default"


async def test_a_weight_and_a_step_are_not_sent(site: Site) -> None:
    assert not isinstance(site.console(), WeightedBackend | PromotableBackend)
