"""A Flagger Canary, and a plain Deployment, as a plan."""

from __future__ import annotations

import pytest

from adapters.contract import LAST_STEP, ArmLabels, Shape
from console.manifests.builtin import request_metrics
from console.manifests.draft_start import NoChoice
from console.manifests.promql.reader import parse_query
from console.manifests.writer import plan_text
from console.plan.nouns import Metric, Role
from tests.manifests_rig import MANIFESTS, drafted_from, from_files, planned

GOLDEN = MANIFESTS / "canary.plan.yaml"
GATE = "{type: %s, url: 'http://warroom:22800/flagger/%s'}"


def canary(analysis: str, *, spec: str = "", namespace: str = "shop") -> str:
    place = f", namespace: {namespace}" if namespace else ""
    return f"""\
apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {{name: cart{place}}}
spec:
  provider: istio
  targetRef: {{apiVersion: apps/v1, kind: Deployment, name: cart}}
  {spec}
  analysis: {analysis}
"""


def template(query: str, provider: str = "{type: prometheus, address: 'http://prom:9090'}") -> str:
    return f"""\
apiVersion: flagger.app/v1beta1
kind: MetricTemplate
metadata: {{name: t}}
spec:
  provider: {provider}
  query: |
    {query}
"""


def metrics(*texts: str, provider: str | None = None) -> list[Metric]:
    return list(planned(drafted_from(*texts, provider=provider)).metrics.values())


def test_a_whole_canary_becomes_a_plan_worth_reading() -> None:
    assert plan_text(from_files("canary.yaml"), ["canary.yaml"]) == GOLDEN.read_text(encoding="utf-8")


def test_a_whole_canary_becomes_a_plan_that_checks() -> None:
    plan = planned(from_files("canary.yaml"))
    steps = [(stage.name, [setting.step for setting in stage.sets.values()], stage.bake_s) for stage in plan.stages]
    assert steps == [("start", [0], 0.0), ("10pct", [2], 60.0), ("50pct", [3], 60.0), ("full", [LAST_STEP], 0.0)]
    assert plan.backends["cluster"].options == {"namespace": "shop", "gates": "http://warroom.ops:22800"}


@pytest.mark.parametrize(
    ("analysis", "stages"),
    [
        ("{stepWeight: 10, maxWeight: 50}", [("10pct", 1), ("50pct", 5)]),
        ("{stepWeights: [5]}", [("5pct", 1)]),
        ("{iterations: 5}", [("100pct", 1)]),
        ("{iterations: 5, match: [{headers: {}}]}", []),
        (f"{{stepWeights: [5, 20], webhooks: [{GATE % (('confirm-promotion',) * 2)}]}}", [("20pct", 2)]),
        (
            f"{{stepWeights: [5, 20], webhooks: [{GATE % (('confirm-traffic-increase',) * 2)}]}}",
            [("start", 0), ("5pct", 1), ("20pct", 2)],
        ),
        (f"{{iterations: 5, webhooks: [{GATE % (('confirm-rollout',) * 2)}]}}", [("start", 0)]),
    ],
)
def test_stages_end_where_gates_stand_and_without_gates_at_the_first_and_last_weight(
    analysis: str, stages: list[tuple[str, int]]
) -> None:
    found = [
        (stage.name, setting.step)
        for stage in planned(drafted_from(canary(analysis))).stages
        for setting in stage.sets.values()
    ]
    assert found == [*stages, ("full", LAST_STEP)]


def test_without_gates_it_says_how_to_have_them() -> None:
    assert any("put `gates: http://ADDRESS:PORT`" in said for said in drafted_from(canary("{stepWeight: 5}")).about)


def test_gates_that_ask_somebody_else_are_not_ours() -> None:
    hook = "{name: gate, type: confirm-rollout, url: 'http://loadtester/gate/check'}"
    draft = drafted_from(canary(f"{{stepWeights: [5], webhooks: [{hook}]}}"))
    assert [(one.what, one.decides) for one in draft.unmapped] == [("webhook gate (confirm-rollout)", True)]
    assert planned(draft).backends["cluster"].options == {"namespace": "shop"}


def test_an_ab_test_says_that_it_has_no_share() -> None:
    draft = drafted_from(canary("{iterations: 5, match: [{headers: {}}]}"))
    assert any("metrics are shown without a verdict" in text for text in draft.about)


@pytest.mark.parametrize(
    ("said", "limit"),
    [("thresholdRange: {min: 99}", 0.01), ("threshold: 99.9", 0.001)],
)
def test_the_success_rate_is_counted_with_both_versions_told_apart(said: str, limit: float) -> None:
    (metric,) = metrics(canary(f"{{stepWeight: 5, metrics: [{{name: request-success-rate, {said}}}]}}"))
    assert metric.query.shape is Shape.GOOD_TOTAL
    assert metric.limit == pytest.approx(limit)
    assert metric.query.arms == ArmLabels("destination_workload", "cart", "cart-primary")


@pytest.mark.parametrize(
    "provider",
    ["istio", "linkerd", "osm", "appmesh", "appmesh:v1beta2", "kubernetes", "gatewayapi:v1", "contour", "gloo", "kuma",
     "nginx", "traefik", "apisix"],
)  # fmt: skip
def test_every_mesh_that_is_known_makes_metrics_that_check(provider: str) -> None:
    said = "{stepWeight: 5, metrics: [{name: request-success-rate, thresholdRange: {min: 99}}, "
    said += "{name: request-duration, thresholdRange: {max: 500}}]}"
    text = canary(said, spec="ingressRef: {name: i}\n  routeRef: {name: r}").replace(
        "provider: istio", f"provider: '{provider}'"
    )
    rate, *duration = metrics(text)
    assert (rate.query.shape, rate.role) == (Shape.GOOD_TOTAL, Role.CRITICAL)
    assert duration[-1].limit == 500.0
    known = request_metrics(provider)
    assert known is not None
    parse_query(known.duration().replace("{{ interval }}", "1m"))


def test_a_mesh_that_nobody_names_is_asked_for_and_can_be_given() -> None:
    text = canary("{metrics: [{name: request-duration, threshold: 5}]}").replace("  provider: istio\n", "")
    draft = drafted_from(text)
    assert "give --provider" in draft.unmapped[0].why
    assert [metric.name for metric in metrics(text, provider="linkerd")] == [
        "request-duration",
        "request-duration-limit",
    ]


def test_a_mesh_that_is_not_known_is_named() -> None:
    text = canary("{metrics: [{name: request-duration, threshold: 5}]}").replace("istio", "skipper")
    assert drafted_from(text).unmapped[0].why == "its query for skipper is not known here"


def test_a_template_is_filled_in_and_its_variables_with_it() -> None:
    query = 'max(lag{ns="{{ namespace }}",app="{{target}}",svc="{{ service }}-canary",q="{{ variables.queue }}"})'
    said = "{metrics: [{name: lag, templateRef: {name: t}, templateVariables: {queue: in}, thresholdRange: {max: 5}}]}"
    (metric,) = metrics(canary(said), template(query))
    assert metric.query.value == 'max(lag{ns="shop",app="cart",svc="cart-canary",q="in"})'
    assert (metric.limit, metric.query.arms) == (5.0, None)


def test_a_range_with_both_ends_is_two_metrics() -> None:
    said = "{metrics: [{name: x, templateRef: {name: t}, thresholdRange: {min: 1, max: 5}}]}"
    assert [(metric.limit, metric.falling) for metric in metrics(canary(said), template("avg(x)"))] == [
        (5.0, False),
        (1.0, True),
    ]


@pytest.mark.parametrize(
    ("metric", "extra", "why"),
    [
        ("{name: x, templateRef: {name: gone}}", "", "MetricTemplate gone is not in the files: name its file too"),
        ("{name: x}", "", "it has neither a query nor a template"),
        ("{name: x, query: 'a{b='}", "", "not read as PromQL"),
        ("{name: x, query: '{{ $r := 5 }}'}", "", "{{$r := 5}} has no value in the manifests"),
        ("{name: x, query: '{{ ingress }}'}", "", "{{ingress}} is an ingress that it does not name"),
        ("{name: x, templateRef: {name: t}}", "{type: datadog}", "it reads datadog, and warroom reads Prometheus"),
    ],
)
def test_what_is_no_metric_is_named_with_its_reason(metric: str, extra: str, why: str) -> None:
    texts = [canary(f"{{metrics: [{metric}]}}"), *([template("avg(x)", extra)] if extra else [])]
    (found,) = drafted_from(*texts).unmapped
    assert why in found.why
    assert found.decides


def test_a_namespace_that_is_not_said_is_asked_for_where_a_query_needs_it() -> None:
    text = canary("{metrics: [{name: request-success-rate, threshold: 99}]}", namespace="")
    assert "give --namespace" in drafted_from(text).unmapped[0].why
    assert planned(drafted_from(text, namespace="prod")).metrics


def test_a_deployment_is_one_stage_and_says_what_it_cannot() -> None:
    draft = drafted_from("{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop}}")
    plan = planned(draft)
    assert plan.backends["cluster"].adapter == "deployment"
    assert [stage.name for stage in plan.stages] == ["full"]
    assert "#     arms: {label: pod_template_hash, of: web}" in plan_text(draft, ["a.yaml"])


def test_a_deployment_that_a_canary_or_a_rollout_drives_is_not_one_of_its_own() -> None:
    deployment = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: cart}}"
    assert drafted_from(canary("{stepWeight: 5}"), deployment).title == "cart (Flagger Canary)"
    ref = "{apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {name: x}, "
    ref += "spec: {workloadRef: {kind: Deployment, name: cart}, strategy: {canary: {}}}}"
    assert drafted_from(ref, deployment).title == "x (Argo Rollout)"
    assert drafted_from(ref, deployment, only="deployment/cart").title == "cart (Deployment)"
    other = deployment.replace("cart", "other")
    with pytest.raises(NoChoice, match="there are Rollout/x, Deployment/other"):
        drafted_from(ref, deployment, other)
