"""`GateServer`: listens, reads one bounded question per connection, and answers with a code and a line of text.

Everything but a yes is a no to whoever asks: a question that is too large, too slow, of another path, or asked while
nobody can answer. Nobody keeps others from asking by saying nothing, or little: who has not asked in time is cut off,
and where there are too many, the one that has been asking longest makes room.
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
"""A longer body is not read."""
ASKING_S = 3.0
"""How long one connection may take to ask, from when it was opened to the last byte of its question."""
PATIENCE_S = 10.0
"""How long one connection may take altogether."""
MOST = 32
"""Connections at once. Of more, the oldest that has not asked yet is closed; the newest, where all of them have."""
_PATH = re.compile(r"/flagger/([a-z-]{1,40})/?")

Answer = Callable[[str, bytes, str | None], Awaitable[tuple[int, str]]]
"""(gate, body, token) -> (HTTP status, a line)."""


@dataclass(frozen=True, slots=True)
class _Question:
    request: h11.Request
    body: bytes


class GateServer:
    """One listening socket."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._server: asyncio.Server | None = None
        self._asking: dict[asyncio.Task[None], None] = {}
        """Connections whose question has not come yet, the oldest first."""
        self._asked: set[asyncio.Task[None]] = set()
        """Those that are being answered."""

    async def listen(self, host: str, port: int) -> int:
        """Begin; the port that is listened on (another one only if `port` is 0). Raises OSError."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=LARGEST_BYTES)
        found: int = self._server.sockets[0].getsockname()[1]
        return found

    async def aclose(self) -> None:
        """Stop listening, and leave nobody half answered: what is open is cut."""
        if self._server is not None:
            self._server.close()
        tasks = {*self._asking, *self._asked}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._server is not None:
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        try:
            if task is not None and self._let_in(task):
                async with asyncio.timeout(PATIENCE_S):
                    await self._talk(task, reader, writer)
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            pass  # it hung up, or was too slow: it has its no
        finally:
            if task is not None:
                self._asking.pop(task, None)
                self._asked.discard(task)
            writer.close()
            with suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    def _let_in(self, task: asyncio.Task[None]) -> bool:
        """Whether there is room for one more connection."""
        if len(self._asking) + len(self._asked) >= MOST:
            oldest = next(iter(self._asking), None)
            if oldest is None:
                return False
            del self._asking[oldest]
            oldest.cancel()
        self._asking[task] = None
        return True

    async def _talk(self, task: asyncio.Task[None], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        heard: _Question | tuple[int, str]
        try:
            async with asyncio.timeout(ASKING_S):
                heard = await _heard(connection, reader)
        except h11.RemoteProtocolError as error:
            heard = error.error_status_hint, "not HTTP that is understood here"
        self._asking.pop(task, None)
        self._asked.add(task)
        code, text = await self._answered(heard) if isinstance(heard, _Question) else heard
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

    async def _answered(self, question: _Question) -> tuple[int, str]:
        request = question.request
        path, _, query = request.target.decode("latin-1").partition("?")
        found = _PATH.fullmatch(path)
        if found is None:
            return 404, "there is no such gate"
        if request.method != b"POST":
            return 405, "a question is a POST"
        # The last net for a bug of ours: the backend gets a no, and the terminal of a watch no traceback.
        answer = self._answer(found[1], question.body, _token(request, query))
        [given] = await asyncio.gather(answer, return_exceptions=True)
        if isinstance(given, BaseException):
            report_internal_error(logging.getLogger("warroom.gates"), given)
            return 500, f"no: {type(given).__name__}"
        return given


async def _heard(connection: h11.Connection, reader: asyncio.StreamReader) -> _Question | tuple[int, str]:
    """A question to its end, or what to answer where that is not worth waiting for. Raises OSError if it hangs up."""
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
    """What came in the Authorization header, or as ?token=."""
    for name, value in request.headers:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return value[7:].decode("latin-1").strip()
    with suppress(ValueError):
        return next(iter(parse_qs(query, max_num_fields=10).get("token", [])), None)
    return None
