"""Metrics that a backend measures of its own targets: what a plan has to say, and what it cannot."""

from __future__ import annotations

import pytest

from adapters.contract import Kind, Shape, TargetRef
from console.plan.loader import parse
from console.plan.nouns import Metric, Role
from tests.plan_rig import problems

PLAN = """\
warroom: 1
rollout: shop
backends:
  cluster: {{adapter: argo-rollouts, context: prod}}
  other: {{adapter: argo-rollouts, context: test}}
  prom: {{adapter: prometheus, url: "http://prom:9090"}}
targets: {{api: {{backend: cluster, name: checkout}}, web: {{backend: other}}}}
metrics:
  success: {{{keys}}}
  used: {{backend: prom, shape: gauge, value: up, arms: none}}
stages: {{from: api, bake: 5m}}
"""
GOOD = "backend: cluster, of: api, shape: gauge, value: success-rate"


def metric(keys: str) -> Metric:
    return parse(PLAN.format(keys=keys), "plan.yaml").metrics["success"]


def said(keys: str) -> list[str]:
    return [str(problem).split(": ", 1)[1] for problem in problems(PLAN.format(keys=keys))]


def test_it_names_its_target_and_the_measurement_and_needs_no_arms() -> None:
    found = metric(GOOD)
    assert (found.query.shape, found.query.value, found.query.arms) == (Shape.GAUGE, "success-rate", None)
    assert found.query.target == TargetRef("api", "checkout", kind=Kind.DEPLOY)
    assert (found.without_baseline, found.role) == (True, Role.INFO)


def test_it_may_say_that_it_has_no_arms() -> None:
    assert metric(f"{GOOD}, arms: none").without_baseline


def test_with_a_limit_it_decides() -> None:
    found = metric(f"{GOOD}, worse: lower, limit: 0.95, role: critical")
    assert (found.role, found.limit, found.falling) == (Role.CRITICAL, 0.95, True)


@pytest.mark.parametrize(
    ("keys", "lines"),
    [
        (
            "backend: cluster, shape: gauge, value: success-rate",
            ["of: required key 'of' is missing: it names the target that argo-rollouts measures"],
        ),
        (GOOD.replace("api", "apo"), ["of: unknown target 'apo'; did you mean 'api'?"]),
        (
            GOOD.replace("cluster", "other"),
            ["backend: api is a target of cluster; only that backend measures it, found 'other'"],
        ),
        (
            "backend: cluster, of: api, value: success-rate",
            ["shape: argo-rollouts measures gauges only; write shape: gauge"],
        ),
        (
            "backend: cluster, of: api, shape: gauge",
            ["value: required key 'value' is missing: the name of the metric that argo-rollouts measures"],
        ),
        (
            f"{GOOD}, total: requests",
            ["total: argo-rollouts takes no 'total'; it takes value, the name of its metric"],
        ),
        (
            f"{GOOD}, arms: {{label: v, canary: a, baseline: b}}",
            ["arms: argo-rollouts measures the new version alone: there is no baseline; remove it"],
        ),
        (f"{GOOD}, role: critical", ["limit: without a baseline only a limit can be judged: give one"]),
        (
            f"{GOOD}, arms: none, role: guard",
            ["limit: without a baseline only a limit can be judged: give one"],
        ),
        (
            "backend: prom, of: api, shape: gauge, value: up, arms: none",
            ["of: prometheus is read by queries: it measures no target itself; remove it; arms separate the versions"],
        ),
    ],
)
def test_what_does_not_fit_is_told_with_what_to_write(keys: str, lines: list[str]) -> None:
    assert said(keys) == [f"metrics.success.{line}" for line in lines]
