"""The clock that processes of one host share: it counts suspend, never jumps, and tells one boot from another.

A lease is judged by it, so that neither a set clock nor a machine that slept makes two consoles poll.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment on this host."""

    boot: str
    """Which boot of the machine; empty where the kernel does not say, and then `at` is wall-clock time."""
    at: float
    """Seconds since that boot, suspend included."""

    def since(self, boot: str, at: float) -> float | None:
        """Seconds since a stored moment; None if that was before the machine was booted."""
        return self.at - at if boot == self.boot else None


def now() -> Moment:
    """This moment."""
    try:
        boot = _BOOT_ID.read_text(encoding="ascii").strip()
        return Moment(boot, time.clock_gettime(time.CLOCK_BOOTTIME))
    except (OSError, AttributeError):
        return Moment("", time.time())
