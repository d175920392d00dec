"""A FAKE Argo Rollouts controller over the fake cluster, moved by hand: `reconcile` is one look at one Rollout.

It knows the rules that decide what a second promote does, as the real controller has them (tests/live/test_argo.py runs
the same tests against that one): a pause is over when its condition is gone while controllerPause is still set, or when
its time is up; an index that somebody else wrote is believed; an abort goes back to step 0; promoteFull goes past
everything and discards an abort.
"""

from __future__ import annotations

import math
from typing import Any

from adapters.contract import Clock
from tests.kube_fake import FakeCluster, Json

PAUSE: Json = {"pause": {}}


def weight(percent: int) -> Json:
    return {"setWeight": percent}


def pause(seconds: int) -> Json:
    return {"pause": {"duration": seconds}}


ANALYSIS: Json = {"analysis": {"templates": [{"templateName": "success-rate"}]}}


class Controller:
    """The controller of every Rollout in the fake."""

    def __init__(self, cluster: FakeCluster, clock: Clock) -> None:
        self.cluster = cluster
        self.clock = clock
        self.finished: list[str] = []
        """The actions that steps finished: "analysis 3". A step that was skipped is not in here."""
        self.ends_analysis = False
        """Whether an analysis that it meets is over, and went well."""

    def rollout(self, name: str = "web", *steps: Json, image: str = "web:2", replicas: int = 5) -> None:
        """A Rollout whose new version has just been set, on top of one that is stable."""
        spec: Json = {
            "replicas": replicas,
            "strategy": {"canary": {"steps": list(steps)}},
            "template": _template(image),
        }
        meta = {"name": name, "annotations": {"rollout.argoproj.io/revision": "2"}}
        status = {
            "phase": "Progressing",
            "observedGeneration": "1",
            "currentPodHash": "h2",
            "stableRS": "h1",
            "currentStepIndex": 0,
            "availableReplicas": replicas,
        }
        found = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": meta, "spec": spec}
        kept = self.cluster.put("rollouts", {**found, "status": status})
        for number, (image_of, ready) in enumerate((("web:1", replicas), (image, 0)), start=1):
            self._replica_set(name, number, image_of, ready, kept["metadata"]["uid"])

    def _replica_set(self, name: str, number: int, image: str, ready: int, owner: str) -> None:
        template = _template(image)
        template["metadata"]["labels"]["rollouts-pod-template-hash"] = f"h{number}"
        meta = {
            "name": f"{name}-h{number}",
            "labels": {"rollouts-pod-template-hash": f"h{number}"},
            "annotations": {"rollout.argoproj.io/revision": str(number)},
            "ownerReferences": [{"uid": owner, "kind": "Rollout", "controller": True}],
        }
        found = {"metadata": meta, "spec": {"template": template}, "status": {"availableReplicas": ready}}
        self.cluster.put("replicasets", found)

    def status(self, name: str = "web") -> Json:
        found: Json = self.cluster.objects["rollouts"][name].get("status", {})
        return found

    def index(self, name: str = "web") -> int:
        number: int = self.status(name)["currentStepIndex"]
        return number

    def settle(self, name: str = "web") -> None:
        """Reconcile until nothing changes."""
        for _ in range(50):
            before = self.cluster.objects["rollouts"][name]["metadata"]["resourceVersion"]
            self.reconcile(name)
            if self.cluster.objects["rollouts"][name]["metadata"]["resourceVersion"] == before:
                return
        raise AssertionError("the rollout does not come to rest")

    def reconcile(self, name: str = "web") -> None:
        """One look, and what it changes."""
        found = self.cluster.objects["rollouts"][name]
        status: Json = dict(found.get("status", {}))
        spec = found["spec"]
        status["observedGeneration"] = str(found["metadata"]["generation"])
        wanted = _hash(spec["template"])
        steps = spec["strategy"]["canary"]["steps"]
        if status["currentPodHash"] != wanted:
            status.update(currentPodHash=wanted, currentStepIndex=0, abort=None, promoteFull=None)
            status.update(pauseConditions=None, controllerPause=None)
            self._annotate(name)
        self._step(status, spec, steps)
        kept = {key: value for key, value in status.items() if value is not None}
        if kept != found.get("status"):
            self.cluster.change("rollouts", name, lambda it: it.update(status=kept))
        self._scale(name, status, spec["replicas"], steps)

    def _scale(self, name: str, status: Json, replicas: int, steps: list[Json]) -> None:
        """As many pods of each version as the weight asks for, at once."""
        share = 100
        if status["currentPodHash"] != status["stableRS"]:
            done = steps[: status["currentStepIndex"] + 1]
            share = 0 if status.get("abort") else next((s["setWeight"] for s in reversed(done) if "setWeight" in s), 0)
        fresh = math.ceil(replicas * share / 100)
        for one in tuple(self.cluster.objects["replicasets"].values()):
            if one["metadata"]["name"].rpartition("-")[0] != name:
                continue
            label = one["metadata"]["labels"]["rollouts-pod-template-hash"]
            ready = {status["stableRS"]: replicas - fresh, status["currentPodHash"]: fresh}.get(label, 0)
            if one["status"]["availableReplicas"] != ready:
                self.cluster.put("replicasets", {**one, "status": {"availableReplicas": ready}})

    def _step(self, status: Json, spec: Json, steps: list[Json]) -> None:
        if status["currentPodHash"] == status["stableRS"] or status.get("promoteFull"):
            status.update(stableRS=status["currentPodHash"], promoteFull=None, abort=None, currentStepIndex=len(steps))
            status.update(phase="Healthy", message=None, pauseConditions=None, controllerPause=None)
            return
        if status.get("abort"):
            status.update(currentStepIndex=0, pauseConditions=None, controllerPause=None)
            status.update(phase="Degraded", message="RolloutAborted: Rollout aborted update to revision 2")
            return
        if spec.get("paused"):
            status.update(phase="Paused", message="manually paused")
            return
        index = status["currentStepIndex"]
        if index >= len(steps):
            status.update(stableRS=status["currentPodHash"], phase="Healthy", message=None)
            return
        if self._over(status, index, steps[index]):
            status.update(currentStepIndex=index + 1, pauseConditions=None, controllerPause=None)
            status.update(phase="Progressing", message="more replicas need to be updated")
            return
        if "pause" not in steps[index]:
            status.update(phase="Progressing", message="more replicas need to be updated")

    def _over(self, status: Json, index: int, step: Json) -> bool:
        """Whether a step is done; a pause that is met begins here."""
        if "pause" in step:
            conditions = status.get("pauseConditions")
            if status.get("controllerPause") and not conditions:
                self.finished.append(f"pause {index}")
                return True
            if not conditions:
                began = self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
                status.update(pauseConditions=[{"reason": "CanaryPauseStep", "startTime": began}], controllerPause=True)
                status.update(phase="Paused", message="CanaryPauseStep")
                return False
            lasts = (step["pause"] or {}).get("duration")
            return lasts is not None and self._passed(conditions[0]["startTime"], lasts)
        if "analysis" in step and not self.ends_analysis:
            return False
        self.finished.append(f"{next(iter(step))} {index}")
        return True

    def _passed(self, began: str, lasts_s: float) -> bool:
        from datetime import datetime

        since = self.clock.now() - datetime.fromisoformat(began.replace("Z", "+00:00"))
        return since.total_seconds() > lasts_s

    def _annotate(self, name: str) -> None:
        meta = self.cluster.objects["rollouts"][name]["metadata"]
        annotations = meta["annotations"]
        number = int(annotations["rollout.argoproj.io/revision"]) + 1
        self.cluster.change(
            "rollouts",
            name,
            lambda found: found["metadata"]["annotations"].update({"rollout.argoproj.io/revision": str(number)}),
        )

    # -- what the vendor's plugin sends, letter by letter ------------------------------------------------------------

    def vendor_promote(self, name: str = "web", seen: Json | None = None) -> None:
        """`kubectl argo rollouts promote`, from an earlier read where there is one (deploy.md 2.5)."""
        status = self.status(name) if seen is None else seen
        if self.cluster.objects["rollouts"][name]["spec"].get("paused"):
            self.cluster.merge("rollouts", name, {"spec": {"paused": False}})
        patch: dict[str, Any] = {"pauseConditions": None}
        if not status.get("pauseConditions"):
            patch["currentStepIndex"] = status["currentStepIndex"] + 1
        self.cluster.merge("rollouts", name, {"status": patch}, "status")


def _template(image: str) -> Json:
    return {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": image}]}}


def _hash(template: Json) -> str:
    """web:1 is h1, web:2 is h2: what a pod template hash does, readably."""
    image: str = template["spec"]["containers"][0]["image"]
    return f"h{image.rpartition(':')[2]}"
