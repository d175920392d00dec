"""The Prometheus adapter's counts and gauges on recorded answers, and the contract every HTTP adapter must keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from adapters.contract import Buckets, Context, Counts, Gauge, Kind, MetricReply, MetricsBackend, Reading
from adapters.metrics import prometheus
from adapters.metrics.prometheus import Options, Prometheus
from adapters.registry import ConnectError, load
from adapters.testing import TOKEN_ENV, context
from tests.prometheus_rig import (
    ERRORS,
    LATENCY,
    LOAD,
    QUANTILE,
    SLOW,
    START,
    TRAFFIC,
    WINDOW,
    Form,
    Wire,
    at,
    canary,
    connected,
    matrix,
    read_one,
    scripted,
    series,
)

# -- counting --------------------------------------------------------------------------------------------------------


async def test_both_arms_are_counted_per_tick_with_their_own_freshness() -> None:
    bad = matrix(series([3, 3, 5, 5], version="v42", code="500"), series([9, 10, 10, 11], version="v41", code="500"))
    reply = await read_one(ERRORS, total=TRAFFIC, bad=bad)
    assert reply == MetricReply(
        "errors",
        (
            Reading(at(0), Counts(10, 0), Counts(100, 1)),
            Reading(at(10), Counts(10, 2), Counts(100, 0)),
            Reading(at(20), Counts(10, 0), Counts(100, 1)),
        ),
        canary_at=at(25.123),
        baseline_at=at(25.123),
        spacing_s=10.0,
    )


async def test_no_error_series_beside_traffic_is_no_error() -> None:
    reply = await read_one(ERRORS, total=TRAFFIC)
    assert canary(reply) == [Counts(10, 0)] * 3


async def test_the_first_error_of_all_born_at_one_is_counted() -> None:
    reply = await read_one(ERRORS, total=TRAFFIC, bad=matrix(series([1, 1], first=1, version="v42", code="500")))
    assert canary(reply) == [Counts(10, 0), Counts(10, 1), Counts(10, 0)]
    assert reply.partial is None


async def test_an_arm_without_traffic_is_a_gap_and_never_a_zero() -> None:
    reply = await read_one(ERRORS, total=matrix(series([100, 110, 120], version="v41")))
    assert canary(reply) == [None, None]
    assert reply.canary_at is None


async def test_no_series_at_all_is_no_reading() -> None:
    assert await read_one(ERRORS) == MetricReply("errors")


async def test_an_arm_that_went_quiet_before_the_window_still_tells_its_age() -> None:
    reply = await read_one(ERRORS, total=matrix(series([100, 110], first=-20, version="v42")))
    assert reply.readings == ()
    assert reply.canary_at == at(-184.877)


async def test_good_events_are_counted_as_bad_ones() -> None:
    good = matrix(series([90, 99, 109, 112], version="v42", le="0.25"))
    reply = await read_one(LATENCY, total=TRAFFIC, good=good)
    assert canary(reply) == [Counts(10, 1), Counts(10, 0), Counts(10, 7)]


async def test_a_good_text_that_matches_nothing_is_a_problem_and_not_all_bad() -> None:
    reply = await read_one(LATENCY, total=TRAFFIC)
    assert reply.problem == "no series matches the good query"


async def test_other_versions_are_ignored() -> None:
    reply = await read_one(ERRORS, total=matrix(series([1, 2, 3], version="v40")))
    assert reply.readings == ()


async def test_without_arms_everything_is_the_canarys() -> None:
    reply = await read_one(replace(ERRORS, arms=None), total=TRAFFIC)
    assert [(reading.canary, reading.baseline) for reading in reply.readings] == [(Counts(110, 0), None)] * 3
    assert reply.baseline_at is None


async def test_dirty_samples_are_dropped_and_said() -> None:
    total = matrix(series([100, "NaN", 120, "+Inf"], version="v42"))
    reply = await read_one(ERRORS, total=total)
    assert canary(reply) == [Counts(20, 0)]
    assert reply.partial == "2 dirty samples dropped"


async def test_more_errors_than_traffic_is_dropped_and_said() -> None:
    reply = await read_one(ERRORS, total=TRAFFIC, bad=matrix(series([0, 11, 11, 11], version="v42")))
    assert canary(reply) == [None, Counts(10, 0), Counts(10, 0)]
    assert reply.partial == "1 dirty sample dropped"


async def test_an_old_pod_that_comes_back_makes_the_answer_partial() -> None:
    back = series([900_000, 900_001], first=1, version="v42", pod="b")
    reply = await read_one(ERRORS, total=matrix(series([100, 110, 120, 130], version="v42", pod="a"), back))
    assert canary(reply) == [Counts(10, 0), Counts(10, 0), Counts(11, 0)]
    assert reply.partial == "1 series reappeared after a gap, counted from there"


# -- gauges ----------------------------------------------------------------------------------------------------------


async def test_a_gauge_is_the_mean_of_the_pods_last_values_with_each_pods_own() -> None:
    value = matrix(
        series([3, 4], first=0, version="v42", pod="b"), series([1, 2, "NaN"], first=0, version="v42", pod="a")
    )
    reply = await read_one(LOAD, value=value)
    assert canary(reply) == [Gauge(2.0, (1.0, 3.0)), Gauge(3.0, (2.0, 4.0))]


async def test_a_single_pod_has_no_separate_values() -> None:
    reply = await read_one(LOAD, value=matrix(series([1, 2], first=0, version="v42", pod="a")))
    assert canary(reply) == [Gauge(1.0), Gauge(2.0)]


async def test_a_pod_that_was_not_there_throughout_is_in_the_mean_only() -> None:
    pods = [series([value] * 3, first=0, version="v42", pod=pod) for pod, value in (("a", 1), ("c", 3))]
    born = series([5], first=2, version="v42", pod="b")
    reply = await read_one(LOAD, value=matrix(*pods, born))
    assert canary(reply) == [Gauge(2.0, (1.0, 3.0)), Gauge(2.0, (1.0, 3.0)), Gauge(3.0, (1.0, 3.0))]


async def test_of_many_pods_ten_have_separate_values() -> None:
    pods = [series([n], first=0, version="v42", pod=f"{n:02}") for n in range(40)]
    assert canary(await read_one(LOAD, value=matrix(*pods))) == [Gauge(19.5, tuple(float(n) for n in range(10)))]


# -- histograms ------------------------------------------------------------------------------------------------------


def buckets(*values: tuple[str, Sequence[float | str]], first: int = -1, **labels: str) -> list[Wire]:
    """The series of one cumulative histogram: (edge, counter values) pairs."""
    return [series(counts, first=first, le=edge, **labels) for edge, counts in values]


async def test_a_histogram_counts_the_requests_of_each_cumulative_bucket() -> None:
    told = buckets(
        ("0.1", [50, 58, 66, 74]), ("0.5", [90, 99, 108, 117]), ("+Inf", [100, 110, 120, 130]), version="v42"
    )
    reply = await read_one(SLOW, buckets=matrix(*told))
    assert canary(reply) == [Buckets(10, ((0.1, 8), (0.5, 9)))] * 3
    assert (reply.spacing_s, reply.canary_at, reply.baseline_at) == (10.0, at(25.123), None)


async def test_the_buckets_of_all_pods_of_an_arm_are_added() -> None:
    pods = [
        one for pod in "ab" for one in buckets(("0.5", [0, 4, 8, 12]), ("+Inf", [0, 5, 10, 15]), version="v41", pod=pod)
    ]
    reply = await read_one(SLOW, buckets=matrix(*pods))
    assert [reading.baseline for reading in reply.readings] == [Buckets(10, ((0.5, 8),))] * 3


async def test_a_restarted_pod_counts_from_zero_in_every_bucket() -> None:
    told = buckets(("0.5", [90, 99, 4, 8]), ("+Inf", [100, 110, 5, 10]), version="v42")
    reply = await read_one(SLOW, buckets=matrix(*told))
    assert canary(reply) == [Buckets(10, ((0.5, 9),)), Buckets(5, ((0.5, 4),)), Buckets(5, ((0.5, 4),))]


async def test_an_arm_has_only_the_edges_that_it_has_series_for() -> None:
    told = [
        *buckets(("0.5", [0, 4]), ("1", [0, 5]), ("+Inf", [0, 5]), version="v42"),
        *buckets(("0.5", [0, 4]), ("+Inf", [0, 5]), version="v41"),
    ]
    [reading] = (await read_one(SLOW, buckets=matrix(*told))).readings
    assert (reading.canary, reading.baseline) == (Buckets(5, ((0.5, 4), (1.0, 5))), Buckets(5, ((0.5, 4),)))


async def test_buckets_without_the_whole_are_a_problem() -> None:
    told = buckets(("0.1", [1, 2]), ("0.5", [1, 2]), version="v42")
    reply = await read_one(SLOW, buckets=matrix(*told))
    assert reply.problem == 'the buckets have no le="+Inf", so the total is unknown'


async def test_series_that_are_no_buckets_are_ignored() -> None:
    told = buckets(("0.5", [0, 4]), ("+Inf", [0, 5]), version="v42")
    strange = [series([0, 9], version="v42"), series([0, 9], version="v42", le="fast"), series([0, 9], le="NaN")]
    reply = await read_one(SLOW, buckets=matrix(*told, *strange))
    assert canary(reply) == [Buckets(5, ((0.5, 4),))]


async def test_a_scrape_with_a_bucket_that_is_not_a_number_counts_for_none_of_them() -> None:
    told = buckets(("0.5", [0, 4, 8]), ("+Inf", [0, "NaN", 10]), version="v42")
    reply = await read_one(SLOW, buckets=matrix(*told))
    assert canary(reply) == [Buckets(10, ((0.5, 8),))]
    assert reply.partial == "1 dirty sample dropped"


async def test_a_bucket_query_that_is_no_selector_is_a_problem() -> None:
    reply = await read_one(replace(SLOW, buckets="rate(d_bucket[5m])"))
    assert reply.problem is not None and reply.problem.startswith("the buckets query is not a plain selector")


async def test_an_expression_is_evaluated_once_per_tick_at_its_end() -> None:
    forms: list[Form] = []
    evaluated = {
        "metric": {"version": "v42"},
        "values": [[START + 10, "0.2"], [START + 20, "NaN"], [START + 30, "0.4"]],
    }
    backend = connected(scripted({QUANTILE.value or "": matrix(evaluated)}, forms))
    [reply] = await backend.read_metrics([QUANTILE], WINDOW)
    [form] = forms
    assert form["path"] == "/prefix/api/v1/query_range"
    assert (form["query"], form["start"], form["end"], form["step"]) == (
        QUANTILE.value,
        f"{START + 10}.000",
        f"{START + 30}.000",
        "10.000",
    )
    assert [(reading.at, reading.canary) for reading in reply.readings] == [(at(0), Gauge(0.2)), (at(20), Gauge(0.4))]


# -- the contract ----------------------------------------------------------------------------------------------------


def connect(url: str, lent: Context) -> Prometheus:
    return prometheus.connect(Options.model_validate({"url": url, "token": {"env": TOKEN_ENV}}), lent)


async def test_a_missing_secret_is_an_error_when_connecting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_ENV, raising=False)
    with pytest.raises(ConnectError, match="src: token: environment variable WARROOM_CONTRACT_TOKEN is empty"):
        connect("http://prom.test", context())


def test_the_adapter_is_found_by_its_name() -> None:
    adapter = load("prometheus")
    assert adapter.kinds == (Kind.METRICS,)
    backend: MetricsBackend = connected(scripted({}))
    assert isinstance(adapter.connect(Options(url="http://prom.test"), context()), type(backend))
