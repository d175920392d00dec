"""The HTTP server of the gates: a bounded question in, a code and a line out, and a no for everything else."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import cast

import httpx
import pytest

from console import gate_server
from console.cli.gates import GateAddress, GateFront, parse_address
from console.engine.engine import Engine
from console.engine.gate_webhooks import GateResponse
from console.gate_server import LARGEST_BYTES, MOST_CONNECTIONS, GateServer

Asked = list[tuple[str, bytes, str | None]]


@asynccontextmanager
async def gatehouse(code: int = 200, text: str = "yes") -> AsyncIterator[tuple[str, Asked]]:
    """A gatehouse on a free port; what it was asked."""
    asked: Asked = []

    async def answer(gate: str, body: bytes, token: str | None) -> tuple[int, str]:
        asked.append((gate, body, token))
        return code, text

    house = GateServer(answer)
    port = await house.listen("127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{port}", asked
    finally:
        await house.aclose()


class Deliberate:
    """Answers with yes, but only once it is told to."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self._asked = 0
        self._more = asyncio.Condition()

    async def __call__(self, gate: str, body: bytes, token: str | None) -> tuple[int, str]:
        async with self._more:
            self._asked += 1
            self._more.notify_all()
        await self.over.wait()
        return 200, "yes"

    async def waiting(self, number: int) -> None:
        """Returns once so many have asked."""
        async with asyncio.timeout(10), self._more:
            await self._more.wait_for(lambda: self._asked >= number)


@asynccontextmanager
async def knock(url: str, sent: bytes = b"") -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection that is held open."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(sent)
        yield reader, writer
    finally:
        writer.transport.abort()


async def drip(writer: asyncio.StreamWriter, chunks: Iterable[bytes], rest_s: float) -> None:
    """Send a little now and then, for as long as it is taken."""
    for chunk in chunks:
        writer.write(chunk)
        await asyncio.sleep(rest_s)


async def ended(reader: asyncio.StreamReader) -> bool:
    """Returns once the other side has hung up."""
    with suppress(ConnectionError):
        return await reader.read() == b""
    return True


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

    house = GateServer(answer)
    try:
        port = await house.listen("127.0.0.1", 0)
        async with httpx.AsyncClient() as client:
            reply = await client.post(f"http://127.0.0.1:{port}/flagger/rollback?token=s3cret", content=b"{}")
        assert (reply.status_code, reply.text) == (500, "no: RuntimeError\n")
    finally:
        await house.aclose()


QUESTION = b"POST /flagger/rollback HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
BEGUN = [b"", b"POST /fl", QUESTION[:-1]]


@pytest.mark.parametrize("sent", BEGUN, ids=["nothing", "part of a line", "part of a body"])
async def test_who_does_not_come_to_the_point_is_cut_off(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(gate_server, "REQUEST_S", 0.05)
    async with gatehouse() as (url, asked):
        assert await asyncio.wait_for(raw(url, sent), 10) == b""
        assert asked == []


async def test_who_asks_byte_by_byte_has_no_longer_than_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate_server, "REQUEST_S", 0.2)
    async with gatehouse() as (url, asked), knock(url) as (reader, writer):
        dripping = asyncio.create_task(drip(writer, itertools.repeat(b"A"), 0.01))
        assert await asyncio.wait_for(ended(reader), 10)
        dripping.cancel()
        assert asked == []


async def test_an_answer_may_take_longer_than_a_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate_server, "REQUEST_S", 1.0)
    house = GateServer(deliberate := Deliberate())
    try:
        url = f"http://127.0.0.1:{await house.listen('127.0.0.1', 0)}"
        asking = asyncio.create_task(raw(url, QUESTION))
        await deliberate.waiting(1)
        await asyncio.sleep(1.2)
        deliberate.over.set()
        assert b"200" in await asking
    finally:
        await house.aclose()


async def test_a_crowd_that_says_nothing_makes_room_for_who_asks() -> None:
    async with gatehouse() as (url, asked), AsyncExitStack() as stack:
        crowd = [await stack.enter_async_context(knock(url, BEGUN[n % 3])) for n in range(MOST_CONNECTIONS)]
        assert b"200" in await asyncio.wait_for(raw(url, QUESTION), 10)
        assert await asyncio.wait_for(ended(crowd[0][0]), 10)
        assert not any(reader.at_eof() for reader, _ in crowd[1:])
        assert len(asked) == 1


async def test_a_crowd_that_comes_again_and_again_keeps_nobody_from_asking() -> None:
    async with gatehouse() as (url, asked), AsyncExitStack() as stack:
        for _ in range(4):
            for n in range(MOST_CONNECTIONS + 1):
                _, writer = await stack.enter_async_context(knock(url, BEGUN[n % 2]))
                task = asyncio.create_task(drip(writer, itertools.repeat(b"A"), 0.05))
                stack.callback(task.cancel)
            assert b"200" in await asyncio.wait_for(raw(url, QUESTION), 10)
        assert len(asked) == 4


async def test_who_is_being_answered_is_not_sent_away_for_who_comes_later() -> None:
    house = GateServer(deliberate := Deliberate())
    try:
        url = f"http://127.0.0.1:{await house.listen('127.0.0.1', 0)}"
        asking = [asyncio.create_task(raw(url, QUESTION)) for _ in range(MOST_CONNECTIONS)]
        await deliberate.waiting(MOST_CONNECTIONS)
        assert await asyncio.wait_for(raw(url, QUESTION), 10) == b""
        deliberate.over.set()
        assert all(b"200" in answer for answer in await asyncio.gather(*asking))
    finally:
        await house.aclose()


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
        ("22800", GateAddress("127.0.0.1", 22800), True),
        (":22800", GateAddress("127.0.0.1", 22800), True),
        ("localhost:1", GateAddress("localhost", 1), True),
        ("10.0.0.5:22800", GateAddress("10.0.0.5", 22800), False),
        ("[::1]:22800", GateAddress("::1", 22800), True),
        ("0.0.0.0:0", GateAddress("0.0.0.0", 0), False),
        ("warroom.ops:80", GateAddress("warroom.ops", 80), False),
    ],
)
def test_an_address_without_a_host_is_this_machine(text: str, found: GateAddress, private: bool) -> None:
    assert (parse_address(text), parse_address(text).is_private) == (found, private)


@pytest.mark.parametrize("text", ["", "host", "host:", "host:x", "host:-1", "host:70000", "1:2:x"])
def test_an_address_that_is_none_is_one_line(text: str) -> None:
    with pytest.raises(ValueError, match="is not PORT or ADDRESS:PORT"):
        parse_address(text)


async def test_while_no_rollout_is_open_every_answer_is_no() -> None:
    assert await GateFront().answer("rollback", b"", None) == (403, "not now: no rollout is open")


class Door:
    """An engine that answers as it is told to."""

    def __init__(self) -> None:
        self.said = GateResponse(403, "not now: nobody has promoted it", "web")
        self.gate_responder = self

    async def answer(self, gate: str, body: bytes, token: str | None) -> GateResponse:
        return self.said


async def heard(*answers: tuple[str, GateResponse]) -> list[str]:
    """What a watch prints of these answers at gates, in order."""
    desk, engine, lines = GateFront(), Door(), list[str]()
    desk.attach(cast(Engine, engine), lines.append)
    for gate, engine.said in answers:
        assert await desk.answer(gate, b"", None) == (engine.said.code, engine.said.text)
    return lines


def no(reason: str, target: str = "web") -> GateResponse:
    return GateResponse(403, f"not now: {reason}", target)


YES = GateResponse(200, "yes: promoted to step 2", "web")


async def test_a_no_is_told_once_per_gate_and_again_when_its_reason_changes() -> None:
    asked = no("nobody has promoted it")
    assert await heard(
        ("confirm-rollout", asked),
        ("confirm-rollout", asked),
        ("rollback", no("no rollback was decided")),
        ("confirm-rollout", no("halted")),
        ("confirm-rollout", no("halted")),
        ("confirm-rollout", no("halted", "cart")),
        ("confirm-rollout", asked),
    ) == [
        "gate: web: confirm-rollout answered no: nobody has promoted it",
        "gate: web: rollback answered no: no rollback was decided",
        "gate: web: confirm-rollout answered no: halted",
        "gate: cart: confirm-rollout answered no: halted",
        "gate: web: confirm-rollout answered no: nobody has promoted it",
    ]


async def test_a_yes_is_told_by_the_log_and_the_no_after_it_is_told_anew() -> None:
    asked = no("it stands where it was promoted to")
    lines = await heard(("confirm-rollout", asked), ("confirm-rollout", YES), ("confirm-rollout", asked))
    assert len(lines) == 2


async def test_a_measurement_that_moves_is_no_other_reason_but_another_version_is() -> None:
    moving = [no(f"errors FAIL: {ratio}x as many, odds {odds} at {share} %") for ratio, odds, share in MOVING]
    assert len(await heard(*(("confirm-promotion", said) for said in moving))) == 1
    swapped = [no(f"it asks for cart:{tag} (template {tag}{tag}) now") for tag in (2, 3)]
    assert len(await heard(*(("confirm-rollout", said) for said in swapped))) == 2


MOVING = [(2.1, 31, 5.0), (3.75, 1200, 5.5), (10, 4.5, 12)]


async def test_who_asks_about_nothing_of_ours_is_told_once_whatever_gates_it_names() -> None:
    unknown, senseless = (
        GateResponse(404, "not a target of this plan"),
        GateResponse(400, "not a webhook call of Flagger"),
    )
    assert await heard(("a", unknown), ("b", unknown), ("c", senseless), ("d", unknown)) == [
        "gate: a question at a answered no: not a target of this plan",
        "gate: a question at c answered no: not a webhook call of Flagger",
    ]


async def test_the_next_rollout_begins_with_nothing_said() -> None:
    desk, lines = GateFront(), list[str]()
    for _ in range(2):
        desk.attach(cast(Engine, Door()), lines.append)
        await desk.answer("rollback", b"", None)
        desk.detach()
        assert (await desk.answer("rollback", b"", None))[1] == "not now: no rollout is open"
    assert len(lines) == 2


TLS_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)
BAD = (b"", b"\r\n", TLS_HELLO, b"\x00" * 20_000, b"POST /flagger/rollback HTTP/1.1\r\n" + b"A: b\r\n" * 5000, b"GET ")


async def test_questions_are_answered_while_600_bad_connections_come_and_one_line_counts_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with gatehouse() as (url, asked), AsyncExitStack() as stack:
        for n in range(600):
            await stack.enter_async_context(knock(url, BAD[n % len(BAD)]))
            if n % 100 == 99:
                assert b"200" in await asyncio.wait_for(raw(url, QUESTION), 10)
        assert len(asked) == 6
    logged = [record.getMessage() for record in caplog.records if record.levelname in ("WARNING", "ERROR", "CRITICAL")]
    assert len(logged) == 1 and logged[0].startswith("gate port: ")
    assert all(record.exc_info is None for record in caplog.records)


async def test_who_does_not_take_the_answer_holds_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate_server, "CLOSING_S", 0.1)
    monkeypatch.setattr(gate_server, "CONNECTION_S", 0.5)
    monkeypatch.setattr(gate_server, "MOST_CONNECTIONS", 1)
    async with gatehouse(text="x" * 20_000_000) as (url, asked), knock(url, QUESTION) as (_reader, writer):
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        for _ in range(400):
            if asked:
                break
            await asyncio.sleep(0.01)
        assert await raw(url, QUESTION) == b""
        for _ in range(200):
            if b"200" in (await raw(url, QUESTION))[:20]:
                break
            await asyncio.sleep(0.05)
        assert len(asked) == 2
