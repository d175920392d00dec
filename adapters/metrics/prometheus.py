"""Prometheus HTTP API v1 and what speaks it (VictoriaMetrics, Thanos, Mimir, Cortex). Read only.

Minimal permission: to query. A token is sent as a bearer; hosted services often take `basic` instead. `url` may carry a
path prefix (`/prometheus`, `/api/prom`).

Counts come from raw samples: an instant query of the operator's selector with a range appended, counted in
`adapters.metrics.counters`. The arms are split here, by one label's value, so the text is sent as typed. A gauge that
is a plain selector is read the same way; one that is an expression (a quantile) is evaluated by the server once per
tick, and then its sample times are evaluation times: it can look fresher than it is by the server's lookback, and
VictoriaMetrics repeats the last value it shows through the 30 s it hides (`search.latencyOffset`). Raw samples are not
hidden.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, Field, ValidationError

from adapters.contract.context import Context
from adapters.contract.errors import BackendError, BadReply, Rejected
from adapters.contract.metrics import MetricQuery, MetricReply, Shape, Window
from adapters.contract.spec import AdapterSpec
from adapters.contract.targets import Kind
from adapters.metrics.counters import RawSeries, Ticks
from adapters.metrics.reading import QueryAnswer, counts_reply, gauge_reply, histogram_reply, join_pieces, pieces_of
from adapters.priority import give_way
from adapters.transport import HttpBackend, HttpOptions, Reply, Transport

if TYPE_CHECKING:
    import httpx


MOST_SAMPLES = 1_000_000
"""Most raw samples that one poll of one backend holds in memory, all metrics together: some 150 MB."""
_SERIES_WEIGHS = 20
"""Weight of a series' labels, in samples."""
_AT_ONCE = 6
_FOR_HISTORY = 0.5
"""The part of the read's deadline after which no older piece is requested."""
_SKEW_S = 2.0
"""A server clock further off than this is followed: samples are dated by our clock, as everything else is. Otherwise an
hour of one clock would be judged as another hour of the other, and old samples as those of a new stage."""
_WHOLE = {"nocache": "1", "partial_response": "false", "max_source_resolution": "0s"}
"""No cached, no incomplete, no downsampled reply: the first is VictoriaMetrics' parameter, the others are Thanos'.
Servers ignore the parameters that they do not know."""
_SELECTOR = re.compile(
    r"""\s* (?: [a-zA-Z_:][a-zA-Z0-9_:]* )? \s*
        (?: \{ (?: [^{}"'`] | "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' | `[^`]*` )* \} )? \s*""",
    re.VERBOSE,
)


class Options(HttpOptions):
    """An HTTP API v1; nothing beyond what every HTTP adapter takes."""


def connect(options: Options, context: Context, client: httpx.AsyncBaseTransport | None = None) -> Prometheus:
    """A backend for `options`; opens no connection.

    Raises:
        ConnectError: the secret is missing or cannot be sent, or the CA file is not there.
    """
    transport = Transport(
        context.source,
        options,
        authorization=options.authorization(context.source),
        read_deadline_s=context.read_deadline_s,
        write_deadline_s=context.write_deadline_s,
        explain=_explain,
        client=client,
        report_time=context.report_time,
    )
    return Prometheus(context, transport)


@dataclass(frozen=True, slots=True)
class _Request:
    """One request: a selector's raw samples, or an expression once per tick."""

    text: str
    raw: bool


class _SampleBudget:
    """The samples that one read may still hold. Every answer is bounded, but there may be hundreds."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._left = MOST_SAMPLES

    def take(self, series: Sequence[RawSeries] = ()) -> None:
        """Subtract an answer's series. Raises Rejected if they do not fit, or nothing is left."""
        self._left -= sum(len(one.samples) + _SERIES_WEIGHS for one in series)
        if self._left <= 0:
            advice = "narrow the selectors, or spread the metrics over several backends"
            raise Rejected(self._source, "read", f"more than {MOST_SAMPLES:,} samples in one poll: {advice}")


class Prometheus(HttpBackend):
    """A `MetricsBackend`."""

    def __init__(self, context: Context, transport: Transport) -> None:
        super().__init__(transport)
        self.skew_s = 0.0
        """Seconds that the server's clock is ahead of ours, where that is more than two, else 0."""
        self._clock = context.clock
        self._deadline_s = context.read_deadline_s
        self._timeout = f"{context.read_deadline_s * 900:.0f}ms"  # the server gives up before we do

    async def read_metrics(self, queries: Sequence[MetricQuery], window: Window) -> tuple[MetricReply, ...]:
        """Read one reply per query, in order, all as of one moment.

        A text used by several metrics is sent once. A text that the server refuses, or whose answer cannot be counted,
        is that metric's problem. The older pieces of a long window are left out where time is short.

        Raises:
            BackendError: no text got an answer, and not because of the texts.
        """
        now = self._clock.now()
        requests = [_requests_of(query) for query in queries]
        asks = list(dict.fromkeys(ask for each in requests if not isinstance(each, str) for ask in each.values()))
        slots = asyncio.Semaphore(_AT_ONCE)
        enough = self._clock.monotonic() + _FOR_HISTORY * self._deadline_s
        room = _SampleBudget(self.source)

        async def read_pieces(ask: _Request) -> tuple[QueryAnswer, ...] | BackendError:
            found: list[QueryAnswer] = []
            try:
                for piece in pieces_of(now, window) if ask.raw else [None]:
                    async with slots:
                        await give_way()
                        if found and self._clock.monotonic() > enough:
                            break
                        room.take()
                        one = await (self._raw(ask, piece) if piece is not None else self._range(ask, now, window))
                        room.take(one.series)
                        found.append(one)
            except BackendError as error:
                if not found:
                    return error
            return tuple(found)

        answers = dict(zip(asks, await asyncio.gather(*map(read_pieces, asks)), strict=True))
        errors = [answer for answer in answers.values() if isinstance(answer, BackendError)]
        fatal = [error for error in errors if not isinstance(error, Rejected)]
        if fatal and len(errors) == len(asks):
            raise fatal[0]
        return tuple(_reply(query, each, answers, window) for query, each in zip(queries, requests, strict=True))

    async def _raw(self, ask: _Request, piece: tuple[float, float]) -> QueryAnswer:
        """Read the raw samples of one piece, (end in unix seconds, length in seconds)."""
        time = piece[0] + self.skew_s
        form = {"query": f"{ask.text.strip()}[{math.ceil(piece[1])}s]", "time": f"{time:.3f}"}
        return self._answer(await self._read("/api/v1/query", form))

    async def _range(self, ask: _Request, now: datetime, window: Window) -> QueryAnswer:
        """Read an expression's value at the end of every tick."""
        ticks = Ticks(window)
        first = (ticks.first + 1) * ticks.tick_s
        last = max(first, min(ticks.end * ticks.tick_s, now.timestamp()))
        start, end = (f"{at + self.skew_s:.3f}" for at in (first, last))
        form = {"query": ask.text, "start": start, "end": end, "step": f"{ticks.tick_s:.3f}"}
        answer = self._answer(await self._read("/api/v1/query_range", form))
        return QueryAnswer(tuple(_shift_into_ticks(one, ticks.tick_s) for one in answer.series), answer.partial)

    async def _read(self, path: str, form: Mapping[str, str]) -> Reply:
        sent_at = self._clock.now()
        reply = await self.transport.read("POST", path, form={**form, **_WHOLE, "timeout": self._timeout})
        if reply.date is not None:
            self._compare_clocks(reply.date, sent_at)
        return reply

    def _compare_clocks(self, date: datetime, sent_at: datetime) -> None:
        """Change `skew_s` only where it contradicts a reply's date. Every change moves samples between ticks.

        The server wrote `date`, in whole seconds, some time between our request and now. Our clock may have been put
        right by that very date since the request.
        """
        least = (date - self._clock.now()).total_seconds()
        most = max(least, (date - sent_at).total_seconds()) + 1.0
        if not least - _SKEW_S < self.skew_s < most + _SKEW_S:
            ahead_s = (least + most) / 2.0
            self.skew_s = ahead_s if abs(ahead_s) > _SKEW_S else 0.0

    def _answer(self, reply: Reply) -> QueryAnswer:
        """Read the series of a reply. Raises BadReply, Rejected."""
        try:
            envelope = _Envelope.model_validate_json(reply.body)
        except ValidationError as error:
            reply.json()  # has the better words where it is not JSON at all
            where = ".".join(str(part) for part in error.errors(include_url=False)[0]["loc"])
            raise BadReply(self.source, "read", f"not a Prometheus answer (at {self.transport.line(where)})") from None
        if envelope.status != "success":
            why = self.transport.line(envelope.error) or "no reason given"
            raise Rejected(self.source, "read", f"answered an error with 200: {why}")
        if envelope.data is None:
            raise BadReply(self.source, "read", "not a Prometheus answer (no data)")
        if not isinstance(envelope.data, _Matrix):
            kind = self.transport.line(envelope.data.result_type, 40)
            raise Rejected(self.source, "read", f"answered a {kind} where raw samples were expected")
        if any(one.histograms for one in envelope.data.result):
            raise Rejected(self.source, "read", "native histograms cannot be counted; use their _count")
        partial = next((self.transport.line(warning) for warning in envelope.warnings or ()), None)
        if partial is None and envelope.is_partial:
            partial = "the backend says this answer is partial"
        ahead_s = self.skew_s
        series = (
            RawSeries(one.metric, [(at - ahead_s, value) for at, value in one.values] if ahead_s else one.values)
            for one in envelope.data.result
        )
        return QueryAnswer(tuple(series), partial)


def _requests_of(query: MetricQuery) -> dict[str, _Request] | str:
    """Part -> its request; or the reason why the metric's own texts cannot be sent."""
    texts, found = dict(query.texts()), {}
    for part in _parts(query):
        if part not in texts:
            return f"no {part} query"
        text = texts[part]
        found[part] = _Request(text, raw=bool(text.strip()) and _SELECTOR.fullmatch(text) is not None)
        if query.shape is not Shape.GAUGE and not found[part].raw:
            # some servers would answer an expression with a range appended, with numbers that are not raw samples
            return f"the {part} query is not a plain selector (a metric name and {{matchers}}), so it cannot be counted"
    return found


def _parts(query: MetricQuery) -> tuple[str, ...]:
    match query.shape:
        case Shape.GAUGE:
            return ("value",)
        case Shape.GOOD_TOTAL:
            return ("total", "good")
        case Shape.COUNTS:
            return ("total", "bad")
        case Shape.HISTOGRAM:
            return ("buckets",)


def _reply(
    query: MetricQuery,
    requests: Mapping[str, _Request] | str,
    answers: Mapping[_Request, tuple[QueryAnswer, ...] | BackendError],
    window: Window,
) -> MetricReply:
    if isinstance(requests, str):
        return MetricReply(query.metric, problem=requests)
    pieces: dict[str, tuple[QueryAnswer, ...]] = {}
    for part, ask in requests.items():
        answer = answers[ask]
        if isinstance(answer, BackendError):
            return MetricReply(query.metric, problem=f"{part}: {answer.reason}")
        pieces[part] = answer
    # All parts of a metric reach equally far back: one whose series begin later would count as newborn.
    reach = min(len(one) for one in pieces.values())
    found = {part: join_pieces(one[:reach]) for part, one in pieces.items()}
    if query.shape is Shape.GAUGE:
        return gauge_reply(query, found["value"], window)
    if query.shape is Shape.HISTOGRAM:
        return histogram_reply(query, found["buckets"], window)
    return counts_reply(query, found, window)


def _shift_into_ticks(series: RawSeries, tick_s: float) -> RawSeries:
    """Move values evaluated at the end of a tick into that tick. Drop NaN (no data), so that it dates nothing."""
    return RawSeries(series.labels, [(at - tick_s / 2, value) for at, value in series.samples if not math.isnan(value)])


def _explain(body: bytes) -> str | None:
    """Find the `error` of `{"status": "error", "errorType": .., "error": ..}`."""
    message = json.loads(body)["error"]
    return message if isinstance(message, str) else None


_Moment = Annotated[float, Field(ge=0.0, le=253_402_300_799.0, allow_inf_nan=False)]
"""Unix seconds up to the year 9999, the last that a datetime holds."""


class _WireSeries(BaseModel):
    metric: dict[str, str]
    values: list[tuple[_Moment, float]] = []
    """(unix seconds, value); values are strings, "NaN" and "+Inf" among them."""
    histograms: list[object] = []


class _Matrix(BaseModel):
    result_type: Literal["matrix"] = Field(alias="resultType")
    result: list[_WireSeries]


class _Other(BaseModel):
    result_type: Literal["vector", "scalar", "string"] = Field(alias="resultType")


class _Envelope(BaseModel):
    status: str
    data: Annotated[_Matrix | _Other, Field(discriminator="result_type")] | None = None
    error: str = ""
    warnings: list[str] | None = None
    is_partial: bool = Field(default=False, alias="isPartial")


ADAPTER = AdapterSpec(kinds=(Kind.METRICS,), options=Options, connect=connect)
