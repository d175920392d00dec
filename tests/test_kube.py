"""The Kubernetes client: what is sent, once; how refusals read; lists in pages. On a FAKE cluster."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from adapters.contract import (
    AuthFailed,
    BackendError,
    BadReply,
    Context,
    Cut,
    Forbidden,
    Missing,
    Moved,
    Permit,
    Rejected,
    ServerFailed,
    Throttled,
    Withdrawn,
)
from adapters.kube import Access, Kube, Object
from adapters.kube.client import PAGE_BYTES, ListPage, is_newer
from adapters.kube.jsonpatch import Operation, Patch, add, check, pointer, remove, replace
from adapters.registry import ConnectError
from tests.kube_fake import FakeCluster, HandClock, Hook, Sent, pages
from tests.kube_rig import PERMIT, ROLLOUTS, kube

OPERATIONS = (check("spec", "weight", value=5), replace("spec", "weight", value=10))


def web(weight: int = 5) -> FakeCluster:
    cluster = FakeCluster()
    cluster.put("rollouts", {"metadata": {"name": "web"}, "spec": {"weight": weight}, "status": {"phase": "Healthy"}})
    return cluster


def status(code: int, message: str, reason: str = "", **more: object) -> bytes:
    return json.dumps({"kind": "Status", "message": message, "reason": reason, "code": code, **more}).encode()


def _answers(method: str, answer: httpx.Response) -> Hook:
    return lambda sent: answer if sent.method == method else None


async def patched(
    client: Kube, *operations: Operation, subresource: str | None = None, permit: Permit = PERMIT
) -> Object:
    return await client.patch(ROLLOUTS, "web", Patch(operations or OPERATIONS, subresource), "promote", permit)


async def test_a_patch_says_what_it_is_who_sends_it_and_for_which_decision() -> None:
    cluster = web()
    await patched(kube(cluster), permit=Permit("00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"))
    sent = cluster.writes[0]
    assert sent.path == "/apis/argoproj.io/v1alpha1/namespaces/default/rollouts/web"
    assert sent.content_type == "application/json-patch+json"
    assert sent.query == {"fieldManager": "warroom"}
    assert sent.headers["traceparent"].startswith("00-" + "ab" * 16)
    assert sent.body == [
        {"op": "test", "path": "/spec/weight", "value": 5},
        {"op": "replace", "path": "/spec/weight", "value": 10},
    ]
    assert cluster.objects["rollouts"]["web"]["spec"]["weight"] == 10


async def test_a_test_that_does_not_hold_is_moved_and_changes_nothing() -> None:
    cluster = web(weight=7)
    with pytest.raises(Moved, match="web has changed since it was shown; nothing was changed"):
        await patched(kube(cluster))
    assert cluster.objects["rollouts"]["web"]["spec"]["weight"] == 7


async def test_a_path_that_is_gone_is_moved_too() -> None:
    with pytest.raises(Moved):
        await patched(kube(web()), remove("status", "pauseConditions"), subresource="status")


async def test_an_object_that_is_invalid_is_not_taken_for_one_that_moved() -> None:
    cluster = web()
    words = 'Rollout.argoproj.io "web" is invalid: spec.replicas: Invalid value: "string"'
    body = status(422, words, "Invalid", details={"name": "web"})
    cluster.hook = _answers("PATCH", httpx.Response(422, content=body))
    with pytest.raises(Rejected, match=r"is invalid: spec\.replicas"):
        await patched(kube(cluster))


async def test_a_status_sent_to_the_main_resource_would_be_dropped_so_it_goes_to_its_own() -> None:
    cluster = web()
    await patched(kube(cluster), add("status", "abort", value=True), subresource="status")
    assert cluster.writes[0].path.endswith("/rollouts/web/status")
    assert cluster.objects["rollouts"]["web"]["status"] == {"phase": "Healthy", "abort": True}


@pytest.mark.parametrize(
    ("code", "message", "kind", "told"),
    [
        (401, "Unauthorized", AuthFailed, "answered 401: Unauthorized"),
        (403, 'rollouts "web" is forbidden: User "eve" cannot patch', Forbidden, 'User "eve" cannot patch'),
        (
            400,
            'admission webhook "freeze.corp.test" denied the request: change freeze until 06:00\x1b]52;c;eA==\x07',
            Rejected,
            'answered 400: admission webhook "freeze.corp.test" denied the request: change freeze until 06:00',
        ),
        (409, "Operation cannot be fulfilled: the object has been modified", Moved, "has been modified"),
        (500, "etcdserver: request timed out", ServerFailed, "etcdserver: request timed out"),
        (429, "too many requests", Throttled, "too many requests"),
    ],
)
async def test_a_refusal_is_the_clusters_own_words_and_the_patch_went_once(
    code: int, message: str, kind: type[BackendError], told: str
) -> None:
    cluster = web()
    headers = {"retry-after": "7", "content-type": "application/json"}
    cluster.hook = _answers("PATCH", httpx.Response(code, content=status(code, message), headers=headers))
    with pytest.raises(kind) as caught:
        await patched(kube(cluster))
    assert told in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert len(cluster.writes) == 1
    if isinstance(caught.value, Throttled):
        assert caught.value.retry_after_s == 7


async def test_a_patch_whose_answer_is_lost_is_in_doubt_and_was_sent_once() -> None:
    cluster = web()

    def lose(sent: Sent) -> httpx.Response | None:
        if sent.method == "PATCH":
            raise httpx.ReadError("gone")
        return None

    cluster.after = lose
    with pytest.raises(Cut):
        await patched(kube(cluster))
    assert len(cluster.writes) == 1
    assert cluster.objects["rollouts"]["web"]["spec"]["weight"] == 10


async def test_a_permit_that_has_lapsed_sends_nothing() -> None:
    cluster = web()
    with pytest.raises(Withdrawn):
        await patched(kube(cluster), permit=Permit("", lapsed=lambda: "halted"))
    assert cluster.sent == []


async def test_a_read_that_is_throttled_is_sent_again() -> None:
    cluster = web()
    refusals = [httpx.Response(429, content=status(429, "slow down"), headers={"retry-after": "0"})]
    cluster.hook = lambda _sent: refusals.pop() if refusals else None
    assert (await kube(cluster).get(ROLLOUTS, "web"))["spec"] == {"weight": 5}


async def test_a_resource_that_the_cluster_does_not_know_is_reported_as_not_installed() -> None:
    cluster = FakeCluster()
    cluster.known.remove("rollouts")
    with pytest.raises(Missing, match=r"the cluster knows no rollouts\.argoproj\.io: is it installed there\?"):
        await kube(cluster).page(ROLLOUTS)


async def test_an_object_that_is_not_there_is_named() -> None:
    with pytest.raises(Missing, match='rollouts "nope" not found'):
        await kube(web()).get(ROLLOUTS, "nope")


async def listed(client: Kube) -> list[ListPage]:
    found = [await client.page(ROLLOUTS)]
    while found[-1].more is not None:
        found.append(await client.page(ROLLOUTS, more=found[-1].more))
    return found


async def test_a_list_comes_in_pages_of_500() -> None:
    cluster = FakeCluster()
    for found in pages(1100):
        cluster.put("rollouts", found)
    assert [len(page.objects) for page in await listed(kube(cluster))] == [500, 500, 100]


async def test_a_list_of_20_mib_is_read_whole_because_the_cap_is_per_page() -> None:
    cluster = FakeCluster()
    for found in pages(1500, size=14_000):
        cluster.put("rollouts", found)
    read = await listed(kube(cluster, deadline_s=60.0))
    assert sum(len(page.objects) for page in read) == 1500


async def test_a_page_larger_than_the_cap_is_refused() -> None:
    cluster = web()
    cluster.hook = lambda _sent: httpx.Response(200, content=b"[" + b" " * (PAGE_BYTES + 10) + b"]")
    with pytest.raises(BadReply, match="answer larger than 32 MiB"):
        await kube(cluster).page(ROLLOUTS)


@pytest.mark.parametrize("body", [b"[]", b'{"items": 1, "metadata": {}}', b'{"items": [1], "metadata": {}}', b"<html>"])
async def test_a_reply_that_is_no_list_is_bad(body: bytes) -> None:
    cluster = web()
    cluster.hook = lambda _sent: httpx.Response(200, content=body)
    with pytest.raises(BadReply):
        await kube(cluster).page(ROLLOUTS)


@pytest.mark.parametrize("denied", [True, False])
async def test_the_cluster_is_asked_what_we_may_do(denied: bool) -> None:
    cluster = web()
    cluster.denied = {"patch rollouts/status"} if denied else set()
    assert await kube(cluster).is_allowed(ROLLOUTS, "patch", subresource="status") is not denied
    asked = cluster.sent[0].body["spec"]["resourceAttributes"]
    assert (asked["group"], asked["resource"], asked["subresource"], asked["namespace"]) == (
        "argoproj.io",
        "rollouts",
        "status",
        "default",
    )


@pytest.mark.parametrize(
    ("server", "proxy", "told"),
    [
        ("ftp://kube.test", None, "cluster: context prod: server must begin with http:// or https://"),
        ("https://u:p@kube.test", None, "server must not hold user:password"),
        ("https://kube.test", "socks5://proxy.test", "proxy-url must begin with http:// or https://"),
    ],
)
def test_an_address_that_cannot_be_used_is_one_line(server: str, proxy: str | None, told: str) -> None:
    access = Access("prod", server, "default", proxy=proxy)
    with pytest.raises(ConnectError, match=told) as caught:
        Kube(Context("cluster", "r", HandClock(), 1, 1, Path()), access)
    assert "u:p" not in str(caught.value)


def test_versions_are_compared_as_numbers() -> None:
    assert is_newer("1000", "999")
    assert not is_newer("999", "1000")


def test_a_pointer_escapes_what_separates_its_parts() -> None:
    path = ("metadata", "annotations", "deployment.kubernetes.io/revision", "a~b", 0)
    assert pointer(path) == "/metadata/annotations/deployment.kubernetes.io~1revision/a~0b/0"
