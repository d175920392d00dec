"""How long from the key that confirms a promote until its request reaches the backend, with 200 metrics being polled.

A real `warroom run` in a pseudo-terminal, against a console that differs in nothing but that it polls once an hour.
Both are measured in turns in one run: on a busy machine only the ratio means anything.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bench.faults.fake import Fake
from tests.bench.faults.room import Stuck
from tests.bench.faults.seat import PATIENCE_S, Seat, seated

METRICS = 200
READING_S = 0.4
"""How long a person reads a card before the key that confirms it."""


@dataclass(frozen=True, slots=True)
class Latencies:
    """Key to request, in seconds, of each kind."""

    polling: tuple[float, ...]
    still: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """Of the medians."""
        return statistics.median(self.polling) / statistics.median(self.still)


def measure(
    fake: Fake, prometheus: str, *, blocks: int, presses: int, progress: Callable[[str], None] = lambda _: None
) -> Latencies:
    """Press `presses` times in each of `blocks` consoles of either kind.

    Raises:
        Stuck: a console did not show what it should.
    """
    polling: list[float] = []
    still: list[float] = []
    for number in range(blocks):
        for name, poll, found in (("polling", "5s", polling), ("still", "1h", still)):
            found += _block(fake, prometheus, f"speed-{os.getpid()}-{name}-{number}", poll, presses)
            progress(f"{name}: median {statistics.median(found) * 1000:.0f} ms of {len(found)} presses")
    return Latencies(tuple(polling), tuple(still))


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


def _block(fake: Fake, prometheus: str, world: str, poll: str, presses: int) -> list[float]:
    found = []
    with tempfile.TemporaryDirectory(prefix="warroom-speed-") as folder:
        plan = Path(folder) / "plan.yaml"
        plan.write_text(_plan(world, f"{fake.url}/{world}", prometheus, poll, presses), encoding="utf-8")
        with seated(plan, Path(folder) / "journal.db") as seat:
            for number in range(1, presses + 1):
                seat.until(f"p promotes to s{number} ".encode())
                time.sleep(READING_S * (0.5 + number % 7 / 7))  # not in step with any beat
                seat.press(b"p")
                seat.until(b"as of")
                time.sleep(READING_S)
                pressed_at = time.time()
                seat.press(b"y")
                found.append(_arrival(fake, world, number, seat) - pressed_at)
    return found


def _arrival(fake: Fake, world: str, number: int, seat: Seat) -> float:
    """When the `number`-th write reached the backend, by its own word."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        seat.read(0.05)
        writes = fake.writes(world)
        if len(writes) >= number:
            return writes[number - 1].at
    raise Stuck(f"no request after a key: {seat.tail()}")
