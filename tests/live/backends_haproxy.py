"""A real HAProxy with two small web servers behind it, for live tests.

Here: its configuration, start, restart and stop, and a request through it. It listens on loopback ports and on two
stats sockets in a folder of the test, one of level admin and one of level user.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.live.servers import binary, free_port, process, wait_ready

CONFIG = """
global
  stats socket {folder}/admin.sock mode 600 level admin
  stats socket {folder}/user.sock mode 600 level user
  stats socket ipv4@127.0.0.1:{cli} level admin
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
frontend web
  bind 127.0.0.1:{web}
  monitor-uri /healthz
  default_backend checkout
backend checkout
  server stable 127.0.0.1:{stable} weight 100 check inter 100ms fall 1 rise 1
  server canary 127.0.0.1:{canary} weight 0 check inter 100ms fall 1 rise 1
backend spare
  server stable 127.0.0.1:{stable} weight 80
  server canary 127.0.0.1:{canary} weight 20
  server sorry 127.0.0.1:{stable} weight 100 backup
backend fixed
  balance source
  server stable 127.0.0.1:{stable} weight 100
  server canary 127.0.0.1:{canary} weight 0
"""


@dataclass
class LiveHAProxy:
    """One running HAProxy."""

    folder: Path
    web: int
    cli: int
    arms: dict[str, asyncio.Server]
    process: ExitStack = field(default_factory=ExitStack)

    def start(self) -> None:
        """Start it and wait until it serves; the test is skipped where the binary is missing."""
        log = self.folder / "haproxy.log"
        command = [binary("haproxy"), "-db", "-f", str(self.folder / "haproxy.cfg")]
        running = self.process.enter_context(process(command, log))
        wait_ready(f"http://127.0.0.1:{self.web}/healthz", running, log)

    def restart(self) -> None:
        """Stop it and start it with the same configuration: what was set at run time is gone."""
        self.process.close()
        self.start()

    @property
    def admin(self) -> Path:
        return self.folder / "admin.sock"

    @property
    def user(self) -> Path:
        return self.folder / "user.sock"

    async def say(self, line: str) -> str:
        """One command line, as an operator would send it by hand."""
        reader, writer = await asyncio.open_unix_connection(self.admin)
        writer.write(f"{line}\n".encode())
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer.decode().strip()

    async def get(self) -> str:
        """Who served one request: `canary`, `stable`, or the status line of an error."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.web)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        answer = (await reader.read()).decode()
        writer.close()
        await writer.wait_closed()
        return (
            answer.rpartition("\r\n\r\n")[2] if " 200 " in answer.partition("\r\n")[0] else answer.partition("\r\n")[0]
        )

    async def served(self, requests: int) -> Counter[str]:
        """Who served so many requests."""
        return Counter([await self.get() for _ in range(requests)])


@asynccontextmanager
async def haproxy(folder: Path, ports: Mapping[str, int] | None = None) -> AsyncIterator[LiveHAProxy]:
    """A HAProxy in `folder`, serving: before the test's own `stable` and `canary` at `ports`, or before two of ours."""
    async with AsyncExitStack() as stack:
        names = ("stable", "canary") if ports is None else ()
        arms = {name: await stack.enter_async_context(_arm(name)) for name in names}
        ours = {name: server.sockets[0].getsockname()[1] for name, server in arms.items()}
        live = LiveHAProxy(folder, free_port(), free_port(), arms)
        _write_config(live, ports or ours)
        stack.callback(live.process.close)
        live.start()
        yield live


def _write_config(live: LiveHAProxy, ports: Mapping[str, int]) -> None:
    live.folder.mkdir(exist_ok=True)
    text = CONFIG.format(folder=live.folder, web=live.web, cli=live.cli, **ports)
    (live.folder / "haproxy.cfg").write_text(text)


@asynccontextmanager
async def _arm(name: str) -> AsyncIterator[asyncio.Server]:
    """A web server that answers its own name to anything."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(f"HTTP/1.0 200 OK\r\nContent-Length: {len(name)}\r\n\r\n{name}".encode())
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # a health check only connects
        finally:
            writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server
