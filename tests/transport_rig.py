"""Transports under test: over loopback with the contract's token, and over recorded answers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

import httpx

from adapters.contract import Context, Permit
from adapters.testing import TOKEN_ENV, Request, answer
from adapters.transport import HttpOptions, Reply, Transport, new_trace

TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01")


def connect(url: str, lent: Context) -> Transport:
    options = HttpOptions.model_validate({"url": url, "token": {"env": TOKEN_ENV}})
    return Transport(
        lent.source,
        options,
        authorization=options.authorization(lent.source),
        read_deadline_s=lent.read_deadline_s,
        write_deadline_s=lent.write_deadline_s,
        explain=lambda body: body.decode(),
    )


def stubbed(
    answers: Callable[[httpx.Request], httpx.Response], *, deadline_s: float = 5.0, max_bytes: int = 1000
) -> Transport:
    return Transport(
        "src",
        HttpOptions(url="http://backend.test/prefix"),
        authorization=None,
        read_deadline_s=deadline_s,
        write_deadline_s=deadline_s,
        max_bytes=max_bytes,
        client=httpx.MockTransport(answers),
    )


async def reads(transport: Transport) -> Reply:
    return await transport.read("GET", "/thing")


async def reads_json(transport: Transport) -> object:
    return (await reads(transport)).json()


async def writes_json(transport: Transport) -> object:
    permit = Permit(new_trace())
    return (await transport.write("PUT", "/thing", permit=permit, verb="promote", json={"weight": 5})).json()


async def ok(_: Request, writer: asyncio.StreamWriter) -> None:
    """Answers every request properly, with a Date."""
    writer.write(answer(200, b'{"ok": true}', headers="Date: Mon, 23 Nov 2026 07:02:18 GMT\r\n"))
    await writer.drain()
