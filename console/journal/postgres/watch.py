"""Change detection for a PostgreSQL journal by LISTEN on a second connection.

Notifications are lost while no connection listens. Therefore the first wait, and the first after each reconnect,
reports a possible change. The connection listens by then, so a caller that reads and waits again misses nothing.
"""

from __future__ import annotations

import psycopg

from console.journal.contract import JournalUnavailable
from console.journal.postgres.connection import Connection, connect
from console.journal.postgres.url import Url
from console.journal.watch import ConnectedWatch

SLICE_S = 0.5
"""Time in seconds within which a wait notices `close`."""
RETRY_S = 1.0
"""Pause in seconds after a failed connect."""


class PostgresWatch(ConnectedWatch):
    """A Watch over the journal at `url`; `close` ends a wait within `SLICE_S`."""

    def __init__(self, url: Url) -> None:
        super().__init__()
        self._url = url
        self._connection: Connection | None = None

    def _has_changed(self, within_s: float) -> bool:
        if self._connection is None:
            if self._start_listening():
                return True
            self._closed.wait(min(RETRY_S, within_s))
            return False
        try:
            return any(True for _ in self._connection.notifies(timeout=min(SLICE_S, within_s), stop_after=1))
        except psycopg.Error:
            self._disconnect()
            return False

    def _start_listening(self) -> bool:
        try:
            self._connection = connect(self._url)
            self._connection.execute("LISTEN warroom")
        except (JournalUnavailable, psycopg.Error):
            self._disconnect()
            return False
        return True

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
