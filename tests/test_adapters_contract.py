"""Every HTTP adapter through the contract suite that strangers run over theirs."""

from __future__ import annotations

from adapters.contract import Backend, Context, Kind, Setting, TargetRef
from adapters.deploy import argo, deployment, flagger
from adapters.deploy.argo.guard import GuardToken
from adapters.flags import unleash
from adapters.kube import Access
from adapters.metrics import prometheus
from adapters.testing import SECRET, TOKEN_ENV, AdapterContract, ContractCall, Request
from tests.prometheus_rig import ERRORS, LOAD, WINDOW
from tests.unleash_fake import EVENTS, FEATURE, strategy

WEB = TargetRef("api", "web", kind=Kind.DEPLOY)
FLAG = TargetRef("new-checkout", "f1", kind=Kind.FLAGS)
SEEN = str(GuardToken(1, "new", "old", (("CanaryPauseStep", "2026-01-01T10:00:00Z"),)))
META = {"name": "web", "uid": "u", "resourceVersion": "5", "generation": 1}
ROLLOUT = {
    "metadata": META,
    "spec": {"strategy": {"canary": {"steps": [{"setWeight": 5}, {"pause": {}}]}}},
    "status": {"phase": "Paused", "currentPodHash": "new", "stableRS": "old", "currentStepIndex": 1},
}
TEMPLATE = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"image": "web:2"}]}}
DEPLOYMENT = {
    "metadata": META | {"annotations": {"deployment.kubernetes.io/revision": "2"}},
    "spec": {"replicas": 1, "template": TEMPLATE},
    "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1},
}
CANARY = {
    "metadata": META,
    "spec": {"targetRef": {"kind": "Deployment", "name": "web"}, "analysis": {"interval": "30s", "maxWeight": 50}},
    "status": {"phase": "Progressing", "canaryWeight": 10, "lastAppliedSpec": "v2", "lastPromotedSpec": "v1"},
}
OBJECTS = {"rollouts": ROLLOUT, "deployments": DEPLOYMENT, "canaries": CANARY}


def cluster(url: str) -> Access:
    return Access("prod", url, "default", token=SECRET)


def reads(request: Request) -> object | None:
    """Proper answers of a cluster to everything but a write."""
    return None if request.method == "PATCH" else everything(request)


def everything(request: Request) -> object:
    path = request.path.split("?")[0]
    if path.endswith("selfsubjectaccessreviews"):
        return {"status": {"allowed": True}}
    for plural, found in OBJECTS.items():
        if path.endswith((f"/{plural}/web", f"/{plural}/web/status")):
            return found
    return {"metadata": {"resourceVersion": "5"}, "items": []}


class TestArgo(AdapterContract):
    spec = argo.ADAPTER
    targets = (WEB,)
    calls = (
        ContractCall("read", lambda one, _: one.read_target(WEB), ok=everything),
        ContractCall("promote", lambda one, permit: one.advance(WEB, Setting(None, step=2), SEEN, permit), writes=True),
        ContractCall("rollback", lambda one, permit: one.withdraw(WEB, "old", permit), writes=True, first=reads),
        ContractCall("pause", lambda one, permit: one.pause(WEB, permit), writes=True),
    )

    def connect(self, url: str, context: Context) -> Backend:
        return argo.Argo(context, cluster(url), None, None)


class TestDeployment(AdapterContract):
    spec = deployment.ADAPTER
    targets = (WEB,)
    calls = (
        ContractCall("read", lambda one, _: one.read_target(WEB), ok=everything),
        ContractCall("pause", lambda one, permit: one.pause(WEB, permit), writes=True, ok=everything),
    )

    def connect(self, url: str, context: Context) -> Backend:
        return deployment.Deployments(context, cluster(url), None, None)


class TestFlagger(AdapterContract):
    spec = flagger.ADAPTER
    targets = (WEB,)
    calls = (
        ContractCall("read", lambda one, _: one.read_target(WEB), ok=everything),
        ContractCall("pause", lambda one, permit: one.pause(WEB, permit), writes=True, first=reads, ok=everything),
    )

    def connect(self, url: str, context: Context) -> Backend:
        return flagger.Flagger(context, cluster(url), None, None, None)


class TestUnleash(AdapterContract):
    spec = unleash.ADAPTER
    targets = (FLAG,)

    @staticmethod
    def feature(request: Request) -> object | None:
        """A proper answer to the read that a write begins with."""
        if request.method != "GET" or request.path != FEATURE:
            return None
        production = {"name": "production", "enabled": False, "strategies": [strategy()]}
        return {"name": "f1", "environments": [production]}

    @staticmethod
    def well(request: Request) -> object | None:
        if request.path.startswith(EVENTS):
            return {"events": [], "total": 0}
        return TestUnleash.feature(request) or {}

    calls = (
        ContractCall("read", lambda one, _: one.read_target(FLAG), ok=well),
        ContractCall(
            "write", lambda one, permit: one.set_flag(FLAG, Setting(25, on=True), permit), writes=True, first=feature
        ),
        ContractCall(
            "off", lambda one, permit: one.set_flag(FLAG, Setting(None, on=False), permit), writes=True, ok=well
        ),
    )

    def options(self, url: str) -> dict[str, object]:
        return {"url": url, "environment": "production", "token": {"env": TOKEN_ENV}}


def no_series(_: Request) -> object:
    return {"status": "success", "data": {"resultType": "matrix", "result": []}}


class TestPrometheus(AdapterContract):
    spec = prometheus.ADAPTER
    calls = (ContractCall("read", lambda one, _: one.read_metrics([ERRORS, LOAD], WINDOW), ok=no_series),)

    def options(self, url: str) -> dict[str, object]:
        return {"url": url, "token": {"env": TOKEN_ENV}}
