"""Credentials that change while we run, and answers without an end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from adapters.contract import AuthFailed, BadReply, Cut, NotSent, Permit, TimedOut, Unreachable
from adapters.testing import SECRET, Request, Server, answer, serving
from adapters.transport import Credentials, HttpOptions, Identity, Transport


class Renewing:
    """Gives token-1 until it is refused, then token-2, ..."""

    def __init__(self, *, renews: bool = True) -> None:
        self.number = 1
        self.renews = renews
        self.waiting: str | None = None
        self.hangs = False

    async def credentials(self, verb: str) -> Credentials:
        if self.hangs:
            self.waiting = "the login plugin x has not answered yet"
            await asyncio.Event().wait()
        return Credentials(
            f"Bearer token-{self.number}", extra_headers=(("Impersonate-Group", "a"), ("Impersonate-Group", "b"))
        )

    def reject(self, shown: Credentials, verb: str) -> bool:
        self.number += self.renews
        return self.renews


_open: list[Transport] = []


@pytest.fixture(autouse=True)
async def closes_transports() -> AsyncIterator[None]:
    """No test leaves a connection that fails a later one by its warning."""
    yield
    while _open:
        await _open.pop().aclose()


def transport(server: Server, identity: Identity, *, deadline_s: float = 5.0) -> Transport:
    made = Transport(
        "src", HttpOptions(url=server.url), identity=identity, read_deadline_s=deadline_s, write_deadline_s=deadline_s
    )
    _open.append(made)
    return made


async def only_token_2(request: Request, writer: asyncio.StreamWriter) -> None:
    known = request.headers.get("authorization") == "Bearer token-2"
    writer.write(answer(200 if known else 401, b"{}"))
    await writer.drain()


def shown(server: Server) -> list[str]:
    return [request.headers["authorization"] for request in server.requests]


async def test_a_read_that_is_refused_is_sent_once_more_with_new_credentials() -> None:
    async with serving(only_token_2) as server:
        await transport(server, Renewing()).read("GET", "/x")
    assert shown(server) == ["Bearer token-1", "Bearer token-2"]


async def test_a_read_is_not_sent_again_where_no_other_credentials_can_be_had() -> None:
    async with serving(only_token_2) as server:
        with pytest.raises(AuthFailed):
            await transport(server, Renewing(renews=False)).read("GET", "/x")
    assert shown(server) == ["Bearer token-1"]


async def test_a_read_is_refused_twice_and_then_given_up() -> None:
    identity = Renewing()
    identity.number = 5
    async with serving(only_token_2) as server:
        with pytest.raises(AuthFailed):
            await transport(server, identity).read("GET", "/x")
    assert shown(server) == ["Bearer token-5", "Bearer token-6"]


async def test_a_write_that_is_refused_is_not_sent_again_but_the_next_one_shows_new_credentials() -> None:
    async with serving(only_token_2) as server:
        client = transport(server, Renewing())
        with pytest.raises(AuthFailed):
            await client.write("PATCH", "/x", permit=Permit(""), verb="abort", json={})
        assert shown(server) == ["Bearer token-1"]
        await client.write("PATCH", "/x", permit=Permit(""), verb="abort", json={})
    assert shown(server) == ["Bearer token-1", "Bearer token-2"]


async def test_a_write_sends_the_content_type_it_is_given() -> None:
    async with serving(only_token_2) as server:
        identity = Renewing()
        identity.number = 2
        client = transport(server, identity)
        await client.write(
            "PATCH", "/x", permit=Permit(""), verb="abort", json=[], content_type="application/json-patch+json"
        )
    assert server.requests[0].headers["content-type"] == "application/json-patch+json"
    assert server.requests[0].body == b"[]"


async def test_a_call_that_waited_in_vain_for_its_credentials_says_so_and_sent_nothing() -> None:
    identity = Renewing()
    identity.hangs = True
    async with serving(only_token_2) as server:
        with pytest.raises(Unreachable, match="not sent: the login plugin x has not answered yet") as caught:
            await transport(server, identity, deadline_s=0.2).write("PATCH", "/x", permit=Permit(""), verb="abort")
    assert isinstance(caught.value, NotSent)
    assert server.requests == []


async def test_credentials_that_came_later_are_kept_out_of_errors_too() -> None:
    class Secretive(Renewing):
        async def credentials(self, verb: str) -> Credentials:
            return Credentials(f"Bearer {SECRET}")

    async def echoes(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(400, request.headers["authorization"].encode(), kind="text/plain"))
        await writer.drain()

    async with serving(echoes) as server:
        client = transport(server, Secretive())
        with pytest.raises(Exception, match=r"\*\*\*") as caught:
            await client.read("GET", "/x")
    assert SECRET not in str(caught.value) + repr(client)


# -- answers without an end ------------------------------------------------------------------------------------------

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def two_lines_in_three_pieces(_: Request, writer: asyncio.StreamWriter) -> None:
    for piece in (HEAD, chunk(b'{"a"'), chunk(b':1}\n\n{"b":'), chunk(b"2}\n"), chunk(b"")):
        writer.write(piece)
        await writer.drain()


async def one_line_then_nothing(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + chunk(b"{}\n"))
    await writer.drain()
    await asyncio.sleep(60)


async def one_line_then_gone(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + chunk(b"{}\n"))
    await writer.drain()


async def a_line_without_an_end(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD)
    for _piece in range(200):
        writer.write(chunk(b"x" * 65536))
        await writer.drain()


async def followed(server: Server, *, silence_s: float = 5.0) -> tuple[list[bytes], int]:
    """(lines, how often it was said to be open)."""
    opened: list[None] = []
    told: list[bytes] = []
    client = transport(server, Renewing())
    async with aclosing(client.follow("/x", silence_s=silence_s, opened=lambda: opened.append(None))) as lines:
        async for line in lines:
            told.append(line)
    await client.aclose()
    return told, len(opened)


async def test_lines_come_whole_however_they_were_cut() -> None:
    async with serving(two_lines_in_three_pieces) as server:
        assert await followed(server) == ([b'{"a":1}', b'{"b":2}'], 1)


async def test_a_stream_that_falls_silent_times_out() -> None:
    async with serving(one_line_then_nothing) as server:
        with pytest.raises(TimedOut, match=r"no data for 0\.3 s"):
            await followed(server, silence_s=0.3)


async def test_a_stream_that_breaks_off_is_cut() -> None:
    async with serving(one_line_then_gone) as server:
        with pytest.raises(Cut):
            await followed(server)


async def test_a_line_without_an_end_is_not_kept() -> None:
    async with serving(a_line_without_an_end) as server:
        with pytest.raises(BadReply, match="a line of the answer is too large"):
            await followed(server)


async def test_a_stream_that_is_refused_is_refused_like_any_read() -> None:
    async with serving(only_token_2) as server:
        with pytest.raises(AuthFailed):
            await followed(server)
