"""Manifests for the live cluster."""

from __future__ import annotations

from typing import Any

ROLLOUTS = "/apis/argoproj.io/v1alpha1/namespaces/default/rollouts"
TEMPLATES = "/apis/argoproj.io/v1alpha1/namespaces/default/analysistemplates"
RUNS = "/apis/argoproj.io/v1alpha1/namespaces/default/analysisruns"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
SERVICES = "/api/v1/namespaces/default/services"

Json = dict[str, Any]


def template(name: str, image: str) -> Json:
    """A pod template of one container."""
    return {
        "metadata": {"labels": {"app": name}},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [{"name": "web", "image": image}]},
    }


def rollout(name: str, image: str, strategy: Json, *, replicas: int = 5, **spec: object) -> Json:
    """A Rollout of `image`."""
    whole: Json = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "strategy": strategy, **spec}
    if "workloadRef" not in spec:
        whole["template"] = template(name, image)
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": name}, "spec": whole}


def canary(*steps: Json, **more: object) -> Json:
    return {"canary": {"steps": list(steps), **more}}


def deployment(name: str, image: str, *, replicas: int = 3) -> Json:
    spec = {
        "replicas": replicas,
        "selector": {"matchLabels": {"app": name}},
        "template": template(name, image),
        "minReadySeconds": 0,
    }
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def service(name: str, app: str) -> Json:
    spec = {"selector": {"app": app}, "ports": [{"port": 80, "targetPort": 8080}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def analysis(name: str, url: str, *, count: int = 1, interval: str = "1s", inconclusive: bool = False) -> Json:
    """An AnalysisTemplate that asks a web server for {"value": N}: at least 1 is well, below 0 is bad."""
    metric: Json = {
        "name": "success-rate",
        "count": count,
        "interval": interval,
        "successCondition": "result >= 1",
        "failureCondition": "result < 0",
        "provider": {"web": {"url": url, "jsonPath": "{$.value}"}},
    }
    if inconclusive:
        metric["inconclusiveLimit"] = 0
    kind = {"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate", "metadata": {"name": name}}
    return {**kind, "spec": {"metrics": [metric]}}
