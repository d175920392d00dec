"""A FAKE deploy backend: a real HTTP server on loopback, in a process of its own, that counts every write it gets.

    PUT  /WORLD/TARGET  {"percent": 5}     what the adapter sends; counted when it has arrived whole
    GET  /WORLD/TARGET                     {"percent": 5}
    POST /WORLD         {"mode": "hang"}   misbehave from now on; and {"percent": 5, "target": ..} to begin somewhere
    GET  /WORLD                            every write that arrived, in order

A write takes effect `lag_s` after it was counted, as at a backend that takes its time.
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
"""Between two bytes of an answer that drips."""


SLOW_S = 0.25
_FOR_EVER_S = 3600.0


class Mode(StrEnum):
    """How writes, and with `reads` also reads, are answered."""

    FINE = "fine"
    REFUSE = "refuse"
    """403; not done."""
    HANG = "hang"
    """Never; not done."""
    DRIP = "drip"
    """Done, and a byte of the answer now and then."""
    BROKEN = "broken"
    """Done, and 500."""
    RESET = "reset"
    """Done, and the connection is reset instead of an answer."""
    GARBAGE = "garbage"
    """Done, and the answer is not JSON."""
    SLOW = "slow"
    """Done, and answered properly after `SLOW_S`."""


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
    """What one rollout drives; `percent` by target."""

    percent: dict[str, float] = field(default_factory=dict)
    writes: list[Write] = field(default_factory=list)
    mode: Mode = Mode.FINE
    reads: bool = False
    """Reads misbehave too."""
    lag_s: float = 0.0


class Fake:
    """The server as seen from outside."""

    def __init__(self, url: str) -> None:
        self.url = url

    def tell(self, world: str, **what: object) -> None:
        """`mode`, `reads`, `lag_s`; or `target` and `percent`."""
        self._ask("POST", world, json.dumps(what).encode())

    def writes(self, world: str) -> list[Write]:
        """Every write that arrived so far."""
        return [Write(**entry) for entry in json.loads(self._ask("GET", world))]

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        asked = Request(f"{self.url}/{path}", data=body, method=method)  # noqa: S310 - http, to ourselves
        with urlopen(asked, timeout=10) as answer:  # noqa: S310
            found: bytes = answer.read()
        return found


@contextlib.contextmanager
def fake() -> Iterator[Fake]:
    """The server, which ends with the block, or with this process whatever becomes of it."""
    command = [sys.executable, "-c", "from tests.bench.faults.fake import serve; serve()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            port = int(process.stdout.readline()) if process.stdout is not None else 0
            yield Fake(f"http://127.0.0.1:{port}")
        finally:
            process.kill()


def serve() -> None:
    """Say the port on stdout and serve until stdin ends."""
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
            if not await _answer(world, method, target, body, headers.get("traceparent", ""), writer):
                return
    except (ConnectionError, asyncio.IncompleteReadError):
        return  # whoever asked hung up, or was killed
    finally:
        writer.close()


async def _answer(
    world: _World, method: str, target: str, body: bytes, trace: str, writer: asyncio.StreamWriter
) -> bool:
    """Answer one request; whether the connection goes on."""
    if not target:
        _told(world, json.loads(body)) if method == "POST" else None
        return _send(writer, 200, [_plain(write) for write in world.writes])
    mode = world.mode if method == "PUT" or world.reads else Mode.FINE
    if method == "PUT":
        percent = float(json.loads(body)["percent"])
        world.writes.append(Write(one_line(target), percent, trace.split("-")[1] if "-" in trace else "", time.time()))
        if mode not in (Mode.REFUSE, Mode.HANG):
            _take_effect(world, target, percent)
    reads = {"percent": world.percent.get(target, 0.0)}
    match mode:
        case Mode.SLOW:
            await asyncio.sleep(SLOW_S)
            return _send(writer, 200, reads)
        case Mode.FINE:
            return _send(writer, 200, reads)
        case Mode.REFUSE:
            return _send(writer, 403, {"error": "frozen by change management"})
        case Mode.BROKEN:
            return _send(writer, 500, {"error": "no leader"})
        case Mode.GARBAGE:
            return _send(writer, 200, None, raw=b"<html>It works!</html>")
        case Mode.RESET:
            wire = writer.get_extra_info("socket")
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return False
        case Mode.HANG:
            await asyncio.sleep(_FOR_EVER_S)
        case Mode.DRIP:
            for byte in _answer_bytes(200, json.dumps(reads).encode()):
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(DRIP_S)
    return True


def _take_effect(world: _World, target: str, percent: float) -> None:
    if world.lag_s:
        asyncio.get_running_loop().call_later(world.lag_s, world.percent.__setitem__, target, percent)
    else:
        world.percent[target] = percent


def _told(world: _World, what: dict[str, object]) -> None:
    if "target" in what:
        world.percent[str(what["target"])] = float(str(what["percent"]))
        return
    world.mode = Mode(str(what.get("mode", world.mode)))
    world.reads = bool(what.get("reads", world.reads))
    world.lag_s = float(str(what.get("lag_s", world.lag_s)))


def _plain(write: Write) -> dict[str, object]:
    """A write as JSON values."""
    return {"target": write.target, "percent": write.percent, "trace": write.trace, "at": write.at}


def _send(writer: asyncio.StreamWriter, status: int, value: object, *, raw: bytes | None = None) -> bool:
    writer.write(_answer_bytes(status, json.dumps(value).encode() if raw is None else raw))
    return True


def _answer_bytes(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
        status,
        len(body),
        body,
    )
