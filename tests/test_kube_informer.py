"""A mirrored collection: listed once, watched, never believed for longer than it may be. On a FAKE cluster."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from adapters.contract import BackendError, Forbidden, Missing, Unreachable
from adapters.kube.informer import GET_LIMIT, SILENT_S
from tests.kube_fake import FakeCluster, Sent, pages, settle
from tests.kube_rig import Kept


def cluster_with(*names: str) -> FakeCluster:
    cluster = FakeCluster()
    for name in names:
        cluster.put("rollouts", {"metadata": {"name": name}, "spec": {"weight": 5}})
    return cluster


@pytest.fixture
def cluster() -> FakeCluster:
    return cluster_with("web")


@pytest.fixture
async def kept(cluster: FakeCluster) -> AsyncIterator[Kept]:
    kept = Kept(cluster)
    yield kept
    await kept.aclose()


def weigh(cluster: FakeCluster, weight: int, name: str = "web") -> None:
    """Somebody else changes an object."""
    cluster.change("rollouts", name, lambda found: found["spec"].update(weight=weight))


def lists(cluster: FakeCluster) -> int:
    return sum(sent.path.endswith("/rollouts") and "watch" not in sent.query for sent in cluster.sent)


def gets(cluster: FakeCluster) -> int:
    return sum("/rollouts/" in sent.path and sent.method == "GET" for sent in cluster.sent)


async def test_one_list_and_one_watch_answer_every_read(cluster: FakeCluster, kept: Kept) -> None:
    for _ in range(20):
        assert await kept.weight() == 5
    await settle()
    assert (lists(cluster), cluster.watches, gets(cluster)) == (1, 1, 0)


async def test_a_change_arrives_by_the_watch_and_is_reported(cluster: FakeCluster, kept: Kept) -> None:
    await kept.weight()
    await settle()
    before = kept.changes
    weigh(cluster, 25)
    await settle()
    assert kept.changes == before + 1
    assert await kept.weight() == 25
    assert gets(cluster) == 0


async def test_a_deleted_object_is_missing(cluster: FakeCluster, kept: Kept) -> None:
    await kept.weight()
    await settle()
    cluster.delete("rollouts", "web")
    await settle()
    with pytest.raises(Missing, match='rollouts "web" not found'):
        await kept.weight()


async def test_an_event_older_than_what_a_write_answered_changes_nothing(cluster: FakeCluster, kept: Kept) -> None:
    await kept.weight()
    await settle()
    cluster.mute = True
    weigh(cluster, 25)
    old = cluster.objects["rollouts"]["web"]
    weigh(cluster, 50)
    kept.mirror.put(cluster.objects["rollouts"]["web"])
    kept.mirror.put(old)
    assert await kept.weight() == 50


async def test_the_end_of_a_watch_is_no_fault_and_loses_nothing(cluster: FakeCluster, kept: Kept) -> None:
    await kept.weight()
    await kept.clock.step(10)
    cluster.end_watches()
    weigh(cluster, 25)
    await settle()
    assert await kept.weight() == 25
    assert kept.mirror.fault is None
    assert (lists(cluster), cluster.watches) == (1, 2)


async def test_a_watch_that_is_cut_goes_on_where_it_was(cluster: FakeCluster, kept: Kept) -> None:
    await kept.weight()
    await settle()
    cluster.cut_watches()
    await settle()
    weigh(cluster, 25)
    assert isinstance(kept.mirror.fault, BackendError)
    await kept.clock.step(2)
    assert await kept.weight() == 25
    assert (lists(cluster), cluster.watches) == (1, 2)


async def test_a_version_that_is_too_old_is_listed_anew(cluster: FakeCluster, kept: Kept) -> None:
    await kept.weight()
    await settle()
    weigh(cluster, 25)
    await settle()
    cluster.mute = True
    weigh(cluster, 50)
    cluster.version += 10
    cluster.compact()
    cluster.mute = False
    cluster.cut_watches()
    await settle()
    for _ in range(4):
        await kept.clock.step(3)
    assert lists(cluster) == 2
    assert await kept.weight() == 50
    assert gets(cluster) == 0


async def test_a_watch_cut_silently_for_a_minute_never_shows_the_past(cluster: FakeCluster, kept: Kept) -> None:
    assert await kept.weight() == 5
    await settle()
    cluster.mute = True
    for second in range(60):
        weigh(cluster, 100 + second)
        await kept.clock.step(1)
        shown = await kept.weight()
        assert shown in range(100 + second - int(SILENT_S), 101 + second) or shown == 5
        if second > SILENT_S:
            assert shown == 100 + second


async def test_bookmarks_keep_an_idle_mirror_believed(cluster: FakeCluster, kept: Kept) -> None:
    await kept.weight()
    await settle()
    for _ in range(20):
        await kept.clock.step(SILENT_S - 1)
        cluster.bookmark()
        await settle()
        await kept.weight()
    assert (lists(cluster), gets(cluster)) == (1, 0)


async def test_many_objects_are_listed_once_and_not_asked_for_one_by_one() -> None:
    cluster = FakeCluster()
    for found in pages(GET_LIMIT * 2):
        cluster.put("rollouts", found)
    kept = Kept(cluster)
    names = sorted(cluster.objects["rollouts"])
    for name in names:
        await kept.mirror.get(name)
    await settle()
    cluster.mute = True
    await kept.clock.step(SILENT_S + 1)
    for name in names:
        await kept.mirror.get(name)
    assert (lists(cluster), gets(cluster)) == (2, 0)
    await kept.aclose()


async def test_where_listing_is_not_allowed_each_object_is_asked_for(cluster: FakeCluster, kept: Kept) -> None:
    def only_by_name(sent: Sent) -> httpx.Response | None:
        return httpx.Response(403, json={"kind": "Status", "message": "no list"}) if sent.path.endswith("s") else None

    cluster.hook = only_by_name
    assert await kept.weight() == 5
    weigh(cluster, 25)
    assert await kept.weight() == 25
    assert isinstance(kept.mirror.fault, Forbidden)


async def test_a_cluster_that_is_away_is_reported_and_comes_back(cluster: FakeCluster, kept: Kept) -> None:
    def away(_sent: Sent) -> httpx.Response | None:
        raise httpx.ConnectError("refused")

    cluster.hook = away
    with pytest.raises(Unreachable):
        await kept.weight()
    cluster.hook = lambda _sent: None
    assert await kept.weight() == 5
    await kept.clock.step(40)
    assert await kept.weight() == 5
    assert kept.mirror.fault is None


async def test_a_watch_that_ends_at_once_again_and_again_is_not_hammered(cluster: FakeCluster, kept: Kept) -> None:
    await kept.weight()
    for _ in range(20):
        await settle()
        cluster.end_watches()
    assert cluster.watches < 5


async def test_a_watch_that_answers_nonsense_is_a_fault_and_reads_go_to_the_cluster(
    cluster: FakeCluster, kept: Kept
) -> None:
    cluster.hook = lambda sent: httpx.Response(200, content=b"nonsense\n") if sent.query.get("watch") else None
    assert await kept.weight() == 5
    await settle()
    assert "not an event of a watch" in str(kept.mirror.fault)
    await kept.clock.step(SILENT_S + 1)
    weigh(cluster, 25)
    assert await kept.weight() == 25
