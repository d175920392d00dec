"""Time from the key that confirms a promote to its request at the backend, while 200 metrics are polled.

A real `warroom run` in a pseudo-terminal is compared with one that polls once an hour. Both are measured in turns in
one run: on a busy machine only the ratio means anything.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bench.faults.engine_console import Stuck
from tests.bench.faults.fake_backend import FakeBackend
from tests.bench.faults.pty_console import PATIENCE_S, PtyConsole, open_pty_console

METRICS = 200
READING_S = 0.4
"""How long a person reads a card before pressing the key that confirms it."""


@dataclass(frozen=True, slots=True)
class Latencies:
    """Seconds from key to request, of polling and of idle consoles."""

    polling: tuple[float, ...]
    idle: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """Ratio of the medians."""
        return statistics.median(self.polling) / statistics.median(self.idle)


def measure(
    fake: FakeBackend, prometheus: str, *, blocks: int, presses: int, progress: Callable[[str], None] = lambda _: None
) -> Latencies:
    """Press `presses` times in each of `blocks` consoles of both kinds.

    Raises:
        Stuck: a console did not show an expected screen.
    """
    polling: list[float] = []
    idle: list[float] = []
    for number in range(blocks):
        for name, poll, found in (("polling", "5s", polling), ("idle", "1h", idle)):
            found += _key_delays(fake, prometheus, f"speed-{os.getpid()}-{name}-{number}", poll, presses)
            progress(f"{name}: median {statistics.median(found) * 1000:.0f} ms of {len(found)} presses")
    return Latencies(tuple(polling), tuple(idle))


def _plan(world: str, url: str, prometheus: str, poll: str, presses: int) -> str:
    metrics = "".join(
        f"  m{number}: {{backend: prom, bad: 'bad_{number}', total: 'total_{number}', role: guard, stale_after: 1h,\n"
        "    arms: {label: version, canary: canary, baseline: stable}}\n"
        for number in range(METRICS)
    )
    stages = "".join(f"  - {{name: s{number}, set: {{api: {number}}}}}\n" for number in range(1, presses + 1))
    return (
        f"warroom: 1\nrollout: {world}\ntiming: {{poll: {poll}, read_deadline: 30s}}\n"
        f"backends: {{edge: {{adapter: counting, url: '{url}'}}, prom: {{adapter: prometheus, url: '{prometheus}'}}}}\n"
        f"targets: {{api: {{backend: edge}}}}\nmetrics:\n{metrics}stages:\n{stages}"
    )


def _key_delays(fake: FakeBackend, prometheus: str, world: str, poll: str, presses: int) -> list[float]:
    found = []
    with tempfile.TemporaryDirectory(prefix="warroom-speed-") as folder:
        plan = Path(folder) / "plan.yaml"
        plan.write_text(_plan(world, f"{fake.url}/{world}", prometheus, poll, presses), encoding="utf-8")
        with open_pty_console(plan, Path(folder) / "journal.db") as pty:
            for number in range(1, presses + 1):
                pty.wait_for(f"p promotes to s{number} ".encode())
                time.sleep(READING_S * (0.5 + number % 7 / 7))  # out of step with every beat
                pty.press(b"p")
                pty.wait_for(b"as of")
                time.sleep(READING_S)
                pressed_at = time.time()
                pty.press(b"y")
                found.append(_arrival_time(fake, world, number, pty) - pressed_at)
    return found


def _arrival_time(fake: FakeBackend, world: str, number: int, pty: PtyConsole) -> float:
    """Seconds since the epoch at which the backend received its `number`-th write."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        pty.read(0.05)
        writes = fake.writes(world)
        if len(writes) >= number:
            return writes[number - 1].at
    raise Stuck(f"no request after a key: {pty.tail()}")
