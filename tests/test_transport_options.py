"""The keys every HTTP adapter takes, how secrets are kept, and the trace."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from pydantic import ValidationError

from adapters.registry import ConnectError
from adapters.testing import SECRET, TOKEN_ENV, context, serving
from adapters.transport import HttpOptions, Transport, child_span, new_trace
from tests.transport_rig import TRACEPARENT, connect, ok, reads


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_ENV, SECRET)
    monkeypatch.delenv("TRACEPARENT", raising=False)


async def test_no_secret_reaches_repr_or_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(ok) as server:
        transport = connect(server.url, context())
        reply = await reads(transport)
        await transport.aclose()
    assert SECRET not in repr(transport) + repr(reply) + caplog.text
    assert "HTTP Request" in caplog.text


async def test_basic_credentials_are_sent_and_their_password_is_redacted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARROOM_CONTRACT_PASSWORD", "hunter2!")
    options = HttpOptions.model_validate(
        {"url": "http://backend.test", "basic": {"user": "ops", "password": {"env": "WARROOM_CONTRACT_PASSWORD"}}}
    )
    authorization = options.authorization("src")
    assert authorization == "Basic b3BzOmh1bnRlcjIh"
    transport = Transport("src", options, authorization=authorization, read_deadline_s=1, write_deadline_s=1)
    assert transport.line("hunter2! hunter2%21 b3BzOmh1bnRlcjIh ops") == "*** *** *** ops"


def test_a_secret_is_redacted_where_a_cut_or_a_control_character_would_hide_it() -> None:
    transport = connect("http://backend.test", context())
    assert transport.line("x" * 15 + SECRET, limit=20) == "x" * 15 + "***"
    assert transport.line(f"{SECRET[:4]}\x1b{SECRET[4:]}") == "***"


@pytest.mark.parametrize("token", ["two\nlines", "ünicode", "nul\x00"])
def test_a_token_that_fits_no_header_is_refused_without_showing_it(tmp_path: Path, token: str) -> None:
    options = HttpOptions(url="http://backend.test")
    with pytest.raises(ConnectError, match="cannot be sent in a header") as caught:
        Transport("src", options, authorization=f"Bearer {token}", read_deadline_s=1, write_deadline_s=1)
    assert token not in str(caught.value)


def test_a_ca_that_is_not_there_is_refused_when_connecting(tmp_path: Path) -> None:
    options = HttpOptions(url="https://backend.test", ca=tmp_path / "ca.pem")
    with pytest.raises(ConnectError, match=r"src: ca: .*ca\.pem is not a file"):
        Transport("src", options, authorization=None, read_deadline_s=1, write_deadline_s=1)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://backend.test", "http"),
        ("http://ops:hunter2@backend.test", "user:password"),
        ("http://", "host"),
        ("http://backend.test:hunter2", "port"),
        ("http://backend.test/?key=hunter2", "query"),
        ("http://backend.test/\nx", "printable"),
    ],
)
def test_an_unusable_url_is_refused_without_repeating_it(url: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said) as caught:
        HttpOptions(url=url)
    assert "hunter2" not in str(caught.value)


def test_a_trace_continues_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACEPARENT", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")
    trace = new_trace()
    assert trace.startswith("00-4bf92f3577b34da6a3ce929d0e0e4736-")
    assert "00f067aa0ba902b7" not in trace


@pytest.mark.parametrize(
    "given", ["", "nonsense", f"00-{'0' * 32}-00f067aa0ba902b7-01", f"ff-{'1' * 32}-{'2' * 16}-01"]
)
def test_an_invalid_trace_is_replaced_by_a_new_one(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("TRACEPARENT", given)
    assert TRACEPARENT.fullmatch(new_trace())
    assert TRACEPARENT.fullmatch(child_span(given))
