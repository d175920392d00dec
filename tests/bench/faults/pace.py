"""The pace of the consoles' clocks: fast, and slower for a case that a stalled machine spoiled.

At eight times real time a deadline of two seconds lasts a quarter of one. A busy machine keeps a process waiting longer
than that; then a call arrives after its deadline, and the case proves nothing.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.bench.faults.children import fork, reap

PACES = (8.0, 2.0, 1.0)
"""How many times as fast as real time a case runs; the next one where the machine stalled and the case failed."""
STALL_S = 0.1
"""A process that is woken this much too late has been kept waiting too long for the fastest pace."""
_BEAT_S = 0.02
_MOMENT = struct.Struct("d")


class StallMeter:
    """Knows when the machine last stalled."""

    def __init__(self, shared: mmap.mmap) -> None:
        self._shared = shared

    def stalled_since(self, moment: float) -> bool:
        """Whether a process was kept waiting after `moment`, on the monotonic clock."""
        last: float = _MOMENT.unpack_from(self._shared)[0]
        return last > moment


@contextmanager
def measure_stalls() -> Iterator[StallMeter]:
    """Watch the machine from a process of its own within the block; this process may not have a second thread."""
    with mmap.mmap(-1, _MOMENT.size) as shared:
        parent = os.getpid()
        pid = fork(lambda: _watch(shared, parent))
        try:
            yield StallMeter(shared)
        finally:
            reap(pid)


def _watch(shared: mmap.mmap, parent: int) -> None:
    while os.getppid() == parent:
        due = time.monotonic() + _BEAT_S
        time.sleep(_BEAT_S)
        if (now := time.monotonic()) - due > STALL_S:
            _MOMENT.pack_into(shared, 0, now)
