"""Change detection for a SQLite journal without reading it: `PRAGMA data_version` costs about 2 us.

It differs from one call to the next if another connection wrote in between. Approvals are files beside the journal, so
their directory's time counts too.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path

from console.journal.approvals import folder_of

STEP_S = 0.1
"""How often it is looked."""

_Seen = tuple[object, ...]


class SqliteWatch:
    """A Watch over the file `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._approvals = folder_of(path)
        self._connection: sqlite3.Connection | None = None
        self._seen: _Seen | None = None
        self._closed = threading.Event()

    def wait(self, timeout_s: float) -> bool:
        until = time.monotonic() + timeout_s
        while not self._closed.is_set():
            seen = self._look()
            if seen is not None and seen != self._seen:
                self._seen = seen
                return True
            left_s = until - time.monotonic()
            if left_s <= 0 or self._closed.wait(min(STEP_S, left_s)):
                break
        if self._closed.is_set():
            self._disconnect()
        return False

    def close(self) -> None:
        self._closed.set()

    def _look(self) -> _Seen | None:
        """What differs once something was written; None while the file cannot be read."""
        try:
            if self._connection is None:
                self._connection = sqlite3.connect(
                    f"{self._path.absolute().as_uri()}?mode=ro", uri=True, timeout=0, check_same_thread=False
                )
                self._seen = None
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
    """When a directory's entries last changed, in ns; 0 where there is none."""
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0
