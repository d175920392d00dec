"""The Prometheus adapter against a real Prometheus and a real VictoriaMetrics: the same history, the same counts."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from adapters.contract import ArmLabels, Buckets, Counts, Gauge, MetricQuery, MetricReply, Reading, Shape, Window
from adapters.metrics import prometheus as adapter
from adapters.testing import context
from tests.live import servers

pytestmark = pytest.mark.live

TICK_S = 10.0
TICKS = 12
ARMS = ArmLabels("version", canary="v42", baseline="v41")
ERRORS = MetricQuery("errors", Shape.COUNTS, ARMS, total="http_requests_total", bad='http_requests_total{code=~"5.."}')
FAST = MetricQuery("fast", Shape.GOOD_TOTAL, ARMS, total="http_requests_total", good='http_requests_total{code="200"}')
SLOW = MetricQuery("slow", Shape.HISTOGRAM, ARMS, buckets="d_bucket")
LOAD = MetricQuery("load", Shape.GAUGE, ARMS, value="load")
HALF_LOAD = MetricQuery("half", Shape.GAUGE, ARMS, value="avg by (version) (load) / 2")
NOWHERE = MetricQuery("nowhere", Shape.COUNTS, ARMS, total="nowhere_total", bad='nowhere_total{code="500"}')
BROKEN = MetricQuery("broken", Shape.COUNTS, ARMS, total="http_requests_total", bad="http_requests_total{code=}")

Samples = list[tuple[str, float, float]]
"""(series as text, unix seconds, value)"""


def history(begin: float) -> Samples:
    """Five minutes before `begin` and TICKS after: a steady baseline, a restarting canary pod, two newborn 5xx."""
    told: Samples = []
    for index in range(-30, TICKS):
        at = begin + index * TICK_S + 5
        told.append(('http_requests_total{version="v41",code="200"}', at, 10_000 + 100 * index))
        canary = 500 + 7 * (index + 30) if index < 6 else 7 * (index - 5)  # restarted just after tick 5
        told.append(('http_requests_total{version="v42",code="200"}', at, canary))
        told.append(('load{version="v42"}', at, index + 40))
        told += [(f'load{{version="v41",pod="{pod}"}}', at, index + 30 + pod) for pod in (0, 2)]
        for edge, slow in (("0.1", 3), ("0.5", 1), ("+Inf", 0)):
            told.append((f'd_bucket{{version="v41",le="{edge}"}}', at, (10 - slow) * (100 + index)))
            told.append(
                (f'd_bucket{{version="v42",le="{edge}"}}', at, (10 - slow) * (index + 31 if index < 6 else index - 5))
            )
        if index >= 3:
            told.append(('http_requests_total{version="v42",code="500"}', at, 1))
        if index >= 8:
            told.append(('http_requests_total{version="v41",code="503"}', at, 2 + (index == 11)))
    return told


def expected(begin: float) -> tuple[Reading, ...]:
    canary_bad, baseline_bad = {3: 1}, {8: 2, 11: 1}
    return tuple(
        Reading(
            datetime.fromtimestamp(begin + index * TICK_S, UTC),
            Counts(7 + canary_bad.get(index, 0), canary_bad.get(index, 0)),
            Counts(100 + baseline_bad.get(index, 0), baseline_bad.get(index, 0)),
        )
        for index in range(TICKS)
    )


@contextmanager
def backfilled_prometheus(tmp: Path, told: Samples) -> Iterator[str]:
    families = {"http_requests": "counter", "load": "gauge", "d": "unknown"}
    lines = []
    for family, kind in families.items():
        lines.append(f"# TYPE {family if family != 'd' else 'd_bucket'} {kind}")
        parts = (f"{family}{{", f"{family}_total{{", f"{family}_bucket{{")
        own = sorted(sample for sample in told if sample[0].startswith(parts))
        lines += [f"{text} {value} {at:.3f}" for text, at, value in own]
    servers.backfill(tmp, "\n".join([*lines, "# EOF", ""]))
    with servers.prometheus(tmp) as url:
        yield url


@contextmanager
def imported_victoria(tmp: Path, told: Samples) -> Iterator[str]:
    with servers.victoria(tmp) as url:
        servers.import_lines(url, "".join(f"{text} {value} {at * 1000:.0f}\n" for text, at, value in told))
        yield url


Server = Callable[[Path, Samples], AbstractContextManager[str]]
both = pytest.mark.parametrize("server", [backfilled_prometheus, imported_victoria])


async def read(url: str, window: Window, *queries: MetricQuery) -> tuple[MetricReply, ...]:
    backend = adapter.connect(adapter.Options(url=url), context())
    try:
        return await backend.read_metrics(queries, window)
    finally:
        await backend.aclose()


def window_from(begin: float, ticks: int = TICKS) -> Window:
    return Window(
        datetime.fromtimestamp(begin, UTC), datetime.fromtimestamp(begin + ticks * TICK_S, UTC), tick_s=TICK_S
    )


@both
async def test_counts_are_exact_with_restarts_and_newborn_errors(server: Server, tmp_path: Path) -> None:
    begin = _minutes_ago(4)
    with server(tmp_path, history(begin)) as url:
        [reply] = await read(url, window_from(begin), ERRORS)
    assert reply.readings == expected(begin)
    assert reply.partial is None
    assert reply.spacing_s == 10.0


@both
async def test_samples_of_the_last_seconds_are_seen_with_their_own_times(server: Server, tmp_path: Path) -> None:
    begin = time.time() // TICK_S * TICK_S - TICKS * TICK_S
    with server(tmp_path, history(begin)) as url:
        [reply] = await read(url, window_from(begin), ERRORS)
    assert reply.readings == expected(begin)
    assert reply.canary_at == reply.baseline_at == datetime.fromtimestamp(begin + (TICKS - 1) * TICK_S + 5, UTC)


@both
async def test_good_and_total_tell_the_same_errors(server: Server, tmp_path: Path) -> None:
    begin = _minutes_ago(4)
    with server(tmp_path, history(begin)) as url:
        counts, good = await read(url, window_from(begin), ERRORS, FAST)
    assert counts.readings == good.readings


@both
async def test_gauges_are_read_raw_and_as_expressions(server: Server, tmp_path: Path) -> None:
    begin = _minutes_ago(4)
    with server(tmp_path, history(begin)) as url:
        load, half = await read(url, window_from(begin), LOAD, HALF_LOAD)
    assert [reading.canary for reading in load.readings] == [Gauge(40.0 + index) for index in range(TICKS)]
    assert [reading.canary for reading in half.readings] == [Gauge((40.0 + index) / 2) for index in range(TICKS)]


@both
async def test_the_instances_of_an_arm_are_told_apart(server: Server, tmp_path: Path) -> None:
    begin = _minutes_ago(4)
    with server(tmp_path, history(begin)) as url:
        [load] = await read(url, window_from(begin), LOAD)
    pods = [Gauge(31.0 + index, (30.0 + index, 32.0 + index)) for index in range(TICKS)]
    assert [reading.baseline for reading in load.readings] == pods


@both
async def test_a_histogram_is_counted_bucket_by_bucket_over_a_restart(server: Server, tmp_path: Path) -> None:
    begin = _minutes_ago(4)
    with server(tmp_path, history(begin)) as url:
        [slow] = await read(url, window_from(begin), SLOW)
    told = [Buckets(10, ((0.1, 7), (0.5, 9)))] * TICKS
    assert ([reading.canary for reading in slow.readings], [reading.baseline for reading in slow.readings]) == (
        told,
        told,
    )
    assert slow.partial is None


@both
async def test_an_hour_is_put_together_from_pieces(server: Server, tmp_path: Path) -> None:
    begin = time.time() // TICK_S * TICK_S - 3600 - TICK_S
    told = [
        ('http_requests_total{version="v42",code="200"}', begin + n * TICK_S + 5, 7.0 * (n + 3)) for n in range(-3, 361)
    ]
    with server(tmp_path, told) as url:
        [reply] = await read(url, window_from(begin, 361), ERRORS)
    assert [reading.canary for reading in reply.readings] == [Counts(7, 0)] * 361


@both
async def test_a_broken_text_and_an_unknown_name_leave_the_other_metrics_readable(
    server: Server, tmp_path: Path
) -> None:
    begin = _minutes_ago(4)
    with server(tmp_path, history(begin)) as url:
        broken, nowhere, errors = await read(url, window_from(begin), BROKEN, NOWHERE, ERRORS)
    assert broken.problem is not None
    assert broken.problem.startswith("bad: answered 4")
    assert nowhere == MetricReply("nowhere")
    assert errors.readings == expected(begin)


class Shop(ThreadingHTTPServer):
    """A scrape target: counters by (version, code), set by the test."""

    def __init__(self) -> None:
        self.counters: dict[tuple[str, str], int] = {("v42", "200"): 100, ("v41", "200"): 1000}
        shop = self

        class Metrics(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                told = [
                    f'http_requests_total{{version="{version}",code="{code}"}} {value}\n'
                    for (version, code), value in list(shop.counters.items())
                ]
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write("".join(told).encode())

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Metrics)

    @contextmanager
    def open(self) -> Iterator[str]:
        thread = threading.Thread(target=self.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{self.server_address[1]}"
        finally:
            self.shutdown()
            self.server_close()
            thread.join()


async def test_the_first_error_of_a_scraped_canary_is_counted(tmp_path: Path) -> None:
    shop = Shop()
    with shop.open() as target, servers.prometheus(tmp_path, [target], scrape_interval_s=0.25) as url:
        begin = time.time() // TICK_S * TICK_S - TICK_S
        before = await _read_until(url, begin, lambda reply: len(reply.readings) > 0)
        assert _events(before) == (0, 0)
        shop.counters["v42", "200"] += 9
        shop.counters["v42", "500"] = 1
        after = await _read_until(url, begin, lambda reply: _events(reply)[1] > 0)
    assert _events(after) == (10, 1)


async def _read_until(url: str, begin: float, seen: Callable[[MetricReply], bool]) -> MetricReply:
    async with asyncio.timeout(20.0):
        while True:
            [reply] = await read(url, window_from(begin, ticks=6), ERRORS)
            if seen(reply):
                return reply
            await asyncio.sleep(0.1)


def _events(reply: MetricReply) -> tuple[float, float]:
    """(requests, errors) of the canary over the whole window."""
    counts = [reading.canary for reading in reply.readings if isinstance(reading.canary, Counts)]
    return sum(one.total for one in counts), sum(one.bad for one in counts)


def _minutes_ago(minutes: int) -> float:
    return time.time() // TICK_S * TICK_S - minutes * 60
