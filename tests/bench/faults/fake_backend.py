"""A FAKE deploy backend: an HTTP server on loopback in its own process, which counts every write.

    PUT  /WORLD/TARGET  {"percent": 5}     a write by the adapter; counted when it has arrived completely
    GET  /WORLD/TARGET                     {"percent": 5}
    POST /WORLD         {"mode": "hang"}   change the behavior; {"percent": 5, "target": ..} sets a target
    GET  /WORLD                            every write that arrived, in order

A write takes effect `lag_s` after it was counted, as at a slow backend.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.request import Request, urlopen

from adapters.sanitize import one_line

DRIP_S = 0.1
"""Pause between two bytes of a dripping reply."""
SLOW_S = 0.25
_HANG_S = 3600.0


class ReplyMode(StrEnum):
    """Reply to writes, and with `reads` also to reads."""

    FINE = "fine"
    REFUSE = "refuse"
    """403; not applied."""
    HANG = "hang"
    """No reply; not applied."""
    DRIP = "drip"
    """Applied; the reply comes byte by byte."""
    BROKEN = "broken"
    """Applied; 500."""
    RESET = "reset"
    """Applied; the connection is reset instead of a reply."""
    GARBAGE = "garbage"
    """Applied; the reply is not JSON."""
    SLOW = "slow"
    """Applied; a proper reply after `SLOW_S`."""


@dataclass(frozen=True, slots=True)
class Write:
    """One write that arrived."""

    target: str
    percent: float
    trace: str
    """The trace id of its traceparent header."""
    at: float
    """Seconds since the epoch."""


@dataclass
class _World:
    """The targets of one rollout: `percent` by target."""

    percent: dict[str, float] = field(default_factory=dict)
    writes: list[Write] = field(default_factory=list)
    mode: ReplyMode = ReplyMode.FINE
    reads: bool = False
    """Whether reads misbehave too."""
    lag_s: float = 0.0


class FakeBackend:
    """Client of the fake backend: configures it and reads its count."""

    def __init__(self, url: str) -> None:
        self.url = url

    def configure(self, world: str, **settings: object) -> None:
        """Set `mode`, `reads` and `lag_s` of a world, or the `percent` of a `target`."""
        self._request("POST", world, json.dumps(settings).encode())

    def writes(self, world: str) -> list[Write]:
        """Every write so far, in order of arrival."""
        return [Write(**entry) for entry in json.loads(self._request("GET", world))]

    def _request(self, method: str, path: str, body: bytes | None = None) -> bytes:
        request = Request(f"{self.url}/{path}", data=body, method=method)  # noqa: S310 - http, to ourselves
        with urlopen(request, timeout=10) as reply:  # noqa: S310
            found: bytes = reply.read()
        return found


@contextlib.contextmanager
def start_fake_backend() -> Iterator[FakeBackend]:
    """Run the server within the block; it also ends when this process dies."""
    command = [sys.executable, "-c", "from tests.bench.faults.fake_backend import serve; serve()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            port = int(process.stdout.readline()) if process.stdout is not None else 0
            yield FakeBackend(f"http://127.0.0.1:{port}")
        finally:
            process.kill()


def serve() -> None:
    """Print the port and serve until stdin is closed."""
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve())


async def _serve() -> None:
    worlds: dict[str, _World] = {}
    server = await asyncio.start_server(
        lambda reader, writer: _connection(worlds, reader, writer), "127.0.0.1", 0, backlog=256
    )
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    gone = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), gone.set)
    await gone.wait()


async def _connection(worlds: dict[str, _World], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, path, _ = head[0].split(" ", 2)
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            name, _, target = path.strip("/").partition("/")
            world = worlds.setdefault(name, _World())
            if not await _reply(world, method, target, body, headers.get("traceparent", ""), writer):
                return
    except (ConnectionError, asyncio.IncompleteReadError):
        return  # the client hung up, or was killed
    finally:
        writer.close()


async def _reply(
    world: _World, method: str, target: str, body: bytes, trace: str, writer: asyncio.StreamWriter
) -> bool:
    """Reply to one request; False when the connection was reset."""
    if not target:
        _configure(world, json.loads(body)) if method == "POST" else None
        return _send(writer, 200, [_as_json(write) for write in world.writes])
    mode = world.mode if method == "PUT" or world.reads else ReplyMode.FINE
    if method == "PUT":
        percent = float(json.loads(body)["percent"])
        world.writes.append(Write(one_line(target), percent, trace.split("-")[1] if "-" in trace else "", time.time()))
        if mode not in (ReplyMode.REFUSE, ReplyMode.HANG):
            _apply(world, target, percent)
    value = {"percent": world.percent.get(target, 0.0)}
    match mode:
        case ReplyMode.SLOW:
            await asyncio.sleep(SLOW_S)
            return _send(writer, 200, value)
        case ReplyMode.FINE:
            return _send(writer, 200, value)
        case ReplyMode.REFUSE:
            return _send(writer, 403, {"error": "frozen by change management"})
        case ReplyMode.BROKEN:
            return _send(writer, 500, {"error": "no leader"})
        case ReplyMode.GARBAGE:
            return _send(writer, 200, None, raw=b"<html>It works!</html>")
        case ReplyMode.RESET:
            wire = writer.get_extra_info("socket")
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return False
        case ReplyMode.HANG:
            await asyncio.sleep(_HANG_S)
        case ReplyMode.DRIP:
            for byte in _reply_bytes(200, json.dumps(value).encode()):
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(DRIP_S)
    return True


def _apply(world: _World, target: str, percent: float) -> None:
    if world.lag_s:
        asyncio.get_running_loop().call_later(world.lag_s, world.percent.__setitem__, target, percent)
    else:
        world.percent[target] = percent


def _configure(world: _World, settings: dict[str, object]) -> None:
    if "target" in settings:
        world.percent[str(settings["target"])] = float(str(settings["percent"]))
        return
    world.mode = ReplyMode(str(settings.get("mode", world.mode)))
    world.reads = bool(settings.get("reads", world.reads))
    world.lag_s = float(str(settings.get("lag_s", world.lag_s)))


def _as_json(write: Write) -> dict[str, object]:
    """The write as a JSON object."""
    return {"target": write.target, "percent": write.percent, "trace": write.trace, "at": write.at}


def _send(writer: asyncio.StreamWriter, status: int, value: object, *, raw: bytes | None = None) -> bool:
    writer.write(_reply_bytes(status, json.dumps(value).encode() if raw is None else raw))
    return True


def _reply_bytes(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
        status,
        len(body),
        body,
    )
