"""The HTTP server of the gates: a bounded question in, a code and a line out, and a no for everything else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx
import pytest

from console.cli.gates import Address, Desk, address
from console.gatehouse import server
from console.gatehouse.server import LARGEST_BYTES, MOST, Gatehouse

Asked = list[tuple[str, bytes, str | None]]


@asynccontextmanager
async def gatehouse(code: int = 200, text: str = "yes") -> AsyncIterator[tuple[str, Asked]]:
    """A gatehouse on a free port; what it was asked."""
    asked: Asked = []

    async def answer(gate: str, body: bytes, token: str | None) -> tuple[int, str]:
        asked.append((gate, body, token))
        return code, text

    house = Gatehouse(answer)
    port = await house.listen("127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{port}", asked
    finally:
        await house.aclose()


async def raw(url: str, sent: bytes) -> bytes:
    """What comes back for bytes as they are."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(sent)
        with suppress(ConnectionError):
            await writer.drain()
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_a_question_is_answered_with_a_code_and_a_line() -> None:
    async with gatehouse(403, "not now: halted") as (url, asked), httpx.AsyncClient() as client:
        reply = await client.post(f"{url}/flagger/confirm-promotion", json={"name": "web"})
        assert (reply.status_code, reply.text) == (403, "not now: halted\n")
        assert reply.headers["connection"] == "close"
        assert asked == [("confirm-promotion", b'{"name":"web"}', None)]


@pytest.mark.parametrize(
    ("suffix", "headers", "token"),
    [
        ("", {"Authorization": "Bearer s3cret"}, "s3cret"),
        ("", {"authorization": "bearer  s3cret"}, "s3cret"),
        ("?token=s3cret", {}, "s3cret"),
        ("/?token=s3cret", {}, "s3cret"),
        ("?" + "&".join("a=b" for _ in range(50)), {}, None),
        ("", {"Authorization": "Basic abc"}, None),
    ],
)
async def test_a_token_comes_in_the_header_or_in_the_address(
    suffix: str, headers: dict[str, str], token: str | None
) -> None:
    async with gatehouse() as (url, asked), httpx.AsyncClient() as client:
        await client.post(f"{url}/flagger/rollback{suffix}", content=b"{}", headers=headers)
        assert asked[0][2] == token


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/flagger/rollback", 405),
        ("POST", "/", 404),
        ("POST", "/flagger/", 404),
        ("POST", "/flagger/a/b", 404),
        ("POST", "/flagger/ROLLBACK", 404),
        ("POST", "/flagger/" + "a" * 41, 404),
        ("POST", "//flagger/rollback", 404),
    ],
)
async def test_what_is_no_gate_is_not_asked_of_anybody(method: str, path: str, code: int) -> None:
    async with gatehouse() as (url, asked), httpx.AsyncClient() as client:
        assert (await client.request(method, f"{url}{path}")).status_code == code
        assert asked == []


async def test_a_question_that_is_too_large_is_not_read_to_its_end() -> None:
    async with gatehouse() as (url, asked), httpx.AsyncClient() as client:
        with suppress(httpx.WriteError):
            reply = await client.post(f"{url}/flagger/rollback", content=b"x" * (LARGEST_BYTES + 1))
            assert reply.status_code == 413
        assert asked == []


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"POST /flagger/rollback HTTP/1.1\r\n\r\n",
        b"POST /flagger/rollback HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /flagger/rollback HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
        b"POST /flagger/rollback HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: sideways\r\n\r\n",
        b"POST /flagger/rollback HTTP/1.1\r\n" + b"A: b\r\n" * 20_000 + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
    ],
    ids=["no HTTP", "no host", "negative length", "two lengths", "unknown coding", "endless headers", "TLS"],
)
async def test_what_is_no_http_is_no(sent: bytes) -> None:
    async with gatehouse() as (url, asked):
        answer = await asyncio.wait_for(raw(url, sent + b"\r\n\r\n"), 20)
        assert answer == b"" or answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 431", b"HTTP/1.1 501"))
        assert asked == []


@pytest.mark.parametrize("target", ["//[::1", "http://[x/flagger/rollback", "/flagger/rollback%00", "*"])
async def test_a_target_that_is_no_address_is_no(target: str) -> None:
    async with gatehouse() as (url, asked):
        answer = await raw(url, f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 404")
        assert asked == []


async def test_a_fault_of_ours_is_no_and_says_which() -> None:
    async def answer(gate: str, body: bytes, token: str | None) -> tuple[int, str]:
        raise RuntimeError(f"{gate} {body!r} {token}")

    house = Gatehouse(answer)
    try:
        port = await house.listen("127.0.0.1", 0)
        async with httpx.AsyncClient() as client:
            reply = await client.post(f"http://127.0.0.1:{port}/flagger/rollback?token=s3cret", content=b"{}")
        assert (reply.status_code, reply.text) == (500, "no: RuntimeError\n")
    finally:
        await house.aclose()


async def test_who_says_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "PATIENCE_S", 0.05)
    async with gatehouse() as (url, asked):
        assert await raw(url, b"POST /flagger/rollback HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc") == b""
        assert asked == []


async def test_a_crowd_is_let_in_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async with gatehouse() as (url, _asked):
        host, _, port = url.removeprefix("http://").partition(":")
        crowd = [await asyncio.open_connection(host, int(port)) for _ in range(MOST)]
        assert await raw(url, b"POST /flagger/rollback HTTP/1.1\r\nHost: x\r\n\r\n") == b""
        for _, writer in crowd:
            writer.close()


async def test_closing_leaves_nobody_waiting() -> None:
    async with gatehouse() as (url, _asked):
        host, _, port = url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /flagger/rollback HTTP/1.1\r\n")
    with suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()


@pytest.mark.parametrize(
    ("text", "found", "private"),
    [
        ("22800", Address("127.0.0.1", 22800), True),
        (":22800", Address("127.0.0.1", 22800), True),
        ("localhost:1", Address("localhost", 1), True),
        ("10.0.0.5:22800", Address("10.0.0.5", 22800), False),
        ("[::1]:22800", Address("::1", 22800), True),
        ("0.0.0.0:0", Address("0.0.0.0", 0), False),
        ("warroom.ops:80", Address("warroom.ops", 80), False),
    ],
)
def test_an_address_without_a_host_is_this_machine(text: str, found: Address, private: bool) -> None:
    assert (address(text), address(text).is_private) == (found, private)


@pytest.mark.parametrize("text", ["", "host", "host:", "host:x", "host:-1", "host:70000", "1:2:x"])
def test_an_address_that_is_none_is_one_line(text: str) -> None:
    with pytest.raises(ValueError, match="is not PORT or ADDRESS:PORT"):
        address(text)


async def test_while_no_rollout_is_open_every_answer_is_no() -> None:
    assert await Desk().answer("rollback", b"", None) == (403, "not now: no rollout is open")
