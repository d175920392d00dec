"""What a hostile backend answers is bounded in memory: per answer, per poll, and over time."""

from __future__ import annotations

import asyncio
import gzip
import json
import subprocess
import sys

import pytest

from adapters.testing import Request, Serve, answer, serving

MEGABYTES = 800
"""What a console may grow by. Without the bound on a poll, the largest answers here would take some 2,500 MB."""
QUERIES = 60
CLIENT = """
import asyncio, resource, sys
from datetime import datetime, timedelta, UTC
from pathlib import Path
from adapters.contract import ArmLabels, BackendError, Context, MetricQuery, Shape, Window
from adapters.metrics.prometheus import Options, connect
from console.engine.clock import SystemClock

def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

async def main(url, queries):
    context = Context("prom", "r", SystemClock(), 60.0, 5.0, Path("/nonexistent"))
    backend = connect(Options(url=url), context)
    now = datetime.now(UTC)
    window = Window(now - timedelta(seconds=60), now, 10.0)
    arms = ArmLabels("version", "canary", "stable")
    asked = [MetricQuery(f"m{n}", Shape.COUNTS, arms, total=f"t{n}", bad=f"b{n}") for n in range(queries // 2)]
    before = peak_mb()
    try:
        replies = await backend.read_metrics(asked, window)
        said = next((reply.problem for reply in replies if reply.problem), "")
    except BackendError as error:
        said = str(error)
    await backend.aclose()
    print(int(peak_mb() - before), said)

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def many_samples() -> bytes:
    """As many samples as fit into 4 MiB."""
    values = [[1, "1"]] * 390_000
    return _matrix([{"metric": {"version": "canary"}, "values": values}])


def many_series() -> bytes:
    """As many series as fit into 4 MiB, each with labels of its own."""
    return _matrix(
        [{"metric": {"version": "canary", f"l{n}": f"{n:040d}"}, "values": [[1, "1"]]} for n in range(33_000)]
    )


def _matrix(result: list[dict[str, object]]) -> bytes:
    body = json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}, separators=(",", ":"))
    assert 3_000_000 < len(body) < 4 * 1024 * 1024
    return body.encode()


def saying(body: bytes, headers: str = "") -> Serve:
    whole = answer(200, body, headers=headers)

    async def serve(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(whole)
        await writer.drain()

    return serve


async def grown(serve: Serve) -> tuple[int, str]:
    """(megabytes that a client grew by, what it said) after one poll."""
    async with serving(serve) as server:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CLIENT, server.url, str(QUERIES), stdout=subprocess.PIPE
        )
        said, _ = await process.communicate()
    megabytes, _, words = said.decode().strip().partition(" ")
    return int(megabytes), words


@pytest.mark.parametrize("body", [many_samples, many_series])
async def test_a_poll_is_bounded_however_many_large_answers_it_gets(body: object) -> None:
    megabytes, words = await grown(saying(body()))  # type: ignore[operator]
    assert megabytes < MEGABYTES
    assert "more than 1,000,000 samples in one poll: narrow the selectors" in words


async def test_a_small_gzip_that_holds_gigabytes_is_not_unpacked() -> None:
    bomb = gzip.compress(b" " * (512 * 1024 * 1024), compresslevel=9)
    megabytes, words = await grown(saying(bomb, "Content-Encoding: gzip\r\n"))
    assert megabytes < MEGABYTES
    assert words == "prom: answer larger than 4 MiB"
