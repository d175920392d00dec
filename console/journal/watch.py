"""Change detection: the wait that every journal shares, and that for a SQLite journal by `PRAGMA data_version`.

The value, about 2 us a call, differs from one call to the next if another connection wrote in between. Presence and
leases are in the same file and are written all the time: only a newer event or sample counts as a change, so that fifty
consoles do not wake one another. Approvals are files beside the journal: their directory's modification time counts.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from abc import ABC, abstractmethod
from pathlib import Path

from console.journal.approvals import folder_of

NOTICED_S = 0.1
"""Time in seconds within which a watch notices a change, unless another is asked for."""

_Version = tuple[object, ...]
_NEWEST = "SELECT (SELECT max(id) FROM events), (SELECT max(id) FROM samples)"


class ConnectedWatch(ABC):
    """A Watch over a connection, which a subclass opens on demand."""

    def __init__(self) -> None:
        self._closed = threading.Event()

    def wait(self, timeout_s: float) -> bool:
        """Wait for a change; see `Watch.wait`."""
        until = time.monotonic() + timeout_s
        while not self._closed.is_set():
            left_s = max(0.0, until - time.monotonic())
            if self._has_changed(left_s):
                return True
            if left_s == 0:
                break
        if self._closed.is_set():
            self._disconnect()
        return False

    def close(self) -> None:
        """End a wait under way, from any thread."""
        self._closed.set()

    @abstractmethod
    def _has_changed(self, within_s: float) -> bool:
        """Whether something may have been recorded, after a step of `within_s` at most."""

    @abstractmethod
    def _disconnect(self) -> None:
        """Close the connection, if there is one."""


class SqliteWatch(ConnectedWatch):
    """A Watch over the file `path`, which it looks at every `noticed_s`: each look costs a wake-up of the process."""

    def __init__(self, path: Path, noticed_s: float = NOTICED_S) -> None:
        super().__init__()
        self._path = path
        self._step_s = noticed_s
        self._connection: sqlite3.Connection | None = None
        self._last: _Version | None = None
        self._newest: _Version | None = None
        """The newest event, the newest sample and the file and approvals they were seen with."""

    def _has_changed(self, within_s: float) -> bool:
        version = self._version()
        if version is None or version == self._last:
            self._closed.wait(min(self._step_s, within_s))
            return False
        self._last = version
        newest = self._newest_rows(version)
        if newest is not None and newest == self._newest:
            return False
        self._newest = newest
        return True

    def _version(self) -> _Version | None:
        """A value that changes with each write; None while the file cannot be read."""
        try:
            if self._connection is None:
                self._connection = sqlite3.connect(
                    f"{self._path.absolute().as_uri()}?mode=ro", uri=True, timeout=0, check_same_thread=False
                )
                self._last = self._newest = None
            version = self._connection.execute("PRAGMA data_version").fetchone()[0]
            found = self._path.stat()
        except (sqlite3.Error, OSError):
            self._disconnect()
            return None
        return version, found.st_dev, found.st_ino, _changed_at(folder_of(self._path))

    def _newest_rows(self, version: _Version) -> _Version | None:
        """The newest rows beside the rest of `version`; None while they cannot be read."""
        try:
            newest = self._connection.execute(_NEWEST).fetchone() if self._connection is not None else None
        except sqlite3.Error:
            return None
        return None if newest is None else (*newest, *version[1:])

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
