"""The log of an embedded world, shared by several processes: JSON Lines.

The file is the only state a world has. `exposure` derives the exposure over time from it; nothing here knows of
percentages that climb, of traffic or of scenarios.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from adapters.failpoints import failpoint
from adapters.sanitize import one_line


class ChangeVerb(StrEnum):
    """The action of one line of the log."""

    OPENING = "opening"
    """The target's exposure before any use of the world."""
    SET = "set"
    PAUSE = "pause"
    RESUME = "resume"


@dataclass(frozen=True, slots=True)
class WorldChange:
    """One line of the log, always absolute."""

    at: float
    """Seconds since the epoch."""
    target: str
    """The plan's name of the target."""
    percent: float | None
    """Exposure 0..100; None for pause and resume."""
    on: bool | None
    """Flags only; None: the target is a deploy."""
    by: str
    verb: ChangeVerb = ChangeVerb.SET
    climbs: bool = False
    """From here on the deploy raises its own weight."""
    held: bool = False
    """Accepted and not acted on: the deploy is stuck."""

    def line(self) -> bytes:
        """Encode the change, newline included. `verb`, `climbs` and `held` only where they are not the default."""
        fields: dict[str, object] = {
            "at": datetime.fromtimestamp(self.at, UTC).isoformat(),
            "target": self.target,
            "percent": self.percent,
            "on": self.on,
            "by": self.by,
        }
        if self.verb is not ChangeVerb.SET:
            fields["verb"] = self.verb.value
        fields |= {key: True for key in ("climbs", "held") if getattr(self, key)}
        return json.dumps(fields, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> WorldChange | None:
        """Parse a line. None where it is no change (a process died halfway, a newer version)."""
        try:
            fields = json.loads(line)
            at = datetime.fromisoformat(fields["at"]).timestamp()
            percent = None if fields["percent"] is None else float(fields["percent"])
            verb = ChangeVerb(fields.get("verb", ChangeVerb.SET))
            target, on, by = str(fields["target"]), fields["on"], one_line(fields["by"], 80)
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
        if percent is not None and not 0 <= percent <= 100:
            return None
        if verb in (ChangeVerb.SET, ChangeVerb.OPENING) and percent is None:
            return None
        known_on = on if isinstance(on, bool) else None
        return cls(at, target, percent, known_on, by, verb, fields.get("climbs") is True, fields.get("held") is True)


class ChangeLog:
    """One world's file: appended under a lock, read where it has grown."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.changes: list[WorldChange] = []
        """Every change read so far, in the order of the file."""
        self._offset = 0

    def refresh(self) -> float | None:
        """Read the lines that any process has appended since the last call.

        Returns the moment (seconds since the epoch) from which the past must be drawn again: -inf for all of it, None
        when nothing was appended. Raises OSError when the file cannot be read.
        """
        try:
            size = self.path.stat().st_size
        except FileNotFoundError:
            size = 0
        affected: list[float] = []
        if size < self._offset:  # the file was removed: the world starts over
            self.changes.clear()
            self._offset = 0
            affected.append(-math.inf)
        if size > self._offset:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
            whole = data.rfind(b"\n") + 1  # bytes after the last newline are still being written
            self._offset += whole
            read = [change for line in data[:whole].splitlines() if (change := WorldChange.parse(line)) is not None]
            self.changes += read
            affected += [-math.inf if change.verb is ChangeVerb.OPENING else change.at for change in read]
        return min(affected, default=None)

    def append(self, decide: Callable[[], WorldChange | None]) -> None:
        """Write the change that `decide` returns; None writes nothing. No other process writes while it decides.

        Raises OSError when the file cannot be written.
        """
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = open_log(self.path)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            change = decide()
            if change is not None:
                size = os.fstat(file).st_size
                # A process that was killed while writing leaves half a line; ours must not become part of it.
                torn = size > 0 and os.pread(file, 1, size - 1) != b"\n"
                failpoint("world changes")
                os.write(file, (b"\n" if torn else b"") + change.line())
                failpoint("world changed")
        finally:
            os.close(file)


def open_log(path: Path) -> int:
    """Open the file to append. A new file is private, or its group's in a setgid directory."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    with contextlib.suppress(FileExistsError):
        file = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
        if path.parent.stat().st_mode & stat.S_ISGID:
            os.fchmod(file, 0o660)  # whatever the umask is
        return file
    return os.open(path, flags)
