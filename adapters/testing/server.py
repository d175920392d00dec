"""HTTP server on loopback that answers as a test wants, properly or not. Standard library only."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Request:
    """One request as it reached the server."""

    method: str
    path: str
    """With its query string."""
    headers: Mapping[str, str]
    """Lower-case names."""
    body: bytes


Serve = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]
Good = Callable[[Request], object | None]
"""JSON to answer a request properly with, or None to misbehave: lets an adapter get past calls that come first."""


@dataclass
class Server:
    """A running server: its URL and the requests that reached it."""

    url: str
    requests: list[Request] = field(default_factory=list)
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a request that is not answered properly has arrived."""


def answer(status: int, body: bytes, *, kind: str = "application/json", headers: str = "") -> bytes:
    """Encode a whole HTTP/1.1 answer."""
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
    head += f"{headers}\r\n"
    return head.encode() + body


@contextlib.asynccontextmanager
async def serving(serve: Serve | None, good: Good | None = None) -> AsyncIterator[Server]:
    """Run a server that answers each connection's one request: properly where `good` says how, else by `serve`.

    Without `serve` the port refuses connections.
    """
    if serve is None:
        with socket.socket() as unheard:  # bound but not listening: no other process gets the port, and it refuses
            unheard.bind(("127.0.0.1", 0))
            yield Server(f"http://127.0.0.1:{unheard.getsockname()[1]}")
        return
    tasks: set[asyncio.Task[None]] = set()
    writers: list[asyncio.StreamWriter] = []

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        tasks.add(asyncio.ensure_future(_handle(server, serve, good, reader, writer)))

    listener = await asyncio.start_server(accept, "127.0.0.1", 0)
    server = Server(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}")
    try:
        yield server
    finally:
        await _settle()  # before the close: asyncio drops, unclosed, what it accepted a moment before
        listener.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in writers:
            transport = writer.transport  # asyncio 3.11 cannot abort one that was closed and has sent all it had
            if not transport.is_closing() or transport.get_write_buffer_size():
                transport.abort()
        await _settle()


async def _settle() -> None:
    """Let the loop finish connections that it is just accepting or closing: each takes it a few turns."""
    for _ in range(5):
        await asyncio.sleep(0)


async def _handle(
    server: Server, serve: Serve, good: Good | None, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    try:
        request = await _request(reader)
        server.requests.append(request)
        proper = good(request) if good is not None else None
        if proper is not None:
            writer.write(answer(200, json.dumps(proper).encode()))
            await writer.drain()
        else:
            server.reached.set()
            await serve(request, writer)
    except (ConnectionError, asyncio.IncompleteReadError):
        pass  # the adapter hung up, as it should
    finally:
        writer.close()


async def _request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = head[0].split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, path, headers, body)
