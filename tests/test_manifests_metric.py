"""A check as a metric: its shape, its arms, its limit; and what cannot be one, with the reason."""

from __future__ import annotations

import pytest

from adapters.contract import ArmLabels, Shape
from console.manifests.draft import Unmapped
from console.plan.nouns import Metric, Role
from tests.manifests_rig import analysed, drafted_from, planned

RATE = 'sum(rate(requests_total{service="web-canary"%s}[5m]))'
GOOD = RATE % ',code!~"5.."'
BAD = RATE % ',code=~"5.."'
ALL = RATE % ""
WIDE = 'requests_total{service=~"web-canary|web-stable"%s}'
ARMS = ArmLabels("service", "web-canary", "web-stable")
HASH = "[{name: hash, valueFrom: {podTemplateHashValue: Latest}}]"
P99 = "histogram_quantile(0.99, sum by (le) (rate(took_seconds_bucket{%s}[5m])))"


def metrics(query: str, condition: str, **keys: str) -> list[Metric]:
    """The metrics of the plan that one check becomes; every plan here has to check."""
    return list(planned(drafted_from(*analysed(query, condition, **keys))).metrics.values())


def unmapped(query: str, condition: str, **keys: str) -> Unmapped:
    """Why one check became nothing."""
    draft = drafted_from(*analysed(query, condition, **keys))
    assert draft.metrics == []
    planned(draft)
    (found,) = draft.unmapped
    return found


@pytest.mark.parametrize(
    ("query", "condition", "shape", "limit"),
    [
        (f"{GOOD} / {ALL}", "successCondition: result[0] >= 0.95", Shape.GOOD_TOTAL, 0.05),
        (f"{GOOD} / {ALL} * 100", "successCondition: result[0] >= 95", Shape.GOOD_TOTAL, 0.05),
        (f"100 * {GOOD} / {ALL}", "failureCondition: result[0] < 99.5", Shape.GOOD_TOTAL, 0.005),
        (f"{BAD} / {ALL}", "successCondition: result[0] <= 0.05", Shape.COUNTS, 0.05),
        (f"{BAD} / {ALL}", "failureCondition: result[0] > 0.05", Shape.COUNTS, 0.05),
        (f"({BAD} or vector(0)) / {ALL}", "failureCondition: result[0] > 0.05", Shape.COUNTS, 0.05),
        (f"1 - {GOOD} / {ALL}", "successCondition: result[0] < 0.05", Shape.GOOD_TOTAL, 0.05),
        (f"100 - ({BAD} / {ALL} * 100)", "successCondition: result[0] > 95", Shape.COUNTS, 0.05),
        (f"(1 - ({BAD} / {ALL})) * 100", "successCondition: result[0] > 95", Shape.COUNTS, 0.05),
    ],
)
def test_a_share_of_events_is_counted_whichever_way_it_is_asked_for(
    query: str, condition: str, shape: Shape, limit: float
) -> None:
    (metric,) = metrics(query, condition)
    assert metric.query.shape is shape
    assert metric.limit == pytest.approx(limit)
    assert metric.role is Role.CRITICAL
    assert metric.query.arms == ARMS
    part = metric.query.good if shape is Shape.GOOD_TOTAL else metric.query.bad
    assert part == WIDE % (',code!~"5.."' if shape is Shape.GOOD_TOTAL else ',code=~"5.."')
    assert metric.query.total == WIDE % ""


def test_two_metrics_of_other_names_are_a_share_too() -> None:
    (metric,) = metrics("sum(increase(failed[5m])) / sum(increase(done[5m]))", "failureCondition: result[0] > 0.1")
    assert (metric.query.bad, metric.query.total) == ("failed", "done")
    assert metric.query.arms is None


@pytest.mark.parametrize(
    "value",
    ["web-canary", "web-canary.shop.svc.cluster.local", "^web-canary$"],
)
def test_a_service_of_the_canary_tells_the_arms_apart(value: str) -> None:
    query = f'sum(rate(a{{to=~"{value}",code="500"}}[1m])) / sum(rate(a{{to=~"{value}"}}[1m]))'
    (metric,) = metrics(query, "failureCondition: result[0] > 0.1")
    rest = value.strip("^$").removeprefix("web-canary")
    assert metric.query.arms == ArmLabels("to", f"web-canary{rest}", f"web-stable{rest}")


def test_a_pod_template_hash_tells_the_arms_apart_by_the_versions_of_the_target() -> None:
    query = 'sum(rate(a{hash="{{args.hash}}",code="500"}[1m])) / sum(rate(a{hash="{{args.hash}}"}[1m]))'
    (metric,) = metrics(query, "failureCondition: result[0] > 0.1", args=HASH)
    assert metric.query.arms == ArmLabels("hash", "", "", of="web")
    assert (metric.query.bad, metric.query.total) == ('a{code="500"}', "a")


def test_a_share_about_the_service_as_a_whole_has_a_limit_and_no_baseline() -> None:
    query = 'sum(rate(a{app="web",code="500"}[1m])) / sum(rate(a{app="web"}[1m]))'
    (metric,) = metrics(query, "failureCondition: result[0] > 0.1")
    assert (metric.query.arms, metric.limit, metric.role) == (None, 0.1, Role.CRITICAL)


def test_a_quantile_is_its_histogram_and_keeps_its_own_ceiling_as_a_guard() -> None:
    compared, ceiling = metrics(P99 % 'service="web-canary"', "successCondition: result[0] < 0.5")
    assert compared.query.shape is Shape.HISTOGRAM
    assert compared.query.buckets == 'took_seconds_bucket{service=~"web-canary|web-stable"}'
    assert (compared.query.arms, compared.role, compared.limit) == (ARMS, Role.CRITICAL, None)
    assert (ceiling.query.shape, ceiling.limit, ceiling.role) == (Shape.GAUGE, 0.5, Role.GUARD)
    assert ceiling.query.arms is None
    assert ceiling.query.value == P99 % 'service="web-canary"'


def test_a_quantile_without_arms_is_its_ceiling_alone_and_decides() -> None:
    (metric,) = metrics(f"{P99 % ''} * 1000", "successCondition: result[0] < 500")
    assert (metric.query.shape, metric.limit, metric.role) == (Shape.GAUGE, 500.0, Role.CRITICAL)


def test_a_number_is_asked_as_it_stands_with_its_ceiling() -> None:
    (metric,) = metrics('max(queue{service="web-canary"})', "successCondition: result[0] < 100")
    assert (metric.query.value, metric.limit, metric.falling) == ('max(queue{service="web-canary"})', 100.0, False)
    assert (metric.query.arms, metric.role) == (None, Role.CRITICAL)


def test_a_number_that_must_not_fall_has_a_floor() -> None:
    (metric,) = metrics("sum(logins)", "failureCondition: result[0] < 10")
    assert (metric.limit, metric.falling) == (10.0, True)


def test_a_floor_and_a_ceiling_are_two_metrics() -> None:
    most, least = metrics("count(up)", "successCondition: result[0] >= 2 && result[0] <= 9")
    assert (most.name, most.limit, most.falling) == ("check-max", 9.0, False)
    assert (least.name, least.limit, least.falling) == ("check-min", 2.0, True)


def test_a_number_without_a_condition_is_shown_and_compared_where_it_can_be() -> None:
    (metric,) = metrics('avg(queue{service="web-canary"})', "interval: 1m")
    assert (metric.role, metric.limit, metric.query.arms) == (Role.INFO, None, ARMS)
    assert metric.query.value == 'avg by (service) (queue{service=~"web-canary|web-stable"})'


def test_a_number_of_one_version_is_asked_of_both_and_not_called_worse_below_twice() -> None:
    (metric,) = metrics('max(queue{hash="{{args.hash}}"})', "successCondition: result[0] < 100", args=HASH)
    assert metric.query.value == "max by (hash) (queue)"
    assert (metric.query.arms, metric.tolerance) == (ArmLabels("hash", "", "", of="web"), 2.0)


def test_a_mean_is_no_share_of_events() -> None:
    (metric,) = metrics("sum(rate(t_seconds_sum[5m])) / sum(rate(t_seconds_count[5m]))", "failureCondition: result > 1")
    assert (metric.query.shape, metric.limit) == (Shape.GAUGE, 1.0)


@pytest.mark.parametrize("limit", ["1", "0"])
def test_a_share_whose_limit_says_nothing_is_asked_as_a_number(limit: str) -> None:
    (metric,) = metrics(f"{BAD} / {ALL}", f"successCondition: result[0] <= {limit}")
    wanted = Shape.COUNTS if limit == "1" else Shape.GAUGE
    assert metric.query.shape is wanted


def test_a_subquery_is_asked_as_it_stands() -> None:
    (metric,) = metrics("max_over_time(load[1h:5m])", "failureCondition: result[0] > 4")
    assert metric.query.value == "max_over_time(load[1h:5m])"


def test_a_dry_run_is_only_shown() -> None:
    first, second = analysed(f"{BAD} / {ALL}", "failureCondition: result[0] > 0.05")
    draft = drafted_from(first, second.replace("  metrics:", "  dryRun: [{metricName: ch.*}]\n  metrics:"))
    assert planned(draft).metrics["check"].role is Role.INFO


def test_an_initial_delay_is_a_warmup() -> None:
    (metric,) = metrics(f"{BAD} / {ALL}", "failureCondition: result[0] > 0.05", more="initialDelay: 90s")
    assert metric.warmup_s == 90.0


@pytest.mark.parametrize(
    ("query", "condition", "why"),
    [
        ('sum(a{code~"5.."})', "failureCondition: result > 1", "not PromQL from"),
        ('sum(a{to="web-stable"})', "failureCondition: result > 1", "it reads the other version (to web-stable)"),
        (
            'sum(rate(a{to="web-canary"}[1m])) / sum(rate(a{to="web-stable"}[1m]))',
            "failureCondition: result > 1",
            "or compares the two itself",
        ),
        ("sum({{args.what}})", "failureCondition: result > 1", "{{args.what}} has no value in the manifests"),
        (
            "sum(a)",
            "successCondition: any(result)",
            "its successCondition (any(result)) is not a limit: cannot read it from",
        ),
        ("sum(a)", 'successCondition: "result > {{args.max}}"', "{{args.max}} has no value in the manifests"),
    ],
)
def test_what_is_no_metric_stands_in_the_plan_with_its_reason(query: str, condition: str, why: str) -> None:
    found = unmapped(query, condition)
    assert why in found.why
    assert found.decides


def test_an_argument_without_a_value_is_named() -> None:
    found = unmapped('a{b="{{args.x}}"}', "failureCondition: result > 1", args="[{name: x}]")
    assert found.why == "{{args.x}} has no value in the files"


def test_a_field_of_the_rollout_is_put_in() -> None:
    args = "[{name: ns, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}]"
    (metric,) = metrics('a{ns="{{ args.ns }}"}', "failureCondition: result > 1", args=args)
    assert metric.query.value == 'a{ns="shop"}'
