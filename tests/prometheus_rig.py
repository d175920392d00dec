"""A Prometheus adapter on recorded answers: queries, a window, wire-shaped series, an adapter that reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qs

import httpx

from adapters.contract import ArmLabels, Clock, MetricQuery, MetricReply, Shape, Window
from adapters.metrics import prometheus
from adapters.metrics.prometheus import Options, Prometheus
from adapters.testing import context

START = 1_700_000_000
NOW = datetime.fromtimestamp(START + 40, UTC)
WINDOW = Window(datetime.fromtimestamp(START, UTC), datetime.fromtimestamp(START + 30, UTC), tick_s=10.0)
ARMS = ArmLabels("version", canary="v42", baseline="v41")
ERRORS = MetricQuery(
    "errors", Shape.COUNTS, ARMS, total='http_requests_total{app="x"}', bad='http_requests_total{code="500"}'
)
LATENCY = MetricQuery("latency", Shape.GOOD_TOTAL, ARMS, total="d_count", good='d_bucket{le="0.25"}')
SLOW = MetricQuery("slow", Shape.HISTOGRAM, ARMS, buckets="d_bucket")
LOAD = MetricQuery("load", Shape.GAUGE, ARMS, value="cpu")
QUANTILE = MetricQuery(
    "p99", Shape.GAUGE, ARMS, value="histogram_quantile(0.99, sum by (version, le) (rate(d_bucket[30s])))"
)

Form = dict[str, str]
Wire = Mapping[str, object]


class HandClock:
    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("an adapter never sleeps on the engine's clock")


def series(values: Sequence[float | str], *, first: int = -1, **labels: str) -> Wire:
    """One raw series as Prometheus writes it: a sample every 10 s, the first one in tick `first`."""
    return {"metric": labels, "values": [[START + (first + i) * 10 + 5.123, str(v)] for i, v in enumerate(values)]}


def matrix(*results: Wire, **more: object) -> httpx.Response:
    return httpx.Response(
        200, json={"status": "success", "data": {"resultType": "matrix", "result": list(results)}, **more}
    )


def scripted(answers: Mapping[str, httpx.Response], forms: list[Form] | None = None) -> httpx.MockTransport:
    """Answers by the text of the selector, without the range; an empty matrix for others."""

    def handle(request: httpx.Request) -> httpx.Response:
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        if forms is not None:
            forms.append({"path": request.url.path, **form})
        given = answers.get(form["query"].rpartition("[")[0] or form["query"], answers.get(form["query"], matrix()))
        return httpx.Response(given.status_code, headers=given.headers, content=given.content)

    return httpx.MockTransport(handle)


def connected(stub: httpx.MockTransport, clock: Clock | None = None) -> Prometheus:
    lent = replace(context(4.0), clock=clock or HandClock())
    return prometheus.connect(Options(url="http://prom.test/prefix"), lent, client=stub)


async def read(answers: Mapping[str, httpx.Response], *queries: MetricQuery) -> tuple[MetricReply, ...]:
    return await connected(scripted(answers)).read_metrics(queries, WINDOW)


async def read_one(query: MetricQuery, **answers: httpx.Response) -> MetricReply:
    """One metric's reply; `answers` by part."""
    texts = dict(query.texts())
    [reply] = await read({texts[part]: answer for part, answer in answers.items()}, query)
    return reply


def canary(reply: MetricReply) -> list[object]:
    return [reading.canary for reading in reply.readings]


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(START + seconds, UTC)


TRAFFIC = matrix(series([100, 110, 120, 130], version="v42"), series([1000, 1100, 1200, 1300], version="v41"))
