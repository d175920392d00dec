"""A hand-stepped clock and embedded backends that share it: what the tests of the embedded world stand on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from adapters.contract import (
    Context,
    Counts,
    MetricQuery,
    MetricReply,
    Permit,
    Reading,
    Shape,
    TargetRef,
    Window,
)
from adapters.embedded.backend import EmbeddedBackend, Options, connect

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
CHECKOUT = TargetRef("checkout", "checkout", canary="checkout-v42", baseline="checkout-v41")
CART = TargetRef("cart", "cart", canary="cart-v42", baseline="cart-v41")
FLAG = TargetRef("new-flow", "new-flow")
PERMIT = Permit("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
ERRORS = MetricQuery("errors", Shape.COUNTS)
LATENCY = MetricQuery("latency", Shape.GOOD_TOTAL)
DURATION = MetricQuery("duration", Shape.HISTOGRAM)
CPU = MetricQuery("cpu", Shape.GAUGE)


class SteppedClock:
    """Time that passes only when a test says so; a sleeper wakes when it has been stepped past."""

    def __init__(self) -> None:
        self._now = NOON
        self._sleepers: list[tuple[datetime, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._now.timestamp()

    async def sleep(self, seconds: float) -> None:
        if seconds > 0:
            sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._sleepers.append((self._now + timedelta(seconds=seconds), sleeper))
            await sleeper

    def step(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        for due, sleeper in self._sleepers:
            if due <= self._now and not sleeper.done():
                sleeper.set_result(None)


class Rig:
    """Backends on one clock and one state folder, closed at the end of a test."""

    def __init__(self, state_dir: Path) -> None:
        self.clock = SteppedClock()
        self.state_dir = state_dir
        self.backends: list[EmbeddedBackend] = []

    def connect(self, source: str = "world", **options: object) -> EmbeddedBackend:
        context = Context(source, "r1", self.clock, 5.0, 5.0, self.state_dir)
        backend = connect(Options.model_validate({"latency": 0, **options}), context)
        self.backends.append(backend)
        return backend

    async def last(
        self, backend: EmbeddedBackend, query: MetricQuery, seconds: float, tick_s: float = 10
    ) -> MetricReply:
        end = self.clock.now()
        return (await backend.read_metrics([query], Window(end - timedelta(seconds=seconds), end, tick_s)))[0]

    @property
    def log(self) -> Path:
        return self.state_dir / "world-r1-default.jsonl"


@asynccontextmanager
async def embedded_rig(state_dir: Path) -> AsyncIterator[Rig]:
    """A rig whose backends are closed at the end."""
    rig = Rig(state_dir)
    yield rig
    for backend in rig.backends:
        await backend.aclose()


def counts(readings: Sequence[Reading], arm: str) -> Counts:
    """The sum of one arm over all ticks in which it said something."""
    samples = [getattr(reading, arm) for reading in readings]
    said = [sample for sample in samples if isinstance(sample, Counts)]
    assert said
    return Counts(sum(sample.total for sample in said), sum(sample.bad for sample in said))


def rate(readings: Sequence[Reading], arm: str) -> float:
    total = counts(readings, arm)
    return total.bad / total.total
