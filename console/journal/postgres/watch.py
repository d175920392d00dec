"""Change detection for a PostgreSQL journal: LISTEN on a connection of its own, made anew when it is lost.

Notifications are lost while nobody listens. Therefore the first wait, and the first after every reconnect, says that
there may be something: by then it listens, so whoever reads now and then waits misses nothing.
"""

from __future__ import annotations

import threading
import time

import psycopg

from console.journal.contract import JournalUnavailable
from console.journal.postgres.connection import Connection, connect
from console.journal.postgres.url import Url

SLICE_S = 0.5
"""How long closing may take to be noticed."""
RETRY_S = 1.0
"""How long after a failed connect the next is tried."""


class PostgresWatch:
    """A Watch over the journal at `url`."""

    def __init__(self, url: Url) -> None:
        self._url = url
        self._connection: Connection | None = None
        self._closed = threading.Event()

    def wait(self, timeout_s: float) -> bool:
        until = time.monotonic() + timeout_s
        while not self._closed.is_set():
            if self._connection is None:
                if self._listening():
                    return True
                left_s = until - time.monotonic()
                if left_s <= 0 or self._closed.wait(min(RETRY_S, left_s)):
                    break
                continue
            left_s = until - time.monotonic()
            if self._notified(self._connection, max(0.0, min(SLICE_S, left_s))):
                return True
            if left_s <= 0:
                break
        if self._closed.is_set():
            self._disconnect()
        return False

    def close(self) -> None:
        self._closed.set()

    def _listening(self) -> bool:
        try:
            self._connection = connect(self._url)
            self._connection.execute("LISTEN warroom")
        except (JournalUnavailable, psycopg.Error):
            self._disconnect()
            return False
        return True

    def _notified(self, connection: Connection, timeout_s: float) -> bool:
        try:
            return any(True for _ in connection.notifies(timeout=timeout_s, stop_after=1))
        except psycopg.Error:
            self._disconnect()
            return False

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
