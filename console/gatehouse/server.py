"""`Gatehouse`: listens, reads one bounded question per connection, and answers with a code and a line of text.

Everything but a yes is a no to whoever asks: a question that is too large, too slow, of another path, or asked while
nobody can answer.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from urllib.parse import parse_qs

import h11

LARGEST_BYTES = 64 * 1024
"""A longer body is not read."""
PATIENCE_S = 10.0
"""How long one connection may take, from its first byte to its last."""
MOST = 32
"""Connections at once; more are closed at once."""
_PATH = re.compile(r"/flagger/([a-z-]{1,40})/?")

Answer = Callable[[str, bytes, str | None], Awaitable[tuple[int, str]]]
"""(gate, body, token) -> (HTTP status, a line)."""


class Gatehouse:
    """One listening socket."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def listen(self, host: str, port: int) -> int:
        """Begin; the port that is listened on (another one only if `port` is 0). Raises OSError."""
        self._server = await asyncio.start_server(self._met, host, port, limit=LARGEST_BYTES)
        found: int = self._server.sockets[0].getsockname()[1]
        return found

    async def aclose(self) -> None:
        """Stop listening, and leave nobody half answered: what is open is cut."""
        if self._server is not None:
            self._server.close()
        for task in self._open:
            task.cancel()
        if self._open:
            await asyncio.wait(set(self._open))
        if self._server is not None:
            await self._server.wait_closed()

    async def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._open.add(task)
        try:
            if len(self._open) <= MOST:
                async with asyncio.timeout(PATIENCE_S):
                    await self._talk(reader, writer)
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            pass  # it hung up, or was too slow: it has its no
        finally:
            if task is not None:
                self._open.discard(task)
            writer.close()
            with suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        try:
            code, text = await self._heard(connection, reader)
        except h11.RemoteProtocolError as error:
            code, text = error.error_status_hint, "not HTTP that is understood here"
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

    async def _heard(self, connection: h11.Connection, reader: asyncio.StreamReader) -> tuple[int, str]:
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
                return await self._answered(request, body)
            else:
                raise OSError("it hung up")

    async def _answered(self, request: h11.Request, body: bytes) -> tuple[int, str]:
        path, _, query = request.target.decode("latin-1").partition("?")
        found = _PATH.fullmatch(path)
        if found is None:
            return 404, "there is no such gate"
        if request.method != b"POST":
            return 405, "a question is a POST"
        try:
            return await self._answer(found[1], body, _token(request, query))
        except Exception as error:  # the last net: whoever asks gets a no, and the terminal of a watch no traceback
            return 500, f"no: {type(error).__name__}"


def _token(request: h11.Request, query: str) -> str | None:
    """What came in the Authorization header, or as ?token=."""
    for name, value in request.headers:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return value[7:].decode("latin-1").strip()
    with suppress(ValueError):
        return next(iter(parse_qs(query, max_num_fields=10).get("token", [])), None)
    return None
