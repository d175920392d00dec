"""Analyses that no query of ours can stand in for: what Argo itself measures, as metrics of the plan."""

from __future__ import annotations

import pytest

from console.manifests.draft import Unmapped
from console.plan.nouns import Metric, Role
from tests.manifests_rig import drafted_from, planned, rollout

DATADOG = "datadog: {query: 'avg:errors{service:web}'}"
EVERY = "interval: 1m"


def measured(
    provider: str = DATADOG,
    asks: str = "successCondition: result >= 0.95",
    *,
    more: str = EVERY,
    canary: str = "steps: [{setWeight: 10}, {pause: {}}], analysis: {templates: [{templateName: t}]}",
    args: str = "[]",
    name: str = "success",
) -> tuple[dict[str, Metric], list[Unmapped]]:
    """The metrics of a plan with one measurement of Argo's, and what is not in it."""
    template = f"""\
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {{name: t}}
spec:
  args: {args}
  metrics:
    - name: {name}
      {asks}
      {more}
      provider: {{{provider}}}
"""
    draft = drafted_from(rollout(f"{{canary: {{{canary}}}}}"), template)
    return dict(planned(draft).metrics), draft.unmapped


@pytest.mark.parametrize(
    "provider",
    [
        DATADOG,
        "newRelic: {query: 'SELECT 1'}",
        "wavefront: {query: ts(x)}",
        "influxdb: {query: x}",
        "web: {url: 'https://a.example', jsonPath: '{$.x}'}",
    ],
)
def test_what_argo_asks_others_for_is_read_from_its_own_measurements(provider: str) -> None:
    metrics, unmapped = measured(provider)
    (metric,) = metrics.values()
    assert unmapped == []
    assert (metric.backend, metric.query.value, metric.role) == ("cluster", "success", Role.CRITICAL)
    assert (metric.limit, metric.falling, metric.without_baseline) == (0.95, True, True)
    assert metric.query.target is not None and metric.query.target.target == "web"
    assert metric.stale_after_s == 180.0


@pytest.mark.parametrize(
    "source",
    ["secretKeyRef: {name: s, key: k}", "fieldRef: {fieldPath: \"metadata.labels['env']\"}"],
)
def test_a_query_that_only_the_cluster_can_complete_is_left_to_argo(source: str) -> None:
    given = f"args: [{{name: x, valueFrom: {{{source}}}}}]"
    canary = f"steps: [{{setWeight: 10}}, {{pause: {{}}}}], analysis: {{templates: [{{templateName: t}}], {given}}}"
    provider = "prometheus: {query: 'a{b=\"{{args.x}}\"}'}"
    metrics, unmapped = measured(provider, canary=canary, args="[{name: x}]")
    assert unmapped == []
    assert metrics["success"].query.value == "success"


def test_a_floor_and_a_ceiling_are_two_metrics_of_one_measurement() -> None:
    metrics, _ = measured(asks='successCondition: "result >= 2 && result <= 9"')
    found = [(name, metric.query.value, metric.limit, metric.falling) for name, metric in metrics.items()]
    assert found == [("success-max", "success", 9.0, False), ("success-min", "success", 2.0, True)]


STEP = "steps: [{setWeight: 10}, {analysis: {templates: [{templateName: t}]}}, {pause: {}}]"
LATE = "steps: [{pause: {}}, {setWeight: 20}], analysis: {startingStep: 1, templates: [{templateName: t}]}"


@pytest.mark.parametrize(
    ("canary", "more"),
    [(STEP, EVERY), (LATE, EVERY), (None, "interval: 1m\n      count: 3"), (None, "count: 1")],
    ids=["of one step", "from a later step on", "counted", "once"],
)
def test_one_that_falls_silent_before_the_rollout_ends_decides_nothing(canary: str | None, more: str) -> None:
    metrics, _ = measured(more=more) if canary is None else measured(more=more, canary=canary)
    assert metrics["success"].role is Role.INFO


def test_one_that_is_in_the_background_and_in_a_step_decides() -> None:
    metrics, _ = measured(canary=f"{STEP}, analysis: {{templates: [{{templateName: t}}]}}")
    assert [(name, metric.role) for name, metric in metrics.items()] == [("success", Role.CRITICAL)]


def test_without_a_condition_it_is_only_shown() -> None:
    metrics, _ = measured(asks="")
    assert (metrics["success"].role, metrics["success"].limit) == (Role.INFO, None)


STABLE = "[{name: hash, valueFrom: {podTemplateHashValue: Stable}}]"


@pytest.mark.parametrize(
    ("provider", "asks", "why"),
    [
        ("job: {spec: {}}", "", "a Kubernetes Job"),
        ("cloudWatch: {interval: 1m}", "successCondition: 'result[0] > 1'", "it reads cloudWatch"),
        (DATADOG, "successCondition: 'all(result, # > 1)'", "it reads datadog"),
        (
            DATADOG,
            "successCondition: result.ok",
            "it reads datadog, and warroom reads Prometheus; its successCondition",
        ),
        ("datadog: {query: 'avg:errors{hash:{{args.hash}}}'}", "failureCondition: result > 1", "it reads datadog"),
        ("datadog: {query: 'avg:errors{x:{{args.other}}}'}", "failureCondition: result > 1", "it reads datadog"),
    ],
    ids=["a job", "a list of lists", "every series", "a field", "the stable version", "no value anywhere"],
)
def test_what_is_not_one_number_of_the_new_version_is_named_at_the_top(provider: str, asks: str, why: str) -> None:
    canary = f"steps: [{{pause: {{}}}}], analysis: {{templates: [{{templateName: t}}], args: {STABLE}}}"
    metrics, (found,) = measured(provider, asks, canary=canary, args="[{name: hash}, {name: other}]")
    assert metrics == {}
    assert found.why.startswith(why)


def test_a_name_that_would_be_another_one_on_a_terminal_is_not_asked_for() -> None:
    metrics, (found,) = measured(name='"a\\u001b[31mb"')
    assert metrics == {}
    assert found.what.startswith("metric a")
