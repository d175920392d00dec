"""The throw-away PostgreSQL of live tests: a skip where there is none, a failure under WARROOM_LIVE=1."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.bench import postgres as server
from tests.bench.postgres import PASSWORD, NotInstalled, Postgres
from tests.live.servers import absent

__all__ = ["PASSWORD", "Postgres", "postgres"]


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[Postgres]:
    """A running server with empty data; its log goes to `folder`. Skips where PostgreSQL is not installed."""
    try:
        with server.postgres(folder) as running:
            yield running
    except NotInstalled as error:
        absent(str(error))
