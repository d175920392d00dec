"""A small web shop: two instances of one service that count their requests, and users who come through a balancer.

Each instance answers `/metrics` with `http_requests_total{app,version,code}`. How often an instance fails is set by the
test at any time.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from tests.listening import listening

USERS = 8
PAUSE_S = 0.015
"""How long a user thinks between two requests."""


@dataclass
class Instance:
    """One instance of the service."""

    version: str
    error_rate: float = 0.0
    codes: Counter[int] = field(default_factory=Counter)
    port: int = 0
    dice: random.Random = field(default_factory=lambda: random.Random(7))

    def page(self, path: str) -> tuple[int, str]:
        """(status, text) of one request."""
        if path == "/metrics":
            return 200, self._metrics()
        code = 500 if self.dice.random() < self.error_rate else 200
        self.codes[code] += 1
        return code, self.version

    def _metrics(self) -> str:
        lines = ["# TYPE http_requests_total counter"]
        lines += [
            f'http_requests_total{{app="checkout",version="{self.version}",code="{code}"}} {count}'
            for code, count in sorted(self.codes.items())
        ]
        return "\n".join([*lines, ""])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection with as many requests as its client has."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                status, text = self.page(head.split(b" ", 2)[1].decode())
                writer.write(_answer(status, text))
                await writer.drain()
        except asyncio.IncompleteReadError:
            pass  # a health check only connects
        finally:
            writer.close()


def _answer(status: int, text: str) -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {len(text)}\r\n\r\n"
    return (head + text).encode()


@dataclass
class Shop:
    """Both instances, and where their metrics are."""

    instances: Mapping[str, Instance]

    @property
    def scrape_targets(self) -> list[str]:
        return [f"127.0.0.1:{instance.port}" for instance in self.instances.values()]

    async def share(self, requests: int = 400) -> float:
        """The canary's share, in percent, of the next so many requests that really arrived."""
        before = self._served()
        async with asyncio.timeout(30):
            while sum((now := self._served() - before).values()) < requests:  # noqa: ASYNC110 - it polls
                await asyncio.sleep(0.05)
        return 100 * now["canary"] / sum(now.values())

    def _served(self) -> Counter[str]:
        return Counter({name: sum(one.codes.values()) for name, one in self.instances.items()})


@contextlib.asynccontextmanager
async def shop() -> AsyncIterator[Shop]:
    """The service, listening."""
    async with AsyncExitStack() as stack:
        instances = {name: Instance(name) for name in ("stable", "canary")}
        for instance in instances.values():
            where = await stack.enter_async_context(listening(instance.serve))
            instance.port = int(where.rpartition(":")[2])
        yield Shop(instances)


@contextlib.asynccontextmanager
async def users(port: int) -> AsyncIterator[None]:
    """People who use the shop through the load balancer at `port`, without end."""
    tasks = [asyncio.create_task(_user(port)) for _ in range(USERS)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _user(port: int) -> None:
    while True:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await _visit(port)
        await asyncio.sleep(PAUSE_S)


async def _visit(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while True:
            writer.write(b"GET /cart HTTP/1.1\r\nHost: shop\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.split(b":")[1]))
            await asyncio.sleep(PAUSE_S)
    finally:
        writer.transport.abort()
