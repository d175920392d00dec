"""The Prometheus adapter's counts and gauges on recorded answers, and the contract every HTTP adapter must keep."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.contract import Context, Counts, Gauge, Kind, MetricReply, MetricsBackend, Reading
from adapters.metrics import prometheus
from adapters.metrics.prometheus import Options, Prometheus
from adapters.registry import ConnectError, load
from tests.adapters_contract import BAD, SECRET, TOKEN_ENV, Bad, check_call, check_cancel, context
from tests.prometheus_rig import (
    ERRORS,
    LATENCY,
    LOAD,
    QUANTILE,
    START,
    TRAFFIC,
    WINDOW,
    Form,
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


async def test_good_events_are_told_as_bad_ones() -> None:
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
    assert reply.partial == "late start: 1 series came back with history"


# -- gauges ----------------------------------------------------------------------------------------------------------


async def test_a_gauge_is_the_mean_of_the_pods_last_values() -> None:
    value = matrix(
        series([1, 2, "NaN"], first=0, version="v42", pod="a"), series([3, 4], first=0, version="v42", pod="b")
    )
    reply = await read_one(LOAD, value=value)
    assert canary(reply) == [Gauge(2.0), Gauge(3.0)]


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


async def reads(backend: Prometheus) -> object:
    return await backend.read_metrics([ERRORS, LOAD], WINDOW)


@pytest.mark.parametrize("bad", BAD, ids=str)
async def test_a_bad_backend_fails_the_source_in_one_plain_line(bad: Bad, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_ENV, SECRET)
    await check_call(bad, connect, reads)


async def test_a_cancelled_poll_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_ENV, SECRET)
    await check_cancel(connect, reads)


async def test_a_missing_secret_is_said_when_connecting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_ENV, raising=False)
    with pytest.raises(ConnectError, match="src: token: environment variable WARROOM_CONTRACT_TOKEN is empty"):
        connect("http://prom.test", context())


def test_the_adapter_is_found_by_its_name() -> None:
    adapter = load("prometheus")
    assert adapter.kinds == (Kind.METRICS,)
    backend: MetricsBackend = connected(scripted({}))
    assert isinstance(adapter.connect(Options(url="http://prom.test"), context()), type(backend))
