"""A FAKE of HAProxy's stats socket, for what the real one does not do on request: hang, drip, break off, refuse late.

Here: an asyncio server on a Unix socket that answers the five commands the adapter uses, word for word as HAProxy 2.6
does, and can be told to answer a line differently. The real HAProxy is driven in `tests/live/test_haproxy.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from adapters.contract import Permit, TargetRef
from adapters.deploy.haproxy import HAProxy, Options, connect
from adapters.testing import context

CHECKOUT = TargetRef("checkout", "checkout", canary="canary", baseline="stable")
LEAVE = Permit("00-0-0-00")

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]

_STATE_COLUMNS = "be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_port"


@dataclass
class FakeServer:
    """One server as the fake keeps it."""

    weight: int
    initial: int
    up: bool = True
    admin: int = 0
    backup: bool = False
    check: str = ""


@dataclass
class FakeHAProxy:
    """One fake process with one backend, `checkout`."""

    path: Path
    servers: dict[str, FakeServer] = field(
        default_factory=lambda: {"stable": FakeServer(100, 100), "canary": FakeServer(0, 0)}
    )
    uptime_s: int = 86_400
    lines: list[str] = field(default_factory=list)
    """Every command line received, in order."""
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a line has been received."""
    said: dict[str, Answer] = field(default_factory=dict)
    """Start of a command line -> what to do instead of answering it."""

    @property
    def sets(self) -> list[str]:
        return [line for line in self.lines if line.startswith("set ")]

    def weights(self) -> dict[str, int]:
        return {name: server.weight for name, server in self.servers.items()}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = (await reader.readline()).decode().rstrip("\n")
            if line:
                self.lines.append(line)
                self.asked.set()
                instead = next((answer for start, answer in self.said.items() if line.startswith(start)), None)
                if instead is None:
                    writer.write(self._answer(line).encode())
                else:
                    await instead(writer)
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            return  # the client hung up, or the test is over: both are what some tests are about
        finally:
            writer.close()

    def _answer(self, line: str) -> str:
        match line.split(" "):
            case ["show", "info"]:
                return f"Name: HAProxy\nUptime_sec: {self.uptime_s}\n\n"
            case ["show", "stat", "checkout", "4", "-1"]:
                return self._stat()
            case ["show", "servers", "state", "checkout"]:
                return self._state()
            case ["show", "servers", "state", _]:
                return "Can't find backend.\n\n"
            case ["get", "weight", where]:
                server = self.servers[where.removeprefix("checkout/")]
                return f"{server.weight} (initial {server.initial})\n\n"
            case ["set", "weight", where, weight]:
                if where.removeprefix("checkout/") not in self.servers:
                    return "No such server.\n\n"
                self.servers[where.removeprefix("checkout/")].weight = int(weight)
                return "\n"
        return "Unknown command, but maybe one of the following ones is a better match:\n  help\n\n"

    def _state(self) -> str:
        rows = [
            f"3 checkout 1 {name} 127.0.0.1 {2 if server.up else 0} {server.admin} {server.weight} {server.initial} 80"
            for name, server in self.servers.items()
        ]
        return "\n".join(["1", f"# {_STATE_COLUMNS}", *rows, "", ""])

    def _stat(self) -> str:
        rows = [
            f'checkout,{name},{"UP" if server.up else "DOWN"},{server.weight},{int(server.backup)},"{server.check}",'
            for name, server in self.servers.items()
        ]
        return "\n".join(["# pxname,svname,status,weight,bck,last_chk,", *rows, "", ""])


def say(answer: bytes) -> Answer:
    """Answer with these bytes."""

    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    return write


async def hang(writer: asyncio.StreamWriter) -> None:
    """Never answer."""
    await asyncio.sleep(3600)


async def drip(writer: asyncio.StreamWriter) -> None:
    """Answer a byte at a time without end: each is in time, the whole never is."""
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


@asynccontextmanager
async def fake_haproxy(path: Path) -> AsyncIterator[FakeHAProxy]:
    """A fake that listens on the Unix socket `path`."""
    fake = FakeHAProxy(path)
    serving: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        task.add_done_callback(serving.discard)
        await fake.serve(reader, writer)

    server = await asyncio.start_unix_server(accept, path)
    try:
        yield fake
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving)
        await server.wait_closed()


def adapter(*sockets: Path | str, deadline_s: float = 5.0) -> HAProxy:
    """The adapter, named `edge`, on one socket or a fleet of them."""
    return connect(Options(socket=[str(socket) for socket in sockets]), context(deadline_s, source="edge"))
