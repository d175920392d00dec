"""Real servers for the live tests: each a context manager that starts one on a free loopback port and stops it by pid.

A server that is not installed skips the test with a message; with WARROOM_LIVE=1 it fails it.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import pytest

_READY_S = 20.0
_STOP_S = 10.0
_SHARE, _SHARES = 200, 100
_FIRST_PORT = 12000 + os.getpid() % _SHARES * _SHARE
_ports = itertools.cycle(range(_FIRST_PORT, _FIRST_PORT + _SHARE))
"""Each process has its share, below the ports that Linux gives to whoever asks for any (from 32768)."""


def absent(reason: str) -> NoReturn:
    """Skip the test for want of a server, or fail it under WARROOM_LIVE=1."""
    if os.environ.get("WARROOM_LIVE") == "1":
        pytest.fail(f"{reason}, and WARROOM_LIVE=1 asks for the live tests")
    pytest.skip(f"{reason} (WARROOM_LIVE=1 makes this a failure)")


def binary(name: str) -> str:
    """The path of an installed program; `absent` without it."""
    found = shutil.which(name)
    if found is None:
        absent(f"{name} is not installed")
    return found


def built(job: str, program: str) -> str:
    """The path of something that `.ci/<job>` builds, into the folder that WARROOM_<JOB> names; `absent` without it."""
    folder = os.environ.get(f"WARROOM_{job.upper()}")
    path = Path(folder) / program if folder else None
    if path is None or not path.exists():
        absent(f"{program} is not built: run .ci/{job}, then source .venv/{job}.env")
    return str(path)


def free_port() -> int:
    """A loopback TCP port that is free, and that nothing else on this machine is given by chance meanwhile."""
    for port in itertools.islice(_ports, _SHARE):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


@contextlib.contextmanager
def process(command: Sequence[str], log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` with its output in `log`; terminated by pid when the block ends, killed if it does not go."""
    with log.open("wb") as output:
        running = subprocess.Popen(
            list(command), stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **environment}
        )
    try:
        yield running
    finally:
        running.terminate()
        try:
            running.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait(_STOP_S)


def wait_ready(url: str, running: subprocess.Popen[bytes], log: Path, *, within_s: float = _READY_S) -> None:
    """Wait until `url` answers 2xx; fails with the end of the log if the process ends or the time is over."""
    until = time.monotonic() + within_s
    while time.monotonic() < until and running.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=1.0):  # noqa: S310 - our own http URL
            return
        time.sleep(0.05)
    pytest.fail(f"{running.args!r} is not ready at {url}:\n{log.read_text(errors='replace')[-2000:]}")


def post(url: str, body: bytes = b"") -> bytes:
    """POST `body` and return the answer; raises on anything but 2xx."""
    request = urllib.request.Request(url, data=body, method="POST")  # noqa: S310 - our own http URL
    with urllib.request.urlopen(request, timeout=5.0) as answer:  # noqa: S310
        text: bytes = answer.read()
    return text


@contextlib.contextmanager
def prometheus(tmp: Path, scrape_targets: Sequence[str] = (), scrape_interval_s: float = 1.0) -> Iterator[str]:
    """A Prometheus that scrapes `scrape_targets` ("127.0.0.1:port"); yields its URL.

    Blocks put into `tmp / "prometheus"` beforehand (`backfill`) are its history.
    """
    server = binary("prometheus")
    config, log, port = tmp / "prometheus.yml", tmp / "prometheus.log", free_port()
    job = {"job_name": "test", "static_configs": [{"targets": list(scrape_targets)}]}
    interval = f"{scrape_interval_s * 1000:.0f}ms"
    # JSON is YAML
    config.write_text(
        json.dumps({"global": {"scrape_interval": interval, "scrape_timeout": interval}, "scrape_configs": [job]})
    )
    command = [
        server,
        f"--config.file={config}",
        f"--storage.tsdb.path={tmp / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    with process(command, log) as running:
        wait_ready(f"http://127.0.0.1:{port}/-/ready", running, log)
        yield f"http://127.0.0.1:{port}"


def backfill(tmp: Path, openmetrics: str) -> None:
    """Write history for a `prometheus` not yet started: OpenMetrics text, times in seconds, ending in # EOF."""
    text = tmp / "history.om"
    text.write_text(openmetrics)
    made = subprocess.run(
        [binary("promtool"), "tsdb", "create-blocks-from", "openmetrics", str(text), str(tmp / "prometheus")],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert made.returncode == 0, made.stderr


@contextlib.contextmanager
def victoria(tmp: Path) -> Iterator[str]:
    """A VictoriaMetrics single node with its default latency offset; yields its URL."""
    server = binary("victoria-metrics")
    log, port = tmp / "victoria.log", free_port()
    command = [
        server,
        f"-httpListenAddr=127.0.0.1:{port}",
        f"-storageDataPath={tmp / 'victoria'}",
        "-retentionPeriod=1",
        "-loggerLevel=WARN",
    ]
    with process(command, log) as running:
        wait_ready(f"http://127.0.0.1:{port}/health", running, log)
        yield f"http://127.0.0.1:{port}"


def import_lines(url: str, lines: str) -> None:
    """Give VictoriaMetrics Prometheus text lines with timestamps in milliseconds, visible to the next query."""
    post(f"{url}/api/v1/import/prometheus", lines.encode())
    with urllib.request.urlopen(f"{url}/internal/force_flush", timeout=5.0):  # noqa: S310 - our own http URL
        pass
