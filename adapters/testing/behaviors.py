"""Ways in which a server misbehaves, each with the error that an adapter must make of it."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from adapters.contract import (
    AuthFailed,
    BackendError,
    BadReply,
    Cut,
    Forbidden,
    Missing,
    Moved,
    ServerFailed,
    Throttled,
    TimedOut,
    Unreachable,
)
from adapters.testing.server import Request, Serve, answer

TOKEN_ENV = "WARROOM_CONTRACT_TOKEN"
"""Environment variable that holds the backend's secret during the suite."""
SECRET = "s3cr3t/t0ken+with=signs"
EVIL = "first line\nsecond \x1b]52;c;aGVsbG8=\x07 \x1b[2J \u202egnp.exe \x00\x9b31m end"
"""Text that acts on a terminal: OSC 52, clear screen, a bidi override."""


@dataclass(frozen=True)
class Bad:
    """One way to misbehave, and the error that it must become."""

    name: str
    expected: type[BackendError]
    serve: Serve | None
    """None: the port refuses connections."""
    deadline_s: float = 5.0
    """Read and write deadline of the backend that meets it."""

    def __str__(self) -> str:
        return self.name


def error_body(text: str) -> bytes:
    """Encode an error body with `text` in every place where a known backend puts its words."""
    return json.dumps({"status": "error", "error": text, "message": text, "details": [{"message": text}]}).encode()


def _sends(made: Callable[[Request], bytes]) -> Serve:
    async def serve(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(made(request))
        await writer.drain()

    return serve


def _says(status: int, body: bytes = b"{}", **more: str) -> Serve:
    return _sends(lambda _: answer(status, body, **more))


def _token_echo(request: Request) -> bytes:
    seen = request.headers.get("authorization", "")
    text = f"{SECRET} {quote(SECRET, safe='')} {seen} {SECRET[:5]}\x1b{SECRET[5:]}"
    return answer(403, error_body(text), headers=f"X-Seen: {seen}\r\n")


def _plain_token_echo(request: Request) -> bytes:
    text = f"{SECRET[:5]}\x1b{SECRET[5:]} {'.' * 150} {request.headers.get('authorization', '')}"
    return answer(403, text.encode(), kind="text/plain")


async def _never_answers(_: Request, __: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def _drips(_: Request, writer: asyncio.StreamWriter) -> None:
    for byte in answer(200, b"{" + b" " * 1000 + b"}"):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.25)


async def _is_huge(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10485762\r\n\r\n[")
    for _chunk in range(160):
        writer.write(b" " * 65536)
        await writer.drain()
    writer.write(b"]")


async def _resets(_: Request, writer: asyncio.StreamWriter) -> None:
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


_HALF = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
_HTML = b"<!doctype html><html><body>Please log in</body></html>"

BAD = (
    Bad("401", AuthFailed, _says(401, error_body("token expired"))),
    Bad("403", Forbidden, _says(403, error_body("no permission"))),
    Bad("404", Missing, _says(404, b"404 page not found", kind="text/plain")),
    Bad("409", Moved, _says(409, error_body("version mismatch"))),
    Bad("429 with Retry-After", Throttled, _says(429, error_body("slow down"), headers="Retry-After: 30\r\n")),
    Bad("500", ServerFailed, _says(500, error_body("boom"))),
    Bad("503 for longer than we wait", ServerFailed, _says(503, b"", headers="Retry-After: 30\r\n")),
    Bad("redirect to a login page", BadReply, _says(302, b"", headers="Location: http://sso.test/login?next=x\r\n")),
    Bad("HTML with 200", BadReply, _says(200, _HTML, kind="text/html")),
    Bad("garbage with 200", BadReply, _says(200, b"{\x00not json")),
    Bad("huge body", BadReply, _is_huge),
    Bad("not HTTP", Cut, _sends(lambda _: b"\x00\xff\x16not http at all\r\n\r\n")),
    Bad("reset after send", Cut, _resets),
    Bad("body breaks off", Cut, _sends(lambda _: _HALF)),
    Bad("connect refused", Unreachable, None, deadline_s=0.4),
    Bad("never answers", TimedOut, _never_answers, deadline_s=0.4),
    Bad("slow drip", TimedOut, _drips, deadline_s=0.6),
    Bad("control characters", Forbidden, _says(403, error_body(EVIL))),
    Bad("control characters in plain text", Forbidden, _says(403, EVIL.encode(), kind="text/plain")),
    Bad("echoes the token", Forbidden, _sends(_token_echo)),
    Bad("echoes the token in plain text", Forbidden, _sends(_plain_token_echo)),
)
NEVER_ANSWERS = next(bad for bad in BAD if bad.serve is _never_answers)
