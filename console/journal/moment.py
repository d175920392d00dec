"""The clock shared by a host's processes: counts suspend, never jumps, names the boot.

Leases are timed by it, so that neither a changed wall clock nor a suspended machine makes two consoles poll.
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
    """Id of the machine's boot; empty if the kernel gives none, and then `at` is wall-clock time."""
    at: float
    """Seconds since that boot, suspend included."""

    def since(self, boot: str, at: float) -> float | None:
        """Seconds since a stored moment; None if it was in another boot."""
        return self.at - at if boot == self.boot else None


def now() -> Moment:
    """This moment."""
    try:
        boot = _BOOT_ID.read_text(encoding="ascii").strip()
        return Moment(boot, time.clock_gettime(time.CLOCK_BOOTTIME))
    except (OSError, AttributeError):
        return Moment("", time.time())
