"""What analyses measured as a plan's metric: the reply, the reads over a FAKE cluster, the way into a room's state."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.contract import Gauge, MetricQuery, MetricReply, Shape, TargetRef, Window
from adapters.deploy.argo.backend import Argo
from adapters.deploy.argo.measurements import reply_of
from adapters.deploy.argo.wire import AnalysisRun
from tests.argo_fake import PAUSE, weight
from tests.argo_rig import WEB, Site
from tests.kube_fake import Gone, Json, Sent
from tests.reading_rig import steps_read
from tests.steps_rig import LISTED, room_with

NOW = datetime(2026, 1, 1, 10, tzinfo=UTC)
HOUR = Window(NOW - timedelta(hours=1), NOW, 10.0)
QUERY = MetricQuery("success", Shape.GAUGE, value="success-rate", target=WEB)


def measurement(value: str, seconds_ago: float, phase: str = "Successful", now: datetime = NOW) -> Json:
    at = (now - timedelta(seconds=seconds_ago)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"phase": phase, "value": value, "startedAt": at, "finishedAt": at}


def run(*measured: Json, name: str = "web-1", metric: str = "success-rate", version: str = "h2") -> Json:
    meta = {
        "name": name,
        "labels": {"rollouts-pod-template-hash": version, "rollout-type": "Background"},
        "ownerReferences": [{"uid": "uid-web", "kind": "Rollout", "controller": True}],
    }
    result = {"name": metric, "phase": "Running", "measurements": list(measured)}
    return {"metadata": meta, "spec": {}, "status": {"phase": "Running", "metricResults": [result]}}


def reply(*runs: Json) -> MetricReply:
    return reply_of(QUERY, [AnalysisRun.model_validate(one) for one in runs], HOUR)


def values(found: MetricReply) -> list[float]:
    return [entry.canary.value for entry in found.readings if isinstance(entry.canary, Gauge)]


def test_a_measurement_is_a_gauge_of_the_canary_dated_by_itself() -> None:
    found = reply(run(measurement("0.97", 25), measurement("[0.95]", 5)))
    assert values(found) == [0.97, 0.95]
    assert (found.canary_at, found.baseline_at) == (NOW - timedelta(seconds=5), None)
    assert all(entry.baseline is None for entry in found.readings)
    assert (found.spacing_s, found.partial, found.problem) == (20.0, None, None)


@pytest.mark.parametrize(
    ("value", "phase"),
    [
        ("", "Error"),
        ("0.97", "Error"),
        ("true", "Successful"),
        ("", "Failed"),
        ("[0.9,0.8]", "Successful"),
        ("NaN", "Successful"),
        ("+Inf", "Failed"),
    ],
)
def test_what_is_no_number_or_an_error_is_dropped_counted_and_dates_nothing(value: str, phase: str) -> None:
    found = reply(run(measurement("0.97", 25), measurement(value, 5, phase)))
    assert (values(found), found.partial) == ([0.97], "1 dirty sample dropped")
    assert found.canary_at == NOW - timedelta(seconds=25)


def test_a_measurement_that_failed_its_condition_is_a_measurement() -> None:
    assert values(reply(run(measurement("0.5", 5, "Failed"), measurement("0.7", 25, "Inconclusive")))) == [0.7, 0.5]


def test_one_that_is_not_over_is_neither_a_sample_nor_dirty() -> None:
    found = reply(run(measurement("0.97", 25), {"phase": "Running", "value": "", "startedAt": "2026-01-01T09:59:50Z"}))
    assert (values(found), found.partial) == ([0.97], None)


def test_what_was_dirty_before_the_window_makes_it_partial_no_longer() -> None:
    found = reply(run(measurement("", 4000, "Error"), measurement("0.97", 25)))
    assert (values(found), found.partial) == ([0.97], None)


def test_runs_that_measure_at_once_are_kept_apart() -> None:
    found = reply(
        run(measurement("1", 15), measurement("1", 5)), run(measurement("3", 15), measurement("3", 5), name="web-2")
    )
    gauges = [entry.canary for entry in found.readings]
    assert gauges == [Gauge(2.0, (1.0, 3.0))] * 2


def test_an_unmeasured_metric_is_a_problem_that_lists_the_measured_ones() -> None:
    assert reply(run(measurement("1", 5), metric="latency")).problem == (
        "no analysis of this version measures success-rate (there are: latency)"
    )
    assert reply().problem == "no analysis of this version has measured anything yet"


# -- over the fake cluster -------------------------------------------------------------------------------------------


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = Site(weight(20), PAUSE)
    made.cluster.put("analysisruns", run(measurement("0.97", 5)))
    yield made
    await made.aclose()


async def measured(backend: Argo, query: MetricQuery = QUERY) -> MetricReply:
    [found] = await backend.read_metrics([query], HOUR)
    return found


async def test_a_target_reads_what_its_own_analyses_measured_and_sees_the_next_by_its_watch(site: Site) -> None:
    backend = site.console()
    assert values(await measured(backend)) == [0.97]
    site.cluster.put("analysisruns", run(measurement("0.97", 25), measurement("0.91", 5)))
    await site.clock.step(1)
    assert values(await measured(backend)) == [0.97, 0.91]


async def test_the_runs_of_another_version_and_of_another_rollout_are_not_its(site: Site) -> None:
    site.cluster.put("analysisruns", run(measurement("0.1", 5), name="old", version="h1"))
    other = run(measurement("0.2", 5), name="other")
    other["metadata"]["ownerReferences"][0]["uid"] = "uid-other"
    site.cluster.put("analysisruns", other)
    assert values(await measured(site.console())) == [0.97]


async def test_analyses_that_may_not_be_read_are_their_metrics_problem_and_the_target_is_read(site: Site) -> None:
    refusal = Gone(403, "Forbidden", 'analysisruns.argoproj.io is forbidden: User "u" cannot list resource')

    def deny(sent: Sent) -> httpx.Response | None:
        return httpx.Response(403, json=refusal.body) if "analysisruns" in sent.path else None

    site.cluster.hook = deny
    backend = site.console()
    assert "cannot list resource" in ((await measured(backend)).problem or "")
    assert steps_read(await backend.read_target(WEB)).count == 2


async def test_a_rollout_that_is_not_there_is_its_metrics_problem(site: Site) -> None:
    gone = MetricQuery("success", Shape.GAUGE, value="success-rate", target=TargetRef("api", "nothing"))
    assert (await measured(site.console(), gone)).problem == 'answered 404: rollouts "nothing" not found'


# -- as a room has it ------------------------------------------------------------------------------------------------

METRIC = """\
metrics:
  success: {backend: cluster, of: api, shape: gauge, value: success-rate, worse: lower, limit: 0.9, role: critical}
stages:
"""


def entry_of(state: Any) -> Any:
    return state.metrics["success"]


async def test_a_plans_metric_is_what_the_analyses_of_its_target_measured(tmp_path: Path) -> None:
    plan = LISTED.replace("stages:\n", METRIC)
    async with room_with(tmp_path, plan, weight(20), PAUSE) as (room, site):
        measurements = [measurement("0.97", 12, now=datetime.now(UTC)), measurement("0.93", 1, now=datetime.now(UTC))]
        site.cluster.put("analysisruns", run(*measurements))
        console = await room.console()
        state = await console.until(lambda state: entry_of(state).canary_at is not None)
        assert [reading.canary.value for reading in entry_of(state).ledger] == [0.97, 0.93]
        assert (entry_of(state).metric.without_baseline, entry_of(state).baseline_at) == (True, None)
