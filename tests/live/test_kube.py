"""The Kubernetes client against a real API server: every way to log in, refusals, watches that break, a restart.

What the real one answers here is what the fake (tests/kube_fake.py) answers in the other tests.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import ssl
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.contract import AuthFailed, Forbidden, Missing, Moved, Permit, Phase, Refused, Rejected, Unreachable, Wait
from adapters.deploy.argo.backend import Argo
from adapters.kube import Informer, Kube, Resource, kubeconfig
from adapters.kube import login as kept
from adapters.kube.client import ListPage
from adapters.kube.jsonpatch import Patch, add, check, remove
from adapters.testing import WallClock
from tests.listening import listening
from tests.live.gate import HTTP_WRITE, gate
from tests.live.kube.cluster import ADMIN, HALF, SERVER_NAME, VIEWER, Cluster
from tests.live.kube.objects import ROLLOUTS
from tests.live.kube.rig import LEAVE, argo_of, deployed, lent, reading, target, until
from tests.reading_rig import steps_read

pytestmark = pytest.mark.live

ROLLOUT = Resource("argoproj.io", "v1alpha1", "rollouts", "Rollout")
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
PERMIT = Permit("")


def client(config: Path, **more: Any) -> Kube:
    access = kubeconfig.access([config], None)
    return Kube(lent(10), access, **more)


async def answers(config: Path) -> ListPage:
    """One list by whatever the kubeconfig says."""
    kube = client(config)
    try:
        return await kube.page(ROLLOUT, limit=1)
    finally:
        await kube.aclose()


def user_with_certificate(kube: Cluster) -> dict[str, object]:
    data = {name: base64.b64encode((kube.folder / f"client.{name}").read_bytes()).decode() for name in ("crt", "key")}
    return {"client-certificate-data": data["crt"], "client-key-data": data["key"]}


async def test_a_client_certificate_logs_in(kube: Cluster) -> None:
    assert (await answers(kube.config_of(user_with_certificate(kube), "certificate"))).version
    assert await asyncio.to_thread(_left_over) == []


def _left_over() -> list[Path]:
    """Keys that were written to a file for the TLS library and not taken away again."""
    return list(Path(tempfile.gettempdir()).glob("warroom-*.pem"))


async def test_a_wrong_token_is_401(kube: Cluster) -> None:
    with pytest.raises(AuthFailed, match="answered 401: Unauthorized"):
        await answers(kube.kubeconfig("wrong-t0ken"))


async def test_a_server_is_known_by_the_name_it_is_said_to_have(kube: Cluster) -> None:
    assert (await answers(kube.kubeconfig(ADMIN, "named", **{"tls-server-name": SERVER_NAME}))).version
    with pytest.raises(Unreachable, match="certificate not accepted"):
        await answers(kube.kubeconfig(ADMIN, "misnamed", **{"tls-server-name": "other.test"}))


async def test_a_server_whose_authority_is_not_ours_is_not_talked_to(kube: Cluster) -> None:
    config = kube.kubeconfig(ADMIN, "foreign", **{"certificate-authority": str(kube.folder / "client.crt")})
    with pytest.raises(Unreachable, match="certificate not accepted"):
        await answers(config)
    config = kube.kubeconfig(ADMIN, "insecure", **{"certificate-authority": None, "insecure-skip-tls-verify": True})
    assert (await answers(config)).version


@asynccontextmanager
async def connect_proxy(asked: list[str]) -> AsyncIterator[str]:
    """An HTTP proxy that knows CONNECT alone."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        where = head.split(b" ", 2)[1].decode()
        asked.append(where)
        host, _, port = where.rpartition(":")
        onward = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

        await relay(reader, writer, *onward)

    async with listening(serve) as where:
        yield f"http://{where}"


async def relay(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    onward_reader: asyncio.StreamReader,
    onward_writer: asyncio.StreamWriter,
    frozen: asyncio.Event | None = None,
) -> None:
    """Pass everything on in both directions until one side ends, or for ever nothing once it is `frozen`."""

    async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while chunk := await source.read(65536):
            if frozen is not None and frozen.is_set():
                await asyncio.sleep(600)
            sink.write(chunk)
            await sink.drain()
        sink.close()

    both = [asyncio.create_task(copy(reader, onward_writer)), asyncio.create_task(copy(onward_reader, writer))]
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in both:
            task.cancel()
        await asyncio.gather(*both, return_exceptions=True)
        onward_writer.transport.abort()


async def test_a_proxy_is_gone_through_and_the_server_still_known_by_its_name(kube: Cluster) -> None:
    asked: list[str] = []
    async with connect_proxy(asked) as proxy:
        more = {"proxy-url": proxy, "tls-server-name": SERVER_NAME}
        assert (await answers(kube.kubeconfig(ADMIN, "proxied", **more))).version
        with pytest.raises(Unreachable, match="certificate not accepted"):
            await answers(kube.kubeconfig(ADMIN, "misproxied", **{**more, "tls-server-name": "other.test"}))
    assert set(asked) == {f"127.0.0.1:{kube.port}"}


async def test_credentials_that_the_server_refuses_are_renewed_once_and_a_write_is_not_sent_again(
    kube: Cluster, tmp_path: Path
) -> None:
    token, program = tmp_path / "token", tmp_path / "login"
    token.write_text("expired", encoding="utf-8")
    program.write_text(
        f"#!{sys.executable}\nimport json\n"
        "answer = {'apiVersion': 'client.authentication.k8s.io/v1', 'kind': 'ExecCredential'}\n"
        f"print(json.dumps({{**answer, 'status': {{'token': open({str(token)!r}).read()}}}}))\n",
        encoding="utf-8",
    )
    program.chmod(0o755)
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(program), "interactiveMode": "Never"}
    config = kube.config_of({"exec": plugin}, f"exec-{tmp_path.name}")
    await kept.log_in(kubeconfig.access([config], None), terminal=False)
    token.write_text(ADMIN, encoding="utf-8")
    session = client(config)
    name = {"metadata": {"name": "renewed"}, "data": {"a": "1"}}
    await asyncio.to_thread(
        kube.apply, "/api/v1/namespaces/default/configmaps", name | {"apiVersion": "v1", "kind": "ConfigMap"}
    )
    with pytest.raises(AuthFailed):
        await session.patch(CONFIG_MAPS, "renewed", Patch((add("data", "a", value="2"),)), "x", PERMIT)
    assert (await session.get(CONFIG_MAPS, "renewed"))["data"] == {"a": "1"}
    after = await session.patch(CONFIG_MAPS, "renewed", Patch((add("data", "a", value="2"),)), "x", PERMIT)
    assert after["data"] == {"a": "2"}
    await session.aclose()


# -- refusals --------------------------------------------------------------------------------------------------------


@pytest.fixture
async def gated(kube: Cluster) -> AsyncIterator[tuple[Argo, str]]:
    """A Rollout at its first gate."""
    console = argo_of(kube)
    await deployed(kube, console, "gated", {"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {}})
    await reading(console, "gated", lambda found: steps_read(found).waits is Wait.GATE)
    yield console, "gated"
    await console.aclose()
    await asyncio.to_thread(kube.delete, f"{ROLLOUTS}/gated")


@pytest.mark.parametrize(
    "operations",
    [
        [check("status", "currentStepIndex", value=7)],
        [check("status", "nothing", "there", value=7)],
        [remove("status", "nothing")],
        [check("status", "pauseConditions", value=[])],
    ],
)
async def test_a_guard_that_does_not_hold_is_moved(kube: Cluster, gated: tuple[Argo, str], operations: Any) -> None:
    session = client(kube.kubeconfig())
    before = await session.get(ROLLOUT, gated[1])
    changes = (*operations, add("status", "abort", value=True))
    with pytest.raises(Moved):
        await session.patch(ROLLOUT, gated[1], Patch(changes, "status"), "x", PERMIT)
    assert (await session.get(ROLLOUT, gated[1]))["status"] == before["status"]
    await session.aclose()


async def test_an_invalid_object_is_not_taken_for_one_that_moved(kube: Cluster, gated: tuple[Argo, str]) -> None:
    session = client(kube.kubeconfig())
    with pytest.raises(Rejected, match=r"spec\.replicas"):
        await session.patch(ROLLOUT, gated[1], Patch((add("spec", "replicas", value="x"),)), "x", PERMIT)
    await session.aclose()


async def test_a_status_sent_to_the_object_itself_is_dropped_in_silence(kube: Cluster, gated: tuple[Argo, str]) -> None:
    """Why every status goes to its own endpoint."""
    session = client(kube.kubeconfig())
    answer = await session.patch(ROLLOUT, gated[1], Patch((add("status", "abort", value=True),)), "x", PERMIT)
    assert "abort" not in answer["status"]
    await session.aclose()


async def test_whoever_may_only_look_is_told_what_is_lacking(kube: Cluster, gated: tuple[Argo, str]) -> None:
    viewer, half = argo_of(kube, VIEWER), argo_of(kube, HALF)
    seen = await reading(viewer, gated[1], lambda found: "you lack" in found.cannot.get("pause", ""))
    assert seen.cannot["promote"] == "you lack patch on rollouts/status in default"
    assert seen.cannot["pause"] == "you lack patch on rollouts in default"
    other = await reading(half, gated[1], lambda found: "you lack" in found.cannot.get("promote", ""))
    assert "pause" not in other.cannot
    with pytest.raises(Forbidden, match=r'User "half" cannot patch resource "rollouts/status"'):
        await half.order(target(gated[1]), "abort", str(other.versions.revision), LEAVE)
    await asyncio.gather(viewer.aclose(), half.aclose())


async def test_an_admission_refusal_is_told_in_its_own_words(kube: Cluster, gated: tuple[Argo, str]) -> None:
    console, name = gated
    path = "/apis/admissionregistration.k8s.io/v1"
    match = {
        "resourceRules": [
            {"apiGroups": ["argoproj.io"], "apiVersions": ["*"], "operations": ["UPDATE"], "resources": ["rollouts"]}
        ]
    }
    validation = {"expression": "!has(object.spec.paused)", "message": "change freeze until 06:00, ask #release"}
    policy = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": "freeze"},
        "spec": {"failurePolicy": "Fail", "matchConstraints": match, "validations": [validation]},
    }
    binding = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": "freeze"},
        "spec": {"policyName": "freeze", "validationActions": ["Deny"]},
    }
    await asyncio.to_thread(kube.apply, f"{path}/validatingadmissionpolicies", policy)
    await asyncio.to_thread(kube.apply, f"{path}/validatingadmissionpolicybindings", binding)
    try:
        said = await until(lambda: refused(console, name), bool)
        assert "change freeze until 06:00, ask #release" in said
        assert said.startswith("cluster: answered 422: ")
    finally:
        await asyncio.to_thread(kube.delete, f"{path}/validatingadmissionpolicybindings/freeze")
        await asyncio.to_thread(kube.delete, f"{path}/validatingadmissionpolicies/freeze")
        await until(lambda: refused(console, name), lambda said: not said)


@asynccontextmanager
async def reviewing(kube: Cluster, refusal: dict[str, Any]) -> AsyncIterator[str]:
    """A validating webhook over HTTPS that refuses to have a Rollout paused, with the Status `refusal`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = re.search(rb"(?i)content-length: (\d+)", head)
            review = json.loads(await reader.readexactly(int(length[1]) if length is not None else 0))
            request = review["request"]
            allowed = not request["object"]["spec"].get("paused")
            status = {} if allowed else {"status": refusal}
            kind = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}
            answer = json.dumps({**kind, "response": {"uid": request["uid"], "allowed": allowed, **status}}).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
            writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(answer), answer))
            await writer.drain()

    async def patiently(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.transport.abort()

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(kube.folder / "server.crt", kube.folder / "server.key")
    async with listening(patiently, tls=context) as where:
        yield f"https://{where}/review"


@pytest.mark.parametrize(("code", "answered"), [({}, 400), ({"code": 403}, 403)])
async def test_a_webhooks_refusal_is_told_in_its_own_words_to_the_last(
    kube: Cluster, gated: tuple[Argo, str], code: dict[str, int], answered: int
) -> None:
    """Policy engines put what matters last, after the resource and the policy's name."""
    console, name = gated
    words = (
        "\n\nresource Rollout/default/gated was blocked due to the following policies \n\n"
        "payroll-freeze:\n  no-changes-while-it-runs: 'validation error: Rollouts in this namespace may not be "
        "paused while the payroll runs (until 06:00 UTC), because half a payroll is worse than none; to go on all the "
        "same ask @platform in #release and name the ticket OPS-1234.'\n"
    )
    path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
    async with reviewing(kube, {"message": words, **code}) as url:
        rule = {"apiGroups": ["argoproj.io"], "apiVersions": ["*"], "operations": ["UPDATE"], "resources": ["rollouts"]}
        webhook = {
            "name": "payroll.warroom.test",
            "clientConfig": {"url": url, "caBundle": base64.b64encode(kube.ca.read_bytes()).decode()},
            "rules": [rule],
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "failurePolicy": "Fail",
            "timeoutSeconds": 10,
        }
        configuration = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": "payroll"},
            "webhooks": [webhook],
        }
        await asyncio.to_thread(kube.apply, path, configuration)
        try:
            said = await until(lambda: refused(console, name), bool)
            there = await asyncio.to_thread(kube.ask, "GET", f"{ROLLOUTS}/{name}")
            assert not there["spec"].get("paused")
        finally:
            await asyncio.to_thread(kube.delete, f"{path}/payroll")
            await until(lambda: refused(console, name), lambda said: not said)  # while there is somebody to ask
        verbatim = f'admission webhook "payroll.warroom.test" denied the request: {" ".join(words.split())}'
        assert said == f"cluster: answered {answered}: {verbatim}"


async def refused(console: Argo, name: str) -> str:
    """What a pause, or taking it back, is refused with; "" where neither was: a rule may come or go in between."""
    try:
        await console.pause(target(name), LEAVE)
        await console.resume(target(name), LEAVE)
    except Refused as error:
        return str(error)
    return ""


async def test_what_is_not_installed_is_said_to_be(kube: Cluster) -> None:
    session = client(kube.kubeconfig())
    with pytest.raises(Missing, match=r"the cluster knows no saucers\.warroom\.test: is it installed there\?"):
        await session.page(Resource("warroom.test", "v1", "saucers", "Saucer"))
    await session.aclose()


# -- lists and watches -----------------------------------------------------------------------------------------------


async def test_a_long_list_comes_in_pages(kube: Cluster) -> None:
    kind = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"x": "y" * 2000}}
    verify = str(kube.ca)
    async with httpx.AsyncClient(
        base_url=kube.url, headers={"Authorization": f"Bearer {ADMIN}"}, verify=_trusting(verify)
    ) as admin:
        for first in range(0, 1100, 50):
            made = [{**kind, "metadata": {"name": f"page-{number}"}} for number in range(first, first + 50)]
            posts = (admin.post("/api/v1/namespaces/default/configmaps", json=one) for one in made)
            assert {answer.status_code for answer in await asyncio.gather(*posts)} <= {201, 409}
    session = client(kube.kubeconfig())
    pages = [await session.page(CONFIG_MAPS)]
    while pages[-1].more is not None:
        pages.append(await session.page(CONFIG_MAPS, more=pages[-1].more))
    assert [len(page.objects) for page in pages[:2]] == [500, 500]
    assert sum(len(page.objects) for page in pages) >= 1100
    assert len({page.version for page in pages}) == 1
    with pytest.raises(Rejected) as caught:
        await session.page(CONFIG_MAPS, more="bm9uc2Vuc2U")
    assert caught.value.status in (400, 410)
    await session.aclose()


def _trusting(ca: str) -> Any:
    import ssl

    return ssl.create_default_context(cafile=ca)


async def test_a_watch_from_long_ago_is_410(kube: Cluster) -> None:
    session = client(kube.kubeconfig())
    with pytest.raises(Rejected) as caught:
        async with aclosing(session.watch(ROLLOUT, "1", opened=lambda: None)) as events:
            async for _event in events:
                pass
    assert caught.value.status == 410
    await session.aclose()


async def test_an_idle_watch_is_ended_by_the_server_which_is_no_fault(kube: Cluster) -> None:
    session = client(kube.kubeconfig())
    page = await session.page(ROLLOUT)
    opened: list[None] = []
    async with aclosing(session.watch(ROLLOUT, page.version, opened=lambda: opened.append(None))) as events:
        kinds = {event.kind async for event in events}
    assert (kinds <= {"BOOKMARK"}, len(opened)) == (True, 1)
    await session.aclose()


async def test_a_watch_that_is_cut_silently_is_noticed_and_the_screen_stays_true(
    kube: Cluster, gated: tuple[Argo, str]
) -> None:
    """A box on the way forgets the connections: nothing is heard, and nothing is closed."""
    frozen = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward = await asyncio.open_connection("127.0.0.1", kube.port)
        await relay(reader, writer, *onward, frozen=None if frozen.is_set() else frozen)

    async with listening(serve) as where:
        console = argo_of(kube, config=kube.kubeconfig(ADMIN, "frozen", server=f"https://{where}"))
        seen = await reading(console, gated[1], lambda found: steps_read(found).waits is Wait.GATE)
        frozen.set()
        await asyncio.to_thread(kube.vendor, "abort", gated[1])

        async def read() -> Any:
            try:
                return await console.read_target(target(gated[1]))
            except Exception:
                return seen

        after = await until(read, lambda found: found.phase is Phase.ABORTED)
        assert after.versions.canary == seen.versions.canary
        await console.aclose()


async def test_an_api_server_that_is_restarted_is_followed_again_and_nothing_is_sent_twice(
    kube: Cluster, gated: tuple[Argo, str]
) -> None:
    console, name = gated
    session = client(kube.kubeconfig())
    mirror = Informer(session, ROLLOUT, WallClock(), changed=lambda: None)
    assert (await mirror.get(name))["metadata"]["name"] == name
    await asyncio.to_thread(kube.restart_api_server)
    await asyncio.to_thread(kube.vendor, "abort", name)
    await reading_through(lambda: console.read_target(target(name)), lambda found: found.phase is Phase.ABORTED)
    found = await reading_through(lambda: mirror.get(name), lambda one: one["status"].get("abort"))
    assert found["status"]["abort"] is True
    await mirror.aclose()
    await session.aclose()


async def reading_through(read: Callable[[], Awaitable[Any]], seen: Callable[[Any], object]) -> Any:
    """As `until`, through errors: a server that is away is read again."""

    async def patient() -> Any:
        try:
            return await read()
        except Exception:
            return None

    return await until(patient, lambda found: found is not None and seen(found))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of the two relays' own sockets
async def test_a_promote_goes_over_the_wire_once(kube: Cluster, gated: tuple[Argo, str]) -> None:
    """Counted by a gate on the way, without TLS between it and us."""
    pattern = re.compile(HTTP_WRITE.pattern, re.MULTILINE)
    async with plain(kube) as onward, gate(pattern, onward) as (passed, where):
        config = kube.kubeconfig(ADMIN, "gate", **{"server": f"http://{where}", "certificate-authority": None})
        console = argo_of(kube, config=config)
        seen = await reading(console, gated[1], lambda found: steps_read(found).waits is Wait.GATE)
        await console.withdraw(target(gated[1]), seen.versions.baseline, LEAVE)
        await reading(console, gated[1], lambda found: found.phase is Phase.ABORTED)
        await console.aclose()
    patches = [write.text for write in passed.writes if write.text.startswith("PATCH")]
    path = f"PATCH /apis/argoproj.io/v1alpha1/namespaces/default/rollouts/{gated[1]}"
    sent = [line.partition("?")[0] for line in patches]
    assert sent[0] == f"{path}/status"
    assert sent[1:] in ([], [path])  # the annotation, where the controller is slow


@asynccontextmanager
async def plain(kube: Cluster) -> AsyncIterator[tuple[str, int]]:
    """A port without TLS before the API server."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        context = _trusting(str(kube.ca))
        onward = await asyncio.open_connection("127.0.0.1", kube.port, ssl=context)

        await relay(reader, writer, *onward)

    async with listening(serve) as where:
        host, _, port = where.rpartition(":")
        yield host, int(port)
