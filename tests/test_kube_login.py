"""Login plugins and token files: real child processes for one run, a hand-stepped clock for what is kept."""

from __future__ import annotations

import asyncio
import json
import stat
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.contract import NotSent
from adapters.kube import login as login_module
from adapters.kube import plugin as plugins
from adapters.kube.access import Access, NoAccess, Plugin, Variable
from adapters.kube.login import EARLY_S, REREAD_S, REST_S, Login, TokenFile
from adapters.kube.plugin import PluginCredentials
from adapters.transport import Credentials
from tests.kube_fake import HandClock

V1 = "client.authentication.k8s.io/v1"
SECRET = "k8s-aws-v1.s3cret"


@pytest.fixture(autouse=True)
def _nobody_logged_in() -> Iterator[None]:
    login_module._logged_in.clear()
    yield
    login_module._logged_in.clear()


def script(folder: Path, body: str, **more: object) -> Plugin:
    """A plugin that is a real program, written in Python."""
    path = folder / "login"
    path.write_text(f"#!{sys.executable}\nimport json, os, sys, time\n{body}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return Plugin(version=V1, command=str(path), **more)


def says(**status: str) -> str:
    answer = {"apiVersion": V1, "kind": "ExecCredential", "status": status}
    return f"print({json.dumps(json.dumps(answer))})"


def reach(plugin: Plugin | None = None, **more: object) -> Access:
    return Access("prod", "https://prod.test", "default", plugin=plugin, **more)  # type: ignore[arg-type]


async def ran(plugin: Plugin, deadline_s: float = 10.0) -> PluginCredentials:
    return await plugins.run(plugin, reach(plugin), terminal=False, deadline_s=deadline_s)


async def test_a_plugin_gives_a_token_and_says_how_long_it_holds(tmp_path: Path) -> None:
    kept = await ran(script(tmp_path, says(token=SECRET, expirationTimestamp="2026-01-01T10:15:00Z")))
    assert kept.credentials.authorization == f"Bearer {SECRET}"
    assert kept.until is not None
    assert kept.until.isoformat() == "2026-01-01T10:15:00+00:00"
    assert SECRET not in repr(kept)


async def test_a_plugin_may_give_a_certificate_instead(tmp_path: Path) -> None:
    kept = await ran(script(tmp_path, says(clientCertificateData="CERT", clientKeyData="KEY")))
    assert kept.credentials.authorization is None
    assert kept.credentials.certificate is not None
    assert kept.credentials.certificate.key == b"KEY"


async def test_a_plugin_gets_its_arguments_its_environment_and_what_kubernetes_tells_it(tmp_path: Path) -> None:
    body = """
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
told = "|".join([*sys.argv[1:], os.environ["REGION"], str(info["spec"]["interactive"]),
                 info["spec"]["cluster"]["server"], str(sys.stdin.read())])
print(json.dumps({"apiVersion": info["apiVersion"], "kind": "ExecCredential", "status": {"token": told}}))
"""
    plugin = script(
        tmp_path, body, args=("get", "x"), environment=(Variable(name="REGION", value="eu"),), provide_cluster_info=True
    )
    kept = await ran(plugin)
    assert kept.credentials.authorization == "Bearer get|x|eu|False|https://prod.test|"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("print('Opening browser...')", "did not answer with an ExecCredential of v1"),
        ("pass", "did not answer with an ExecCredential of v1"),
        ("sys.stdout.buffer.write(b'\\xff' * 10**6)", "did not answer with an ExecCredential of v1"),
        (says().replace("v1", "v1alpha1", 1), "did not answer with an ExecCredential of v1"),
        (says(token=""), "no token and no certificate with its key"),
        (says(clientCertificateData="CERT"), "no token and no certificate with its key"),
        (says(token="two\nlines"), "its token cannot be sent in a header"),
        ("sys.stderr.write('x' * 10 + '\\nexpired\\x1b[31m\\n'); sys.exit(3)", r"failed \(exit 3\): expired\[31m"),
    ],
)
async def test_whatever_else_a_plugin_does_is_one_line(tmp_path: Path, body: str, told: str) -> None:
    with pytest.raises(NoAccess, match=told) as caught:
        await ran(script(tmp_path, body))
    assert str(caught.value).startswith("login plugin login ")
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


async def test_a_plugin_that_hangs_is_ended_with_everything_it_started(tmp_path: Path) -> None:
    plugin = script(tmp_path, "")  # a shell: it has begun long before its time is over, on a busy machine too
    (tmp_path / "login").write_text(f"#!/bin/sh\nsleep 600 &\necho $$ $! > {tmp_path}/pids\nsleep 600\n")
    with pytest.raises(NoAccess, match=r"login plugin login gave no answer within 1\.5 s"):
        await ran(plugin, deadline_s=1.5)
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 2
    async with asyncio.timeout(10):  # they were killed; when they are gone is the system's matter
        while any(map(_runs, pids)):  # noqa: ASYNC110 - the kernel tells nobody of a process that is not its child
            await asyncio.sleep(0.02)


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


async def test_a_plugin_that_wants_a_terminal_while_the_screen_has_it_is_not_run(tmp_path: Path) -> None:
    plugin = script(tmp_path, f"open({str(tmp_path / 'ran')!r}, 'w')", interactive="Always")
    with pytest.raises(NoAccess, match="wants a terminal: leave with q, log in, and start again"):
        await ran(plugin)
    assert not (tmp_path / "ran").exists()


async def test_a_plugin_that_is_not_installed_says_how_to_get_it() -> None:
    plugin = Plugin(version=V1, command="no-such-login-plugin", install_hint="brew install it")
    with pytest.raises(NoAccess, match="login plugin no-such-login-plugin is not installed: brew install it"):
        await ran(plugin)


async def test_a_version_that_no_cluster_still_speaks_is_refused() -> None:
    with pytest.raises(NoAccess, match=r"'client\.authentication\.k8s\.io/v1alpha1' is not v1 or v1beta1"):
        await ran(Plugin(version="client.authentication.k8s.io/v1alpha1", command="x"))


class Counter:
    """A plugin that is not run: it gives token-1, token-2, .., each for `holds_s` seconds, or fails."""

    def __init__(self, clock: HandClock, holds_s: float | None = 900.0) -> None:
        self.clock = clock
        self.holds_s = holds_s
        self.runs = 0
        self.fails = False
        self.let_go = asyncio.Event()
        self.let_go.set()

    async def __call__(self, plugin: Plugin, access: Access) -> PluginCredentials:
        self.runs += 1
        await self.let_go.wait()
        if self.fails:
            raise NoAccess("login plugin x failed (exit 1)")
        until = None if self.holds_s is None else self.clock.now() + timedelta(seconds=self.holds_s)
        return PluginCredentials(Credentials(f"Bearer token-{self.runs}"), until)


def logging_in(clock: HandClock, run: Counter) -> Login:
    plugin = Plugin(version=V1, command="x")
    return Login("cluster", reach(plugin), plugin, clock, run)


async def test_what_a_plugin_gave_is_kept_until_it_expires() -> None:
    clock = HandClock()
    run = Counter(clock)
    identity = logging_in(clock, run)
    assert (await identity.credentials("read")).authorization == "Bearer token-1"
    await clock.step(900 - EARLY_S - 1)
    assert (await identity.credentials("read")).authorization == "Bearer token-1"
    await clock.step(2)
    assert (await identity.credentials("abort")).authorization == "Bearer token-2"


async def test_many_calls_at_once_share_one_run() -> None:
    clock = HandClock()
    run = Counter(clock)
    identity = logging_in(clock, run)
    await asyncio.gather(*(identity.credentials("read") for _ in range(20)))
    assert run.runs == 1


async def test_every_backend_of_the_process_shares_one_login() -> None:
    clock = HandClock()
    run = Counter(clock)
    for _ in range(3):
        await logging_in(clock, run).credentials("read")
    assert run.runs == 1


async def test_credentials_that_are_refused_are_renewed_once_and_not_again_and_again() -> None:
    clock = HandClock()
    run = Counter(clock, holds_s=None)
    identity = logging_in(clock, run)
    first = await identity.credentials("read")
    await clock.step(REST_S + 1)
    assert identity.reject(first, "read")
    second = await identity.credentials("read")
    assert second.authorization == "Bearer token-2"
    assert not identity.reject(second, "read")
    assert (await identity.credentials("read")) == second


async def test_a_call_that_was_refused_with_older_credentials_tries_the_newer_ones() -> None:
    clock = HandClock()
    identity = logging_in(clock, Counter(clock))
    await identity.credentials("read")
    assert identity.reject(Credentials("Bearer token-0"), "read")


async def test_a_plugin_that_failed_is_left_alone_by_reads_and_tried_again_for_a_write() -> None:
    clock = HandClock()
    run = Counter(clock)
    run.fails = True
    identity = logging_in(clock, run)
    for _ in range(5):
        with pytest.raises(NotSent, match=r"not sent: login plugin x failed \(exit 1\)"):
            await identity.credentials("read")
    assert run.runs == 1
    with pytest.raises(NotSent):
        await identity.credentials("abort")
    assert run.runs == 2
    run.fails = False
    await clock.step(REST_S + 1)
    assert (await identity.credentials("read")).authorization == "Bearer token-3"


async def test_fresh_credentials_that_are_refused_are_renewed_for_a_write_and_kept_by_a_poll() -> None:
    """The operator may have logged in anew since; a poll that asks every few seconds has not."""
    clock = HandClock()
    identity = logging_in(clock, Counter(clock, holds_s=None))
    shown = await identity.credentials("read")
    assert not identity.reject(shown, "read")
    assert identity.reject(shown, "rollback")
    assert (await identity.credentials("rollback")).authorization == "Bearer token-2"


async def test_a_run_outlives_the_call_that_gave_up_on_it() -> None:
    clock = HandClock()
    run = Counter(clock)
    run.let_go.clear()
    identity = logging_in(clock, run)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await identity.credentials("read")
    assert identity.waiting == "the login plugin x has not answered yet"
    run.let_go.set()
    assert (await identity.credentials("read")).authorization == "Bearer token-1"
    assert run.runs == 1


async def test_a_plugin_that_gives_what_has_expired_is_not_run_at_every_call() -> None:
    clock = HandClock()
    run = Counter(clock, holds_s=-5.0)
    identity = logging_in(clock, run)
    for _ in range(5):
        await identity.credentials("read")
    assert run.runs == 1


async def test_a_login_before_the_screen_is_kept_for_the_engine(tmp_path: Path) -> None:
    plugin = script(tmp_path, says(token=SECRET))
    await login_module.log_in(reach(plugin), terminal=False)
    (tmp_path / "login").unlink()
    identity = Login("cluster", reach(plugin), plugin, HandClock())
    assert (await identity.credentials("read")).authorization == f"Bearer {SECRET}"


async def test_a_token_file_is_read_again_when_it_was_read_long_ago(tmp_path: Path) -> None:
    file, clock = tmp_path / "token", HandClock()
    file.write_text("one\n", encoding="utf-8")
    identity = TokenFile("cluster", reach(token_file=file), clock)
    assert (await identity.credentials("read")).authorization == "Bearer one"
    file.write_text("two\n", encoding="utf-8")
    assert (await identity.credentials("read")).authorization == "Bearer one"
    await clock.step(REREAD_S)
    assert (await identity.credentials("read")).authorization == "Bearer two"


async def test_a_refused_token_file_is_worth_another_try_only_if_it_says_something_else(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("one", encoding="utf-8")
    identity = TokenFile("cluster", reach(token_file=file), HandClock())
    shown = await identity.credentials("read")
    assert not identity.reject(shown, "read")
    file.write_text("two", encoding="utf-8")
    assert identity.reject(shown, "read")
    assert (await identity.credentials("read")).authorization == "Bearer two"


async def test_a_token_file_that_is_gone_is_one_line(tmp_path: Path) -> None:
    identity = TokenFile("cluster", reach(token_file=tmp_path / "no"), HandClock())
    with pytest.raises(NotSent, match=r"not sent: the token file .*/no cannot be read"):
        await identity.credentials("read")
