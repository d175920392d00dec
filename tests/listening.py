"""A listener in the test's own loop whose connections end with it, whatever their clients do."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def listening(serve: Serve, at: Path | None = None, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve every connection to the socket file `at`, or to a free loopback port; yields its path or "host:port"."""
    open_now: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await serve(reader, writer)

    def over(task: asyncio.Task[None]) -> None:
        open_now.pop(task).transport.abort()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(one(reader, writer))
        open_now[task] = writer
        task.add_done_callback(over)

    if at is not None:
        server: asyncio.Server = await asyncio.start_unix_server(accept, at)
        where = str(at)
    else:
        server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
        where = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield where
    finally:
        server.close()
        ending = tuple(open_now)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        await asyncio.sleep(0)  # what was aborted is closed by the loop's next round
