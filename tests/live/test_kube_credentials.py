"""Credentials that end in the middle of a rollback: a real engine, the real API server and controller, real tokens.

The tokens are a service account's, each bound to a Secret: with that gone the server answers 401, as when they expire.
The login plugin is a script that hands out what a file holds and keeps count.
"""

from __future__ import annotations

import asyncio
import re
import sys
import urllib.error
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from adapters.contract import Wait
from adapters.kube import kubeconfig, login
from console.events.evidence import Verb
from console.state.values import State, StepMark
from tests.engine_rig import Console, war_room
from tests.live.gate import HTTP_WRITE, Gate, gate
from tests.live.kube.cluster import Cluster
from tests.live.kube.rig import argo_of, deployed, reading, status, until
from tests.live.test_kube import plain
from tests.reading_rig import steps_read

pytestmark = [
    pytest.mark.live,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # of the two relays' own sockets
]

NAMESPACE = "/api/v1/namespaces/default"
ACCOUNT = "oncall"
PLAN = """\
warroom: 1
rollout: {name}
timing: {{poll: 1s, read_deadline: 8s, write_deadline: 5s}}
backends:
  cluster: {{adapter: argo-rollouts, kubeconfig: "{config}", context: live}}
  other: {{adapter: argo-rollouts, kubeconfig: "{admin}", context: live}}
targets:
  first: {{backend: cluster, name: {name}-first}}
  second: {{backend: cluster, name: {name}-second}}
  side: {{backend: other, name: {name}-side}}
stages:
  - {{name: twenty, set: {{first: step 1, second: step 1, side: step 1}}}}
  - {{name: full, set: {{first: all steps, second: all steps, side: all steps}}}}
rollback:
  - {{id: first, set: {{first: 0}}}}
  - {{id: look, manual: "look at the dashboards", needs: [first]}}
  - {{id: second, set: {{second: 0}}, needs: [look]}}
  - {{id: side, set: {{side: 0}}, needs: [look]}}
"""


@dataclass
class Site:
    """A rollout whose first rollback step is done, and whose token has just ended."""

    kube: Cluster
    name: str
    plugin: Plugin
    passed: Gate
    console: Console

    @property
    def patches(self) -> list[str]:
        """The Rollouts whose status was patched through the gate, in order."""
        return re.findall(
            rf"PATCH \S+/rollouts/{self.name}-(\w+)/status", "\n".join(one.text for one in self.passed.writes)
        )

    def mark(self, step: str) -> StepMark:
        return mark_of(self.console.state, step)

    async def goes_on(self) -> None:
        """The manual step in between is confirmed."""
        await self.console.act(Verb.CONFIRM, subject="look", typed="look")


def mark_of(state: State, step: str) -> StepMark:
    return next(entry.mark for entry in state.checklist if entry.step.id == step)


class Plugin:
    """A login plugin: says what its file holds, or fails with it where there is no token."""

    def __init__(self, folder: Path) -> None:
        self.token, self._runs, self.program = folder / "token", folder / "runs", folder / "login"
        self.program.write_text(
            f"#!{sys.executable}\n"
            "import json, os, sys\n"
            f"open({str(self._runs)!r}, 'a').write('x')\n"
            f"token = open({str(self.token)!r}).read()\n"
            "if not token:\n"
            "    sys.exit('your session has ended: run shop-login')\n"
            "kind = {'apiVersion': 'client.authentication.k8s.io/v1', 'kind': 'ExecCredential'}\n"
            "print(json.dumps({**kind, 'status': {'token': token}}))\n",
            encoding="utf-8",
        )
        self.program.chmod(0o755)

    @property
    def runs(self) -> int:
        return len(self._runs.read_text(encoding="utf-8")) if self._runs.exists() else 0

    def user(self) -> dict[str, object]:
        version = "client.authentication.k8s.io/v1"
        return {"exec": {"apiVersion": version, "command": str(self.program), "interactiveMode": "Never"}}


def account(kube: Cluster) -> None:
    """A service account that may do everything."""
    kube.apply(f"{NAMESPACE}/serviceaccounts", _named("v1", "ServiceAccount", ACCOUNT))
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    who = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": "default"}
    binding = _named("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", ACCOUNT)
    path = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
    kube.apply(path, {**binding, "roleRef": role, "subjects": [who]})


def _named(version: str, kind: str, name: str) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}}


def token_of(kube: Cluster, secret: str) -> str:
    """A token that holds for as long as the Secret is there."""
    made = kube.apply(f"{NAMESPACE}/secrets", _named("v1", "Secret", secret))
    bound = {"apiVersion": "v1", "kind": "Secret", "name": secret, "uid": made["metadata"]["uid"]}
    asked = {**_named("authentication.k8s.io/v1", "TokenRequest", ""), "spec": {"boundObjectRef": bound}}
    answer = kube.ask("POST", f"{NAMESPACE}/serviceaccounts/{ACCOUNT}/token", asked)
    token: str = answer["status"]["token"]
    return token


async def ended(kube: Cluster, secret: str, token: str) -> None:
    """Returns once the server refuses the token: it believes one for up to ten seconds that it has just seen."""
    await asyncio.to_thread(kube.delete, f"{NAMESPACE}/secrets/{secret}")

    def refused() -> bool:
        try:
            kube.ask("GET", NAMESPACE, token=token)
        except urllib.error.HTTPError as error:
            return error.code == 401
        return False

    await until(lambda: asyncio.to_thread(refused), bool)


@asynccontextmanager
async def in_the_middle(kube: Cluster, folder: Path, name: str, *, renewed: bool) -> AsyncIterator[Site]:
    """A rollback whose first step is done, with a token that has ended; the plugin has a new one if `renewed`."""
    await asyncio.to_thread(account, kube)
    plugin, secret = Plugin(folder), f"{name}-before"
    before = await asyncio.to_thread(token_of, kube, secret)
    plugin.token.write_text(before, encoding="utf-8")
    admin = argo_of(kube)
    for target in ("first", "second", "side"):
        await deployed(kube, admin, f"{name}-{target}", {"setWeight": 20}, {"pause": {}}, {"setWeight": 60})
        await reading(admin, f"{name}-{target}", lambda found: steps_read(found).waits is Wait.GATE)
    await admin.aclose()
    pattern = re.compile(HTTP_WRITE.pattern, re.MULTILINE)
    async with plain(kube) as onward, gate(pattern, onward) as (passed, where):
        reach = {"server": f"http://{where}", "certificate-authority": None}
        config = kube.config_of(plugin.user(), f"exec-{name}", **reach)
        await login.log_in(kubeconfig.access([config], None), terminal=False)
        async with war_room(folder, PLAN.format(name=name, config=config, admin=kube.kubeconfig())) as room:
            console = await room.console()
            site = Site(kube, name, plugin, passed, console)
            await console.act(Verb.ROLLBACK)
            await until_state(console, lambda state: mark_of(state, "first") is StepMark.DONE)
            assert (plugin.runs, site.patches) == (1, ["first"])
            after = await asyncio.to_thread(token_of, kube, f"{name}-after") if renewed else ""
            plugin.token.write_text(after, encoding="utf-8")
            await ended(kube, secret, before)
            yield site


async def until_state(console: Console, seen: Any) -> State:
    async def state() -> State:
        return console.state

    found: State = await until(state, seen)
    return found


async def test_a_rollback_goes_on_with_new_credentials_after_one_refresh(kube: Cluster, tmp_path: Path) -> None:
    async with in_the_middle(kube, tmp_path, "ended", renewed=True) as site:
        await site.goes_on()
        state = await until_state(site.console, lambda state: all(entry.is_over for entry in state.checklist))
        assert [entry.mark for entry in state.checklist if entry.step.manual is None] == [StepMark.DONE] * 3
        assert status(kube, "ended-second")["abort"] is True
        assert site.patches == ["first", "second"]
        assert site.plugin.runs == 2


async def test_a_rollback_without_new_credentials_says_why_once_and_the_other_steps_go_on(
    kube: Cluster, tmp_path: Path
) -> None:
    async with in_the_middle(kube, tmp_path, "lost", renewed=False) as site:
        await site.goes_on()
        state = await until_state(
            site.console,
            lambda state: mark_of(state, "side") is StepMark.DONE and mark_of(state, "second") is StepMark.REFUSED,
        )
        assert status(kube, "lost-side")["abort"] is True
        assert "abort" not in status(kube, "lost-second")
        [said] = [entry.reason for entry in state.requests.values() if entry.step == "second"]
        assert said == "not sent: login plugin login failed (exit 1): your session has ended: run shop-login"
        assert site.patches == ["first"]
        fresh = await asyncio.to_thread(token_of, kube, "lost-after")
        site.plugin.token.write_text(fresh, encoding="utf-8")
        await site.console.act(Verb.ROLLBACK)
        await until_state(site.console, lambda state: mark_of(state, "second") is StepMark.DONE)
        assert site.patches == ["first", "second"]
