"""Change detection for a SQLite journal by `PRAGMA data_version`, about 2 us a call.

The value differs from one call to the next if another connection wrote in between. Approvals are files beside the
journal, so their directory's modification time counts too.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path

from console.journal.approvals import folder_of

STEP_S = 0.1
"""Time between two checks, in seconds."""

_Version = tuple[object, ...]


class SqliteWatch:
    """A Watch over the file `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._approvals = folder_of(path)
        self._connection: sqlite3.Connection | None = None
        self._last: _Version | None = None
        self._closed = threading.Event()

    def wait(self, timeout_s: float) -> bool:
        """Wait for a change of the journal or its approvals; see `Watch.wait`."""
        until = time.monotonic() + timeout_s
        while not self._closed.is_set():
            version = self._version()
            if version is not None and version != self._last:
                self._last = version
                return True
            left_s = until - time.monotonic()
            if left_s <= 0 or self._closed.wait(min(STEP_S, left_s)):
                break
        if self._closed.is_set():
            self._disconnect()
        return False

    def close(self) -> None:
        """End a wait under way, from any thread."""
        self._closed.set()

    def _version(self) -> _Version | None:
        """A value that changes with each write; None while the file cannot be read."""
        try:
            if self._connection is None:
                self._connection = sqlite3.connect(
                    f"{self._path.absolute().as_uri()}?mode=ro", uri=True, timeout=0, check_same_thread=False
                )
                self._last = None
            version = self._connection.execute("PRAGMA data_version").fetchone()[0]
            found = self._path.stat()
        except (sqlite3.Error, OSError):
            self._disconnect()
            return None
        return version, found.st_dev, found.st_ino, _changed_at(self._approvals)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _changed_at(folder: Path) -> int:
    """Time of a directory's last change in ns; 0 if it does not exist."""
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0
