"""The transport against a real loopback server: every bad behaviour, retries, redaction, the permit, the trace."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from adapters.contract import Permit, ServerFailed, Throttled, Unreachable, Withdrawn
from adapters.testing import BAD, SECRET, TOKEN_ENV, Bad, answer, check_call, check_cancel, context, serving
from adapters.transport import HttpOptions, Transport, new_trace
from tests.listening import listening
from tests.transport_rig import TRACEPARENT, connect, ok, reads, reads_json, stubbed, writes_json


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_ENV, SECRET)
    monkeypatch.delenv("TRACEPARENT", raising=False)


# -- the shared contract ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", BAD, ids=str)
async def test_a_bad_backend_makes_a_read_end_in_one_plain_error(bad: Bad) -> None:
    error = await check_call(bad, connect, reads_json)
    assert error.verb == "read"


@pytest.mark.parametrize("bad", BAD, ids=str)
async def test_a_bad_backend_makes_a_write_end_in_one_plain_error_after_one_try(bad: Bad) -> None:
    error = await check_call(bad, connect, writes_json)
    assert error.verb == "promote"


@pytest.mark.parametrize("call", [reads_json, writes_json])
async def test_a_cancelled_call_ends_at_once_as_cancelled(call: Callable[[Transport], Awaitable[object]]) -> None:
    await check_cancel(connect, call)


# -- what is sent ----------------------------------------------------------------------------------------------------


async def test_a_write_carries_the_token_a_json_body_and_a_new_span_of_the_decisions_trace() -> None:
    trace = new_trace()
    async with serving(ok) as server:
        transport = connect(server.url + "/prefix/", context())
        await transport.write("PUT", "/thing", permit=Permit(trace), verb="promote", json={"weight": 5})
        await transport.aclose()
    [sent] = server.requests
    assert (sent.method, sent.path, sent.body) == ("PUT", "/prefix/thing", b'{"weight":5}')
    assert sent.headers["authorization"] == f"Bearer {SECRET}"
    assert TRACEPARENT.fullmatch(sent.headers["traceparent"])
    assert sent.headers["traceparent"].split("-")[1] == trace.split("-")[1]
    assert sent.headers["traceparent"].split("-")[2] != trace.split("-")[2]


async def test_a_read_carries_form_and_params() -> None:
    async with serving(ok) as server:
        transport = connect(server.url, context())
        reply = await transport.read("POST", "/query", params={"a": "1 2"}, form={"query": 'up{a="b"}'})
        await transport.aclose()
    [sent] = server.requests
    assert (sent.path, sent.body) == ("/query?a=1+2", b"query=up%7Ba%3D%22b%22%7D")
    assert reply.json() == {"ok": True}
    assert reply.date == datetime(2026, 11, 23, 7, 2, 18, tzinfo=UTC)


async def test_a_tenant_is_sent_as_org_id() -> None:
    async with serving(ok) as server:
        options = HttpOptions(url=server.url, org="team-a")
        transport = Transport("src", options, authorization=None, read_deadline_s=5, write_deadline_s=5)
        await reads(transport)
        await transport.aclose()
    assert server.requests[0].headers["x-scope-orgid"] == "team-a"
    assert "authorization" not in server.requests[0].headers


async def test_a_lapsed_permit_sends_nothing() -> None:
    async with serving(ok) as server:
        transport = connect(server.url, context())
        permit = Permit(new_trace(), lambda: "send_by passed")
        with pytest.raises(Withdrawn, match="send_by passed"):
            await transport.write("PUT", "/thing", permit=permit, verb="promote")
        await transport.aclose()
    assert server.requests == []


async def test_a_permit_that_lapses_while_connecting_sends_nothing() -> None:
    looks = iter([None, "a rollback overtook it"])
    async with serving(ok) as server:
        transport = connect(server.url, context())
        with pytest.raises(Withdrawn, match="a rollback overtook it"):
            await transport.write("PUT", "/thing", permit=Permit(new_trace(), lambda: next(looks)), verb="promote")
        await transport.aclose()
    assert server.requests == []


async def test_a_write_that_found_no_connection_in_time_was_not_sent() -> None:
    async def accepts_no_tls(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hang_up.wait()
        writer.close()

    hang_up = asyncio.Event()
    async with listening(accepts_no_tls) as where:
        transport = connect(f"https://{where}", context(0.4))
        with pytest.raises(Unreachable):
            await writes_json(transport)
        hang_up.set()
        await transport.aclose()


# -- retries ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_read_is_sent_again_after_a_passing_trouble(status: int) -> None:
    statuses = iter([status, 200])
    reply = await reads(stubbed(lambda _: httpx.Response(next(statuses), json={})))
    assert reply.status == 200


async def test_a_read_is_not_sent_again_after_500() -> None:
    asked: list[httpx.Request] = []

    def fails(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(500)

    with pytest.raises(ServerFailed, match="answered 500"):
        await reads(stubbed(fails))
    assert len(asked) == 1


async def test_a_read_gives_up_after_a_few_tries() -> None:
    asked: list[httpx.Request] = []

    def fails(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(503)

    with pytest.raises(ServerFailed, match="answered 503: unavailable"):
        await reads(stubbed(fails))
    assert len(asked) == 4


async def test_a_wait_longer_than_the_deadline_is_reported_at_once_with_its_length() -> None:
    with pytest.raises(Throttled) as caught:
        await reads(stubbed(lambda _: httpx.Response(429, headers={"retry-after": "30"})))
    assert caught.value.retry_after_s == 30.0


async def test_retry_after_may_be_a_date_on_the_servers_clock() -> None:
    headers = {"date": "Mon, 23 Nov 2026 07:00:00 GMT", "retry-after": "Mon, 23 Nov 2026 07:00:20 GMT"}
    with pytest.raises(ServerFailed) as caught:
        await reads(stubbed(lambda _: httpx.Response(503, headers=headers)))
    assert caught.value.retry_after_s == 20.0


# -- unreachable -----------------------------------------------------------------------------------------------------


async def test_a_refused_connection_names_host_and_port() -> None:
    async with serving(None) as server:
        with pytest.raises(Unreachable, match=r"connection refused at 127\.0\.0\.1:\d+"):
            await writes_json(connect(server.url, context()))


async def test_a_host_that_does_not_exist_is_reported() -> None:
    with pytest.raises(Unreachable, match=r"no such host: nowhere\.invalid:443"):
        await reads(connect("https://nowhere.invalid", context(10.0)))


async def test_plain_http_behind_an_https_url_is_a_tls_failure() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with listening(plain) as where:
        transport = connect(f"https://{where}", context())
        with pytest.raises(Unreachable, match="TLS failed with"):
            await writes_json(transport)
        await transport.aclose()


async def test_a_self_signed_certificate_is_refused_and_accepted_once_it_is_the_plans_ca(tmp_path: Path) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    await _self_signed(tmp_path)
    tls.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer(200, b"{}"))
        await writer.drain()
        writer.close()

    async with listening(serve, tls=tls) as where:
        url = f"https://{where}"
        refusing = connect(url, context())
        with pytest.raises(Unreachable, match="certificate not accepted: self-signed certificate"):
            await writes_json(refusing)
        await refusing.aclose()
        trusting = Transport(
            "src",
            HttpOptions(url=url, ca=tmp_path / "cert.pem"),
            authorization=None,
            read_deadline_s=5,
            write_deadline_s=5,
        )
        assert (await reads(trusting)).status == 200
        await trusting.aclose()


async def _self_signed(folder: Path) -> None:
    made = await asyncio.create_subprocess_exec(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"), "-days", "2"),
        *("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"),
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert await made.wait() == 0


async def test_a_ca_bundle_without_certificates_is_reported(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("nothing\n")
    options = HttpOptions(url="https://backend.test", ca=bundle)
    transport = Transport("src", options, authorization=None, read_deadline_s=5, write_deadline_s=5)
    with pytest.raises(Unreachable, match=r"the CA bundle .*ca\.pem cannot be used"):
        await reads(transport)
