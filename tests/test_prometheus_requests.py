"""What the Prometheus adapter asks, and what it makes of refusals and of answers that are not whole."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs

import httpx
import pytest

from adapters.contract import BadReply, Counts, Gauge, MetricQuery, Missing
from tests.prometheus_rig import (
    ERRORS,
    LOAD,
    NOW,
    QUANTILE,
    START,
    WINDOW,
    Form,
    HandClock,
    Wire,
    canary,
    connected,
    matrix,
    read,
    read_one,
    scripted,
    series,
)


async def test_the_text_is_sent_as_typed_with_window_and_lookback_appended() -> None:
    forms: list[Form] = []
    await connected(scripted({}, forms)).read_metrics([ERRORS], WINDOW)
    assert forms[0] == {
        "path": "/prefix/api/v1/query",
        "query": 'http_requests_total{app="x"}[340s]',
        "time": f"{START + 40}.000",
        "timeout": "3600ms",
        "nocache": "1",
        "partial_response": "false",
        "max_source_resolution": "0s",
    }


HOUR = replace(WINDOW, start=WINDOW.start - timedelta(hours=1))


async def test_a_long_window_is_asked_for_in_pieces_the_newest_first() -> None:
    forms: list[Form] = []
    await connected(scripted({}, forms)).read_metrics([LOAD], HOUR)
    asked = [(form["query"].partition("[")[2], float(form["time"]) - NOW.timestamp()) for form in forms]
    assert asked == [("1200s]", 0.0), ("1200s]", -1200.0), ("1200s]", -2400.0), ("340s]", -3600.0)]


def long_ago(parts: Mapping[str, Sequence[float]], broken: str = "") -> httpx.MockTransport:
    """Counters a minute apart over an hour, of which a text named by `broken` has no answer beyond the newest piece."""

    def handle(request: httpx.Request) -> httpx.Response:
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        text, _, span = form["query"].partition("[")
        end = float(form["time"])
        if text == broken and end < NOW.timestamp():
            return httpx.Response(
                422, json={"status": "error", "error": "query processing would load too many samples"}
            )
        first = end - float(span.rstrip("s]"))
        every = [(START - 3600 + 60 * n, value) for n, value in enumerate(parts[text.partition("{")[0]])]
        inside = [[at, str(value)] for at, value in every if first <= at <= end]  # both ends, as servers did before 3.0
        labels = {"version": "v42", "of": text}
        return matrix(*([{"metric": labels, "values": inside}] if inside else []))

    return httpx.MockTransport(handle)


PER_MINUTE = replace(HOUR, tick_s=60.0)
GROWING = {"t_total": [10.0 * n for n in range(61)], "e_total": [100.0 + n for n in range(61)]}
PAIR = replace(ERRORS, total="t_total", bad="e_total")


async def test_pieces_are_put_together_without_counting_their_borders_twice() -> None:
    [reply] = await connected(long_ago(GROWING)).read_metrics([PAIR], PER_MINUTE)
    assert len(reply.readings) == 60
    assert {reading.canary for reading in reply.readings} == {Counts(10, 1)}


@pytest.mark.parametrize("broken", ["t_total", "e_total"])
async def test_history_that_one_part_lacks_is_left_out_for_all_of_them_and_the_newest_is_read(broken: str) -> None:
    """Else errors whose series seem to begin later would be counted as if all had just happened."""
    [reply] = await connected(long_ago(GROWING, broken)).read_metrics([PAIR], PER_MINUTE)
    assert 15 <= len(reply.readings) <= 20
    assert {reading.canary for reading in reply.readings} == {Counts(10, 1)}
    assert reply.problem is None


async def test_no_older_piece_is_asked_for_when_half_of_the_time_is_gone() -> None:
    forms: list[Form] = []
    times = iter([0.0, 1.9, 2.1])
    late = type("Late", (HandClock,), {"monotonic": lambda self: next(times)})
    backend = connected(scripted({}, forms), late())
    await backend.read_metrics([LOAD], HOUR)
    assert len(forms) == 2


async def test_a_text_shared_by_metrics_is_asked_once() -> None:
    forms: list[Form] = []
    other = replace(ERRORS, metric="slow", bad="slow_total")
    await connected(scripted({}, forms)).read_metrics([ERRORS, other], WINDOW)
    assert sorted(form["query"].partition("[")[0] for form in forms) == sorted(
        ['http_requests_total{app="x"}', 'http_requests_total{code="500"}', "slow_total"]
    )


async def test_an_expression_cannot_be_counted_and_is_not_sent() -> None:
    forms: list[Form] = []
    expression = replace(ERRORS, bad='sum(http_requests_total{code="500"})')
    [reply] = await connected(scripted({}, forms)).read_metrics([expression], WINDOW)
    assert reply.problem is not None
    assert reply.problem.startswith("the bad query is not a plain selector")
    assert forms == []


@pytest.mark.parametrize(
    "text",
    ["up", ' up {app="x"} ', '{__name__="up"}', 'up{path=~"/a{2}\\"}.*",}', "{'http.duration'}", "up{a=`}`}"],
)
async def test_every_way_to_write_a_selector_is_asked_raw(text: str) -> None:
    forms: list[Form] = []
    await connected(scripted({}, forms)).read_metrics([replace(LOAD, value=text)], WINDOW)
    assert forms[0]["path"] == "/prefix/api/v1/query"


async def test_at_most_six_requests_are_under_way() -> None:
    under_way = peak = 0

    async def handle(_: httpx.Request) -> httpx.Response:
        nonlocal under_way, peak
        under_way += 1
        peak = max(peak, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return matrix()

    queries = [replace(LOAD, metric=f"m{index}", value=f"m{index}") for index in range(20)]
    replies = await connected(httpx.MockTransport(handle)).read_metrics(queries, WINDOW)
    assert [reply.metric for reply in replies] == [f"m{index}" for index in range(20)]
    assert 1 < peak <= 6


async def test_a_server_clock_more_than_two_seconds_off_is_followed_by_the_next_poll() -> None:
    forms: list[Form] = []
    dated = matrix()
    dated.headers["date"] = (NOW + timedelta(seconds=60)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    backend = connected(scripted({"cpu": dated}, forms))
    await backend.read_metrics([LOAD], WINDOW)
    await backend.read_metrics([LOAD], WINDOW)
    assert backend.skew_s == 60.5
    assert [form["time"] for form in forms] == [f"{START + 40}.000", f"{START + 100}.500"]


@pytest.mark.parametrize("ahead_s", [180, -180])
@pytest.mark.parametrize("query", [ERRORS, QUANTILE])
async def test_samples_are_dated_by_our_clock_whatever_the_servers_says(query: MetricQuery, ahead_s: int) -> None:
    """A server whose clock is three minutes off says what one says whose clock is right."""

    def server(off_s: int) -> httpx.MockTransport:
        def handle(request: httpx.Request) -> httpx.Response:
            form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
            until = float(form.get("time", form.get("end", "0"))) - off_s
            since = float(form["start"]) - off_s if "start" in form else until - 400.0
            step = 10.0 if "start" in form else 5.0
            moments = [
                since + step * number for number in range(200) if since + step * number <= min(until, START + 40)
            ]
            made = [
                {"metric": {"version": arm}, "values": [[at + off_s, str(100.0 + at - START)] for at in moments]}
                for arm in ("v42", "v41")
            ]
            reply = matrix(*made)
            reply.headers["date"] = (NOW + timedelta(seconds=off_s)).strftime("%a, %d %b %Y %H:%M:%S GMT")
            return reply

        return httpx.MockTransport(handle)

    skewed, right = connected(server(ahead_s)), connected(server(0))
    for backend in (skewed, right):
        await backend.read_metrics([query], WINDOW)
    assert abs(skewed.skew_s - ahead_s) <= 0.5
    skewed.skew_s = float(ahead_s)  # half a second of doubt about a header in whole seconds aside
    [ours], [theirs] = [await backend.read_metrics([query], WINDOW) for backend in (skewed, right)]
    assert ours == theirs


async def test_a_slow_answer_is_no_change_of_the_servers_clock() -> None:
    backend = connected(scripted({}))
    backend._compare_clocks(NOW - timedelta(seconds=20), NOW - timedelta(seconds=25))
    assert backend.skew_s == 0.0


# -- what goes wrong -------------------------------------------------------------------------------------------------

REFUSED = {"status": "error", "errorType": "bad_data", "error": 'invalid parameter "query": 1:4: parse error'}


@pytest.mark.parametrize("status", [400, 422])
async def test_a_text_the_server_refuses_is_that_metrics_problem_and_others_live(status: int) -> None:
    broken = replace(LOAD, metric="broken", value="broken{a=}")
    answers = {"broken{a=}": httpx.Response(status, json=REFUSED), "cpu": matrix(series([1], first=0, version="v42"))}
    first, second = await read(answers, broken, LOAD)
    assert first.problem == f'value: answered {status}: invalid parameter "query": 1:4: parse error'
    assert canary(second) == [Gauge(1.0)]


async def test_every_text_refused_is_a_problem_of_each_metric_not_of_the_source() -> None:
    reply = await read_one(LOAD, value=httpx.Response(400, json=REFUSED))
    assert reply.problem is not None


async def test_an_answer_too_large_is_that_metrics_problem_and_others_live() -> None:
    huge = httpx.Response(200, content=b" " * (4 * 1024 * 1024 + 1))
    first, second = await read({"cpu": huge, "mem": matrix()}, LOAD, replace(LOAD, metric="mem", value="mem"))
    assert first.problem == "value: answer larger than 4 MiB"
    assert second.problem is None


async def test_a_wrong_url_fails_the_source() -> None:
    with pytest.raises(Missing, match="src: answered 404: 404 page not found"):
        await read_one(LOAD, value=httpx.Response(404, text="404 page not found\n"))


async def test_a_login_page_fails_the_source() -> None:
    with pytest.raises(BadReply, match="HTML where JSON"):
        await read_one(LOAD, value=httpx.Response(200, html="<html>"))


@pytest.mark.parametrize(
    "body", [{}, {"status": "success"}, {"status": "success", "data": {"resultType": "matrix", "result": [{"a": 1}]}}]
)
async def test_json_that_is_no_answer_fails_the_source(body: Wire) -> None:
    with pytest.raises(BadReply, match="not a Prometheus answer"):
        await read_one(LOAD, value=httpx.Response(200, json=body))


async def test_an_error_with_200_is_a_problem() -> None:
    reply = await read_one(LOAD, value=httpx.Response(200, json={"status": "error", "error": "no\x1b[2J"}))
    assert reply.problem == "value: answered an error with 200: no[2J"


@pytest.mark.parametrize(("kind", "result"), [("vector", []), ("scalar", [START, "1"]), ("string", [START, "x"])])
async def test_an_answer_without_raw_samples_is_a_problem(kind: str, result: list[object]) -> None:
    body = {"status": "success", "data": {"resultType": kind, "result": result}}
    reply = await read_one(LOAD, value=httpx.Response(200, json=body))
    assert reply.problem == f"value: answered a {kind} where raw samples were expected"


async def test_native_histograms_are_a_problem() -> None:
    native = {"metric": {"version": "v42"}, "histograms": [[START, {"count": "3", "sum": "1"}]]}
    reply = await read_one(ERRORS, total=matrix(native))
    assert reply.problem == "total: native histograms cannot be counted; use their _count"


async def test_a_warning_makes_the_answer_partial_in_the_servers_words() -> None:
    reply = await read_one(ERRORS, total=matrix(warnings=["remote_read: error\nsending request"], infos=["fine"]))
    assert reply.partial == "remote_read: error sending request"


async def test_an_info_alone_changes_nothing() -> None:
    assert (await read_one(ERRORS, total=matrix(infos=["metric might not be a counter"]))).partial is None


async def test_a_partial_flag_makes_the_answer_partial() -> None:
    reply = await read_one(ERRORS, bad=matrix(isPartial=True))
    assert reply.partial == "the backend says this answer is partial"
