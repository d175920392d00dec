"""Questions at the gate port: raw bytes over a socket, to the server with a console's own parser behind it."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from pathlib import Path
from random import Random

from adapters.contract import BackendError, Kind, TargetRef
from adapters.deploy.flagger.backend import Flagger
from adapters.kube import Access
from adapters.testing import context
from console.gate_server import GateServer
from tests.flagger_rig import GATES
from tests.fuzz.door import Door
from tests.fuzz.mutation import json_bytes, mutated_bytes, mutated_json

_QUESTION = {
    "name": "podinfo",
    "namespace": "default",
    "phase": "Progressing",
    "checksum": "85d557f47b",
    "metadata": {"eventMessage": "x", "eventType": "Normal", "timestamp": "1578607635167"},
}
_TARGET = TargetRef("web", "podinfo", kind=Kind.DEPLOY)
_ANSWER_S = 8.0
_LONGEST = 64 * 1024


def _request(chance: Random) -> bytes:
    body = json_bytes(chance, mutated_json(chance, _QUESTION) if chance.randrange(4) else _QUESTION)
    gate = chance.choice(("confirm-rollout", "confirm-traffic-increase", "rollback", "x" * 50, "..", "a%00"))
    length = chance.choice((len(body), len(body), len(body), 0, -1, 10**30, "x"))
    head = [
        f"{chance.choice(('POST', 'POST', 'GET', 'BREW'))} /flagger/{gate} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Content-Length: {length}",
        f"Authorization: Bearer {chance.choice(('token', '', chr(255) * 9))}",
    ]
    if chance.randrange(6) == 0:
        head.append("Transfer-Encoding: chunked")
    whole = "\r\n".join([*head, "", ""]).encode("latin-1") + body
    return mutated_bytes(chance, whole) if chance.randrange(3) == 0 else whole


class _Faults(logging.Handler):
    """The internal errors that the server reported."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


async def _answered(sent: bytes, folder: Path) -> str | None:
    """The problem of one connection, then of a good one."""
    access = Access("prod", "https://kube.test", "default", token="t0ken")
    flagger = Flagger(context(state_dir=folder), access, None, GATES)

    async def handle(gate: str, body: bytes, _token: str | None) -> tuple[int, str]:
        try:
            flagger.parse_gate_query(_TARGET, gate, body)
        except BackendError as error:
            return 400, str(error)
        return 200, "yes"

    server = GateServer(handle)
    port = await server.listen("127.0.0.1", 0)
    try:
        await _send(port, sent)
        good = b"POST /flagger/rollback HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"
        back = await _send(port, good)
    finally:
        await server.aclose()
        await flagger.aclose()
    return None if back.startswith(b"HTTP/1.1 ") else f"a good question was answered with {back[:80]!r}"


async def _send(port: int, sent: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    back = b""
    with suppress(OSError):  # it may hang up before it has read all of this
        writer.write(sent[: 4 * _LONGEST])
        writer.write_eof()
        async with asyncio.timeout(_ANSWER_S):
            back = await reader.read(_LONGEST)
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return back


def _check(chance: Random, folder: Path) -> str | None:
    faults = _Faults()
    logs = [logging.getLogger(name) for name in ("warroom.gates", "asyncio")]
    for log in logs:
        log.addHandler(faults)
    try:
        problem = asyncio.run(_answered(_request(chance), folder))
    finally:
        for log in logs:
            log.removeHandler(faults)
    return problem or (f"an internal error: {faults.lines[0]}" if faults.lines else None)


GATE_QUESTIONS = Door("gate questions", _check)
