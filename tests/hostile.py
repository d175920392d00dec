"""A backend that can be told at any moment to misbehave in another way, and what one must read about each way."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from adapters.testing import BAD, Request, Serve, answer, serving

CLIPBOARD = "\x1b]52;c;ZXZpbA==\x07"
"""OSC 52: a terminal that obeys it puts this into the operator's clipboard."""
_SERVES = {bad.name: bad.serve for bad in BAD}


async def _drips(_: Request, writer: asyncio.StreamWriter) -> None:
    for byte in answer(200, b"{" + b" " * 1000 + b"}"):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(1.0)


def _says(body: object) -> Serve:
    async def serve(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(200, json.dumps(body).encode()))
        await writer.drain()

    return serve


def samples(value: str) -> Serve:
    """Raw series of both arms that all read `value`, with the escape in their labels."""

    async def serve(request: Request, writer: asyncio.StreamWriter) -> None:
        now = time.time()
        values = [[now - back, value] for back in (3.0, 2.0, 1.0, 0.0)]
        series = [
            {"metric": {"version": arm, "pod": CLIPBOARD}, "values": values} for arm in ("canary", "stable", CLIPBOARD)
        ]
        data = {"resultType": "matrix", "result": series}
        await _says({"status": "success", "data": data, "warnings": [f"half {CLIPBOARD} of it"]})(request, writer)

    return serve


def two_strategies(name: str) -> Serve:
    """A feature of Unleash that cannot be driven, with the escape in the name of a strategy and of its author."""
    strategies = [
        {"id": f"S{number}", "name": f"gradual{CLIPBOARD}Rollout", "parameters": {"rollout": "10"}} for number in (1, 2)
    ]
    environment = {"name": "production", "enabled": True, "strategies": strategies}
    feature = {"name": name, "environments": [environment]}
    events = {"events": [{"createdBy": f"eve{CLIPBOARD}", "createdAt": "2026-01-01T00:00:00Z"}], "total": 1}

    async def serve(request: Request, writer: asyncio.StreamWriter) -> None:
        await _says(events if "/search/events" in request.path else feature)(request, writer)

    return serve


@dataclass(frozen=True)
class Way:
    """One way to misbehave, and what the operator must read about it."""

    serve: Serve | None
    why: str


WAYS = {
    "hangs": Way(_SERVES["never answers"], "no answer within 0.5 s"),
    "401": Way(_SERVES["401"], "answered 401: token expired"),
    "drips one byte a second": Way(_drips, "no answer within 0.5 s"),
    "500": Way(_SERVES["500"], "answered 500: boom"),
    "HTML": Way(_SERVES["HTML with 200"], "answered HTML where JSON was expected (a login page or a proxy?)"),
    "10 MB": Way(_SERVES["huge body"], "answer larger than 4 MiB"),
    "garbage": Way(_SERVES["garbage with 200"], "the answer is not JSON"),
    "an escape in its error": Way(_SERVES["control characters"], "answered 403: first line second ]52;c;aGVsbG8="),
    "hangs up": Way(None, "hung up, or its answer is not HTTP, before the answer was whole"),
}


@dataclass
class Hostile:
    """A running backend."""

    url: str
    way: Serve | None
    """None: it hangs up on everybody."""

    async def serve(self, request: Request, writer: asyncio.StreamWriter) -> None:
        """Misbehave the way that is in force now."""
        if self.way is not None:
            await self.way(request, writer)


@contextlib.asynccontextmanager
async def hostile() -> AsyncIterator[Hostile]:
    """A backend that hangs up on everybody until it is told another way."""
    made = Hostile("", None)
    async with serving(made.serve) as server:
        made.url = server.url
        yield made
