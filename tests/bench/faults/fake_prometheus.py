"""A FAKE Prometheus in its own process: every query finds two steadily rising counters, scraped every 5 s.

It stands for the load of polling many metrics; the tests against a real server are under `tests/live`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import parse_qs

SCRAPE_S = 5
_RANGE = re.compile(r"\[(\d+)s\]$")


@contextlib.contextmanager
def start_fake_prometheus() -> Iterator[str]:
    """Run the server within the block and yield its URL; it also ends when this process dies."""
    command = [sys.executable, "-c", "from tests.bench.faults.fake_prometheus import serve; serve()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            port = int(process.stdout.readline()) if process.stdout is not None else 0
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def serve() -> None:
    """Print the port and serve until stdin is closed."""
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve())


async def _serve() -> None:
    server = await asyncio.start_server(_connection, "127.0.0.1", 0, backlog=64)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    gone = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), gone.set)
    await gone.wait()


async def _connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = int(head.split("content-length: ", 1)[1].split("\r\n", 1)[0])
            form = parse_qs((await reader.readexactly(length)).decode())
            body = _matrix(form["query"][0], float(form["time"][0]))
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
            )
    except (ConnectionError, asyncio.IncompleteReadError, LookupError):
        return
    finally:
        writer.close()


def _matrix(query: str, now: float) -> bytes:
    found = _RANGE.search(query)
    span_s = int(found[1]) if found is not None else 60
    rate = 1 if "bad" in query else 100
    first = int(now - span_s) // SCRAPE_S + 1
    times = [at * SCRAPE_S for at in range(first, int(now) // SCRAPE_S + 1)]
    result = [
        {"metric": {"version": arm}, "values": [[at, str(at % 10_000_000 * rate)] for at in times]}
        for arm in ("canary", "stable")
    ]
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()
