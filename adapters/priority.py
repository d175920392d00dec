"""What somebody pressed a key for goes first: reads of many metrics give way while a decision is being carried out.

A poll of hundreds of metrics keeps the loop busy for seconds, and a decision passes through the loop a dozen times
before its request leaves. Nothing waits for long: a poll that was held up goes on after `LONGEST_S` at the latest.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

LONGEST_S = 0.5
"""How long a read gives way at most."""
_STEP_S = 0.005

_urgent = 0


@contextmanager
def urgent() -> Iterator[None]:
    """Within the block reads of this process that can wait give way."""
    global _urgent
    _urgent += 1
    try:
        yield
    finally:
        _urgent -= 1


async def give_way() -> None:
    """Returns once nothing urgent is under way, or it has taken too long."""
    until = time.monotonic() + LONGEST_S
    # Engines of several loops share this, and an event belongs to one loop.
    while _urgent and time.monotonic() < until:  # noqa: ASYNC110
        await asyncio.sleep(_STEP_S)
