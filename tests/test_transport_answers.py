"""What the transport makes of answers: size, compression, JSON, redirects, refusals."""

from __future__ import annotations

import asyncio
import gzip

import httpx
import pytest

from adapters.contract import AuthFailed, BadReply
from adapters.testing import SECRET, TOKEN_ENV, Request, answer, context, serving
from adapters.transport import HttpOptions, Transport
from tests.transport_rig import connect, reads, reads_json, stubbed


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_ENV, SECRET)


async def test_an_answer_of_exactly_the_cap_is_taken() -> None:
    reply = await reads(stubbed(lambda _: httpx.Response(200, content=b"x" * 1000)))
    assert len(reply.body) == 1000


async def test_a_small_gzip_of_a_huge_body_is_too_large() -> None:
    packed = gzip.compress(b"0" * 50_000_000)
    headers = {"content-encoding": "gzip"}
    with pytest.raises(BadReply, match="answer larger than"):
        await reads(stubbed(lambda _: httpx.Response(200, stream=httpx.ByteStream(packed), headers=headers)))


async def test_a_gzip_answer_is_unpacked() -> None:
    async def packed(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(200, gzip.compress(b'{"a": 1}'), headers="Content-Encoding: gzip\r\n"))
        await writer.drain()

    async with serving(packed) as server:
        transport = connect(server.url, context())
        assert await reads_json(transport) == {"a": 1}
        await transport.aclose()


async def test_an_encoding_that_was_not_requested_is_a_bad_reply() -> None:
    headers = {"content-encoding": "br"}
    with pytest.raises(BadReply, match="compression"):
        await reads(stubbed(lambda _: httpx.Response(200, stream=httpx.ByteStream(b"x"), headers=headers)))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "empty answer"),
        (b"  <html>", "HTML where JSON"),
        (b"nope", "not JSON"),
        (b"[" * 200_000, "not JSON"),
    ],
)
async def test_a_body_that_is_not_json_is_reported_in_one_line(body: bytes, said: str) -> None:
    reply = await reads(stubbed(lambda _: httpx.Response(200, content=body), max_bytes=1_000_000))
    with pytest.raises(BadReply, match=said):
        reply.json()


async def test_a_redirect_is_not_followed_and_names_where_it_points_without_its_query() -> None:
    headers = {"location": "https://sso.test/login?state=abc"}
    with pytest.raises(BadReply, match=r"answered 302: redirects to https://sso\.test/login \(a login page"):
        await reads(stubbed(lambda _: httpx.Response(302, headers=headers)))


async def test_a_refusal_with_an_endless_body_is_still_that_refusal() -> None:
    async def drips(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 401 X\r\nContent-Length: 9999\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.1)

    async with serving(drips) as server:
        transport = connect(server.url, context())
        with pytest.raises(AuthFailed):
            await reads(transport)
        await transport.aclose()


async def test_an_explainer_that_chokes_leaves_the_status() -> None:
    def chokes(_: bytes) -> str | None:
        raise KeyError("error")

    transport = Transport(
        "src",
        HttpOptions(url="http://backend.test"),
        authorization=None,
        read_deadline_s=1,
        write_deadline_s=1,
        explain=chokes,
        client=httpx.MockTransport(lambda _: httpx.Response(401, text="x")),
    )
    with pytest.raises(AuthFailed, match="answered 401"):
        await reads(transport)
