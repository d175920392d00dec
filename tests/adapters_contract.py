"""What every HTTP adapter must survive: a real loopback server that misbehaves in each known way.

Not collected by itself; an adapter's test runs itself through it:

    @pytest.mark.parametrize("bad", BAD, ids=str)
    async def test_a_bad_backend_is_one_plain_error(bad, monkeypatch):
        monkeypatch.setenv(TOKEN_ENV, SECRET)
        await check_call(bad, connect, call)

where `connect(url, context)` builds the adapter's backend (its options take `token: {env: TOKEN_ENV}`) and
`call(backend)` awaits one read or one write.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
import traceback
import unicodedata
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import pytest

from adapters.contract import (
    AuthFailed,
    Backend,
    BackendError,
    BadReply,
    Context,
    Cut,
    Forbidden,
    Missing,
    Moved,
    ServerFailed,
    Throttled,
    TimedOut,
    Unreachable,
)
from tests.loopback import Good, Request, Serve, Server, answer, serving

__all__ = [
    "BAD",
    "EVIL",
    "NEVER_ANSWERS",
    "SECRET",
    "TOKEN_ENV",
    "Bad",
    "Good",
    "Request",
    "Serve",
    "Server",
    "WallClock",
    "answer",
    "check_call",
    "check_cancel",
    "check_no_secret",
    "check_plain",
    "context",
    "error_body",
    "serving",
]

TOKEN_ENV = "WARROOM_CONTRACT_TOKEN"
SECRET = "s3cr3t/t0ken+with=signs"
EVIL = "first line\nsecond \x1b]52;c;aGVsbG8=\x07 \x1b[2J \u202egnp.exe \x00\x9b31m end"

B = TypeVar("B", bound=Backend)


@dataclass(frozen=True)
class Bad:
    """One way to misbehave, and the error it must become."""

    name: str
    expected: type[BackendError]
    serve: Serve | None
    """None: nobody listens on the port."""
    deadline_s: float = 5.0

    def __str__(self) -> str:
        return self.name


def error_body(text: str) -> bytes:
    """`text` where the backends we know put their words."""
    return json.dumps({"status": "error", "error": text, "message": text, "details": [{"message": text}]}).encode()


def _says(status: int, body: bytes = b"{}", **more: str) -> Serve:
    async def serve(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(status, body, **more))
        await writer.drain()

    return serve


async def _echoes_the_token(request: Request, writer: asyncio.StreamWriter) -> None:
    seen = request.headers.get("authorization", "")
    text = f"{SECRET} {quote(SECRET, safe='')} {seen} {SECRET[:5]}\x1b{SECRET[5:]}"
    writer.write(answer(403, error_body(text), headers=f"X-Seen: {seen}\r\n"))
    await writer.drain()


async def _echoes_the_token_plainly(request: Request, writer: asyncio.StreamWriter) -> None:
    text = f"{SECRET[:5]}\x1b{SECRET[5:]} {'.' * 150} {request.headers.get('authorization', '')}"
    writer.write(answer(403, text.encode(), kind="text/plain"))
    await writer.drain()


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


async def _breaks_off(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
    await writer.drain()


async def _speaks_something_else(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x00\xff\x16not http at all\r\n\r\n")
    await writer.drain()


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
    Bad("not HTTP", Cut, _speaks_something_else),
    Bad("reset after send", Cut, _resets),
    Bad("body breaks off", Cut, _breaks_off),
    Bad("connect refused", Unreachable, None, deadline_s=0.4),
    Bad("never answers", TimedOut, _never_answers, deadline_s=0.4),
    Bad("slow drip", TimedOut, _drips, deadline_s=0.6),
    Bad("control characters", Forbidden, _says(403, error_body(EVIL))),
    Bad("control characters in plain text", Forbidden, _says(403, EVIL.encode(), kind="text/plain")),
    Bad("echoes the token", Forbidden, _echoes_the_token),
    Bad("echoes the token in plain text", Forbidden, _echoes_the_token_plainly),
)
NEVER_ANSWERS = next(bad for bad in BAD if bad.serve is _never_answers)


class WallClock:
    """The real clock, for adapters under test."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def context(deadline_s: float = 5.0, *, source: str = "src") -> Context:
    """What an engine would lend an adapter, with one deadline for reads and writes."""
    return Context(source, "rollout-1", WallClock(), deadline_s, deadline_s, Path())


async def check_call(
    bad: Bad,
    connect: Callable[[str, Context], B],
    call: Callable[[B], Awaitable[object]],
    *,
    good: Good | None = None,
    expected: Mapping[str, type[BackendError]] | None = None,
) -> BackendError:
    """Run one read or write against one bad behaviour and check everything the contract says about its error.

    Args:
        good: proper answers to calls that must come first (a write's own read); see `Good`.
        expected: behaviour name -> another error, where this adapter must see it otherwise.

    Returns:
        The error, for further assertions.
    """
    wanted = (expected or {}).get(bad.name, bad.expected)
    async with serving(bad.serve, good) as server:
        backend = connect(server.url, context(bad.deadline_s))
        try:
            async with asyncio.timeout(bad.deadline_s + 3.0):
                with pytest.raises(BackendError) as caught:
                    await call(backend)
        finally:
            await backend.aclose()
    error = caught.value
    assert isinstance(error, wanted), f"{bad.name}: {wanted.__name__} expected, got {error!r}"
    check_plain(error)
    check_no_secret(error, backend)
    unanswered = [request for request in server.requests if good is None or good(request) is None]
    writes = [request.path for request in unanswered if "traceparent" in request.headers]
    assert len(writes) <= 1, f"{bad.name}: a write was sent again: {writes}"
    return error


async def check_cancel(
    connect: Callable[[str, Context], B], call: Callable[[B], Awaitable[object]], *, good: Good | None = None
) -> None:
    """Cancel a call in flight: CancelledError comes out at once, as itself."""
    async with serving(NEVER_ANSWERS.serve, good) as server:
        backend = connect(server.url, context(30.0))
        task = asyncio.ensure_future(call(backend))
        try:
            async with asyncio.timeout(5.0):
                await server.reached.wait()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
        finally:
            await backend.aclose()


def check_plain(error: BackendError) -> None:
    """One bounded line that starts with the source and holds nothing that acts on a terminal."""
    line = str(error)
    assert line.startswith(f"{error.source}: ")
    assert 0 < len(error.reason) <= 650
    acting = [char for char in line if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")]
    assert not acting, f"control characters in {line!r}"


def check_no_secret(error: BackendError, backend: object) -> None:
    """The token in none of its forms, neither in the error nor in what is logged with it."""
    spoken = [str(error), repr(error), repr(backend), str(error.__cause__), *traceback.format_exception(error)]
    for form in (SECRET, quote(SECRET), quote(SECRET, safe=""), json.dumps(SECRET)[1:-1]):
        assert not any(form in text for text in spoken), f"the secret is in {spoken[:4]}"
