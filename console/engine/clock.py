"""Clocks: the machine's own, and one that runs faster for demos."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

from adapters.contract import Clock


def boottime() -> float:
    """Seconds since boot including suspend, where the kernel has such a clock."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


async def wait_or_wake(woken: asyncio.Event, clock: Clock, seconds: float) -> bool:
    """Sleep until `woken` is set, which is then cleared, or for `seconds`; whether it was set."""
    waiting = {asyncio.ensure_future(woken.wait()), asyncio.ensure_future(clock.sleep(seconds))}
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
        was_woken = woken.is_set()
        woken.clear()
    return was_woken


class SystemClock:
    """The machine's time. `monotonic` counts suspend, so a laptop that slept does not act late."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return boottime()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class FastClock:
    """Time that runs `speed` times as fast from the moment it is made. Only for worlds that are simulated."""

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self._began = datetime.now(UTC)
        self._zero = boottime()

    def now(self) -> datetime:
        return self._began + timedelta(seconds=(boottime() - self._zero) * self.speed)

    def monotonic(self) -> float:
        return self._zero + (boottime() - self._zero) * self.speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.speed)
