"""Marks of rollouts at backends: an annotation, a tag, a file of the embedded world. FAKE servers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from adapters.contract import Context, Forbidden, MarkableBackend, Moved, Permit, Rejected, TargetRef, Withdrawn
from adapters.deploy.argo.backend import Argo
from adapters.deploy.deployment.backend import Deployments
from adapters.deploy.flagger.backend import Flagger
from adapters.embedded.backend import EmbeddedBackend, Options, connect
from adapters.kube import Access, KubeBackend
from adapters.kube.marks import ANNOTATION
from console.engine.clock import SystemClock
from tests.argo_fake import Controller
from tests.embedded_rig import CHECKOUT, PERMIT
from tests.flagger_rig import canary_object, target_object
from tests.kube_fake import FakeCluster, HandClock, Json, settle
from tests.test_deployment import DONE, deployment, replica_set
from tests.unleash_fake import F1, TAGS, FakeUnleash, adapter, at, error

LEAVE = Permit("")
LAPSED = Permit("", lambda: "a rollback was begun")
MINE = "0123456789ab checkout/3 ops-1"
THEIRS = "ba9876543210 cart/1 ops-2"
KINDS = {
    "argo": (Argo, "rollouts", TargetRef("api", "web")),
    "flagger": (Flagger, "canaries", TargetRef("api", "podinfo")),
    "deployment": (Deployments, "deployments", TargetRef("api", "web")),
}


class Site:
    """A cluster with one object of a kind, and an adapter on it."""

    def __init__(self, kind: str) -> None:
        self.cluster, clock = FakeCluster(), HandClock()
        made, self.plural, self.target = KINDS[kind]
        Controller(self.cluster, clock).rollout("web")
        self.cluster.put("canaries", canary_object())
        self.cluster.put("deployments", target_object())
        self.cluster.put("deployments", deployment(DONE))
        self.cluster.put("replicasets", replica_set(2, 4))
        context = Context("cluster", "r", clock, 2.0, 2.0, Path())
        access = Access("prod", "https://kube.test", "default", token="t0ken")
        more = (None,) if made is Flagger else ()
        self.backend: KubeBackend = made(context, access, None, *more, self.cluster)

    @property
    def found(self) -> Json:
        return self.cluster.objects[self.plural][self.target.name]

    @property
    def annotation(self) -> str | None:
        value: str | None = (self.found["metadata"].get("annotations") or {}).get(ANNOTATION)
        return value

    def annotate(self, value: str) -> None:
        def edit(found: Json) -> None:
            found["metadata"].setdefault("annotations", {})[ANNOTATION] = value

        self.cluster.change(self.plural, self.target.name, edit)

    async def marks(self) -> tuple[str, ...]:
        await settle()
        reading = await self.backend.read_target(self.target)  # type: ignore[attr-defined]
        found: tuple[str, ...] = reading.marks
        return found


@pytest.fixture(params=sorted(KINDS))
async def site(request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    made = Site(request.param)
    yield made
    await made.backend.aclose()
    await settle()


async def test_a_mark_is_an_annotation_of_the_object_and_is_read_back(site: Site) -> None:
    before = site.found["spec"]
    assert isinstance(site.backend, MarkableBackend)
    await site.backend.mark(site.target, MINE, LEAVE)
    assert (site.annotation, await site.marks(), site.found["spec"]) == (MINE, (MINE,), before)


async def test_a_mark_that_is_there_is_not_written_again(site: Site) -> None:
    await site.backend.mark(site.target, MINE, LEAVE)
    await site.backend.mark(site.target, MINE, LEAVE)
    assert len(site.cluster.mark_writes) == 1


async def test_two_marks_stand_beside_each_other_and_each_is_removed_alone(site: Site) -> None:
    await site.backend.mark(site.target, THEIRS, LEAVE)
    await site.backend.mark(site.target, MINE, LEAVE)
    assert await site.marks() == (THEIRS, MINE)
    await site.backend.unmark(site.target, MINE, LEAVE)
    assert await site.marks() == (THEIRS,)
    await site.backend.unmark(site.target, THEIRS, LEAVE)
    assert site.annotation is None


async def test_a_mark_of_another_text_is_not_removed(site: Site) -> None:
    site.annotate(THEIRS)
    await site.backend.unmark(site.target, MINE, LEAVE)
    assert (site.annotation, site.cluster.mark_writes) == (THEIRS, [])


async def test_a_mark_set_in_the_same_moment_is_not_overwritten(site: Site) -> None:
    def meanwhile(sent: object) -> None:
        if getattr(sent, "method", "") == "PATCH" and site.annotation is None:
            site.annotate(THEIRS)

    site.cluster.hook = meanwhile
    await site.backend.mark(site.target, MINE, LEAVE)
    assert await site.marks() == (THEIRS, MINE)


async def test_an_object_that_never_rests_is_not_marked(site: Site) -> None:
    def meanwhile(sent: object) -> None:
        if getattr(sent, "method", "") == "PATCH":
            site.annotate(f"{THEIRS} {site.cluster.version}")

    site.cluster.hook = meanwhile
    with pytest.raises(Moved):
        await site.backend.mark(site.target, MINE, LEAVE)


async def test_a_mark_whose_permit_has_lapsed_is_not_sent(site: Site) -> None:
    with pytest.raises(Withdrawn):
        await site.backend.mark(site.target, MINE, LAPSED)
    assert site.cluster.mark_writes == []


async def test_a_hostile_annotation_is_bounded_and_clean(site: Site) -> None:
    site.annotate("\n".join(f"\x1b[31m{number}" + "x" * 1000 for number in range(100)))
    found = await site.marks()
    assert len(found) == 8
    assert all(len(mark) <= 160 and mark.isprintable() for mark in found)


async def test_unleash_keeps_a_mark_as_a_tag_of_the_feature(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeUnleash()
    async with aclosing(adapter(fake, monkeypatch)) as backend:
        await backend.mark(F1, MINE, LEAVE)
        await backend.mark(F1, MINE, LEAVE)
        assert fake.tags == [{"type": "simple", "value": f"warroom {MINE}"}]
        assert (await backend.read_target(F1)).marks == (MINE,)
        await backend.unmark(F1, MINE, LEAVE)
        await backend.unmark(F1, MINE, LEAVE)
        assert (fake.tags, (await backend.read_target(F1)).marks) == ([], ())


async def test_a_long_mark_is_cut_to_what_a_tag_holds_and_still_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    fake, long = FakeUnleash(), f"{MINE}{'x' * 100}"
    async with aclosing(adapter(fake, monkeypatch)) as backend:
        await backend.mark(F1, long, LEAVE)
        assert [len(tag["value"]) for tag in fake.tags] == [50]
        (read,) = (await backend.read_target(F1)).marks
        await backend.unmark(F1, read, LEAVE)
        assert fake.tags == []


async def test_other_tags_of_a_feature_are_no_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeUnleash(tags=[{"type": "simple", "value": "team-a"}, {"type": "jira", "value": f"warroom {THEIRS}"}])
    async with aclosing(adapter(fake, monkeypatch)) as backend:
        assert (await backend.read_target(F1)).marks == ()


@pytest.mark.parametrize(
    "answer",
    [error(403, "PermissionError", "no"), error(404, "NotFoundError", "no"), error(500, "UnknownError", "no")],
    ids=["forbidden", "missing", "failing"],
)
async def test_tags_that_cannot_be_read_keep_no_flag_from_being_read(
    monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    fake = FakeUnleash(instead=at("GET", TAGS, lambda: answer))  # type: ignore[arg-type, return-value]
    async with aclosing(adapter(fake, monkeypatch)) as backend:
        reading = await backend.read_target(F1)
        assert (reading.percent, reading.marks) == (5.0, ())


async def test_a_token_that_may_not_tag_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeUnleash(instead=at("POST", TAGS, lambda: error(403, "PermissionError", "You need UPDATE_FEATURE")))
    async with aclosing(adapter(fake, monkeypatch)) as backend:
        with pytest.raises(Forbidden):
            await backend.mark(F1, MINE, LEAVE)


async def test_a_refused_tag_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeUnleash(instead=at("POST", TAGS, lambda: error(400, "BadDataError", "no")))
    async with aclosing(adapter(fake, monkeypatch)) as backend:
        with pytest.raises(Rejected):
            await backend.mark(F1, MINE, LEAVE)


async def test_two_processes_of_an_embedded_world_see_each_others_marks(tmp_path: Path) -> None:
    def opened(source: str) -> EmbeddedBackend:
        return connect(Options(), Context(source, "r", SystemClock(), 2.0, 2.0, tmp_path))

    one, two = opened("one"), opened("two")
    async with aclosing(one), aclosing(two):
        await one.mark(CHECKOUT, MINE, PERMIT)
        await two.mark(CHECKOUT, THEIRS, PERMIT)
        assert (await two.read_target(CHECKOUT)).marks == (MINE, THEIRS)
        await two.unmark(CHECKOUT, MINE, PERMIT)
        assert (await one.read_target(CHECKOUT)).marks == (THEIRS,)
