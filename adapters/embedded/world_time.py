"""The time of an embedded world, shared by several processes: a server's own clock, as every real backend has one.

It goes by the clock that counts from the machine's boot, so that processes whose wall clocks differ agree on it. The
first process of a boot sets it by its own wall clock, in a file beside the world's log.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from adapters.embedded.changes import open_log

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_MOST_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class TimeMark:
    """The world's time at one moment of the clock that counts from the boot."""

    at: float
    """Seconds since the epoch."""
    boot: str
    """Id of the machine's boot; empty if the kernel gives none."""
    steady_s: float

    def line(self) -> bytes:
        """Encode the mark, newline included."""
        moment = datetime.fromtimestamp(self.at, UTC).isoformat()
        return json.dumps({"at": moment, "boot": self.boot, "steady_s": self.steady_s}).encode() + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> TimeMark | None:
        """Parse a line; None where it is no mark."""
        try:
            fields = json.loads(line)
            at, steady_s = datetime.fromisoformat(fields["at"]).timestamp(), float(fields["steady_s"])
            return cls(at, str(fields["boot"]), steady_s) if math.isfinite(steady_s) else None
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            return None


class WorldTime:
    """The time of one world, by the marks in its file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mark: TimeMark | None = None

    def at(self, now: float, steady_s: float, least: float) -> float:
        """The world's time, in seconds since the epoch.

        Args:
            now: the caller's wall clock; a world without a time takes it.
            steady_s: the caller's clock that never jumps.
            least: the time of the newest change: a world is never before it.
        """
        if self._mark is None or self._mark.steady_s > steady_s:
            mine = TimeMark(max(now, least), _boot_id(), steady_s)
            self._mark = mine
            with contextlib.suppress(OSError):  # a folder that takes no writes: this process has a time of its own
                self._mark = self._agree(mine)
        return max(self._mark.at + steady_s - self._mark.steady_s, least)

    def _agree(self, mine: TimeMark) -> TimeMark:
        """The newest mark that fits this boot and clock; `mine`, written, where there is none. Raises OSError."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = open_log(self._path)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            size = os.fstat(file).st_size
            lines = os.pread(file, _MOST_BYTES, max(0, size - _MOST_BYTES)).splitlines()
            for mark in map(TimeMark.parse, reversed(lines)):
                if mark is not None and mark.boot == mine.boot and mark.steady_s <= mine.steady_s:
                    return mark
            os.write(file, mine.line())
            return mine
        finally:
            os.close(file)


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""
