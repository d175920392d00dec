"""HTTP server for gate webhooks: one bounded request per connection.

The backend takes every status but 200 for a refusal: a request that is too large, too slow, for another path, or that
comes while no rollout is open. A slow client cannot keep others out: a request that is not complete in time is cut
off, and at the limit of connections the one that has been sending for longest is closed.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import parse_qs

import h11

from console.logs.context import report_internal_error

LARGEST_BYTES = 64 * 1024
"""A longer body is refused."""
REQUEST_S = 3.0
"""How long a connection may take from its opening to the last byte of its request."""
CONNECTION_S = 10.0
"""How long a connection may take altogether."""
CLOSING_S = 1.0
"""How long a client may take to receive the end of an answer; then the connection is cut."""
MOST_CONNECTIONS = 128
"""Connections at once. At the limit the oldest with an incomplete request is closed; without one, the newest is."""
_BACKLOG = 64
"""Connections accepted in one turn of the loop: fewer than fit, so that a question is read before it is the oldest."""
REPORT_S = 10.0
"""Connections closed for lack of room are counted for so long, and reported in one line."""
_log = logging.getLogger("warroom.gates")
_PATH = re.compile(r"/flagger/([a-z-]{1,40})/?")

GateHandler = Callable[[str, bytes, str | None], Awaitable[tuple[int, str]]]
"""(gate, body, token) -> (HTTP status, a line)."""


@dataclass(frozen=True, slots=True)
class _Question:
    request: h11.Request
    body: bytes


class GateServer:
    """A listening socket, and the connections on it."""

    def __init__(self, handler: GateHandler) -> None:
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._reading: dict[asyncio.Task[None], None] = {}
        """Connections whose request is incomplete, oldest first."""
        self._answering: set[asyncio.Task[None]] = set()
        """Connections that are being answered."""
        self._crowded_out = 0
        """Connections closed for lack of room since the last report."""
        self._report: asyncio.TimerHandle | None = None

    async def listen(self, host: str, port: int) -> int:
        """Start listening; returns the port, which differs from `port` only for 0. Raises OSError."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=LARGEST_BYTES, backlog=_BACKLOG)
        found: int = self._server.sockets[0].getsockname()[1]
        return found

    async def aclose(self) -> None:
        """Stop listening, and close every open connection."""
        if self._server is None:
            return
        self._server.close()
        tasks = {*self._reading, *self._answering}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._server.wait_closed()
        self._report_crowd()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        try:
            if task is not None and self._admit(task):
                async with asyncio.timeout(CONNECTION_S):
                    await self._exchange(task, reader, writer)
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # it hung up, was too slow or had to make room, which the backend takes for a refusal
        finally:
            writer.close()
            with suppress(OSError, asyncio.CancelledError, TimeoutError):
                async with asyncio.timeout(CLOSING_S):
                    await writer.wait_closed()
            writer.transport.abort()
            if task is not None:
                self._reading.pop(task, None)
                self._answering.discard(task)

    def _admit(self, task: asyncio.Task[None]) -> bool:
        """Take one more connection, closing an incomplete one at the limit; False where there is no room."""
        if len(self._reading) + len(self._answering) >= MOST_CONNECTIONS:
            oldest = next(iter(self._reading), None)
            self._count_crowded_out()
            if oldest is None:
                return False
            del self._reading[oldest]
            oldest.cancel()
        self._reading[task] = None
        return True

    def _count_crowded_out(self) -> None:
        self._crowded_out += 1
        if self._report is None:
            self._report = asyncio.get_running_loop().call_later(REPORT_S, self._report_crowd)

    def _report_crowd(self) -> None:
        """Log how many connections were closed for lack of room, if any."""
        if self._report is not None:
            self._report.cancel()
            self._report = None
        if self._crowded_out:
            _log.warning("gate port: %d connections closed, more than %d at once", self._crowded_out, MOST_CONNECTIONS)
            self._crowded_out = 0

    async def _exchange(
        self, task: asyncio.Task[None], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        connection = h11.Connection(h11.SERVER)
        received: _Question | tuple[int, str]
        try:
            async with asyncio.timeout(REQUEST_S):
                received = await _read_request(connection, reader)
        except h11.RemoteProtocolError as error:
            received = error.error_status_hint, "not HTTP that is understood here"
        self._reading.pop(task, None)
        self._answering.add(task)
        code, text = await self._handle(received) if isinstance(received, _Question) else received
        body = f"{text}\n".encode()
        headers = [
            ("content-type", "text/plain; charset=utf-8"),
            ("content-length", str(len(body))),
            ("connection", "close"),
        ]
        with suppress(h11.LocalProtocolError):  # the connection is beyond an answer
            for event in (h11.Response(status_code=code, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
                writer.write(connection.send(event) or b"")
        await writer.drain()

    async def _handle(self, question: _Question) -> tuple[int, str]:
        request = question.request
        path, _, query = request.target.decode("latin-1").partition("?")
        found = _PATH.fullmatch(path)
        if found is None:
            return 404, "there is no such gate"
        if request.method != b"POST":
            return 405, "a question is a POST"
        # The last net for an internal error: the backend gets a refusal, and the terminal no traceback.
        response = self._handler(found[1], question.body, _token(request, query))
        [given] = await asyncio.gather(response, return_exceptions=True)
        if isinstance(given, BaseException):
            report_internal_error(_log, given)
            return 500, f"no: {type(given).__name__}"
        return given


async def _read_request(connection: h11.Connection, reader: asyncio.StreamReader) -> _Question | tuple[int, str]:
    """The complete request, or the (status, line) that refuses it early. Raises OSError on a hang-up."""
    request, body = None, b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            if connection.they_are_waiting_for_100_continue:
                return 417, "no continuation is given here"
            connection.receive_data(await reader.read(16_384))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > LARGEST_BYTES:
                return 413, "the question is too large"
        elif isinstance(event, h11.EndOfMessage) and request is not None:
            return _Question(request, body)
        else:
            raise OSError("it hung up")


def _token(request: h11.Request, query: str) -> str | None:
    """The token of the Authorization header, else of ?token=; None where there is none."""
    for name, value in request.headers:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return value[7:].decode("latin-1").strip()
    with suppress(ValueError):
        return next(iter(parse_qs(query, max_num_fields=10).get("token", [])), None)
    return None
