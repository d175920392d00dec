"""Decisions before polls: reads of many metrics give way while a decision is carried out.

A poll of hundreds of metrics keeps the loop busy for seconds, and a decision passes through the loop a dozen times
before its request leaves. A poll that gave way goes on after `LONGEST_S` at the latest.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

LONGEST_S = 0.5
"""The longest that a read gives way, in seconds."""
_STEP_S = 0.005

_urgent = 0


@contextmanager
def urgent() -> Iterator[None]:
    """Make the reads of this process that can wait give way, within the block."""
    global _urgent
    _urgent += 1
    try:
        yield
    finally:
        _urgent -= 1


async def give_way() -> None:
    """Wait until nothing urgent is under way, for `LONGEST_S` at most."""
    until = time.monotonic() + LONGEST_S
    # Engines of several loops share this, and an event belongs to one loop.
    while _urgent and time.monotonic() < until:  # noqa: ASYNC110
        await asyncio.sleep(_STEP_S)
