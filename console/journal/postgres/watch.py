"""Change detection for a PostgreSQL journal by LISTEN on a second connection.

Notifications are lost while no connection listens. Therefore the first wait, and the first after each reconnect,
reports a possible change. The connection listens by then, so a caller that reads and waits again misses nothing.
"""

from __future__ import annotations

import threading
import time

import psycopg

from console.journal.contract import JournalUnavailable
from console.journal.postgres.connection import Connection, connect
from console.journal.postgres.url import Url

SLICE_S = 0.5
"""Time in seconds within which a wait notices `close`."""
RETRY_S = 1.0
"""Pause in seconds after a failed connect."""


class PostgresWatch:
    """A Watch over the journal at `url`."""

    def __init__(self, url: Url) -> None:
        self._url = url
        self._connection: Connection | None = None
        self._closed = threading.Event()

    def wait(self, timeout_s: float) -> bool:
        """Wait for a notification; see `Watch.wait`."""
        until = time.monotonic() + timeout_s
        while not self._closed.is_set():
            if self._connection is None:
                if self._start_listening():
                    return True
                left_s = until - time.monotonic()
                if left_s <= 0 or self._closed.wait(min(RETRY_S, left_s)):
                    break
                continue
            left_s = until - time.monotonic()
            if self._has_notification(self._connection, max(0.0, min(SLICE_S, left_s))):
                return True
            if left_s <= 0:
                break
        if self._closed.is_set():
            self._disconnect()
        return False

    def close(self) -> None:
        """End a wait under way, within `SLICE_S`."""
        self._closed.set()

    def _start_listening(self) -> bool:
        try:
            self._connection = connect(self._url)
            self._connection.execute("LISTEN warroom")
        except (JournalUnavailable, psycopg.Error):
            self._disconnect()
            return False
        return True

    def _has_notification(self, connection: Connection, timeout_s: float) -> bool:
        try:
            return any(True for _ in connection.notifies(timeout=timeout_s, stop_after=1))
        except psycopg.Error:
            self._disconnect()
            return False

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
