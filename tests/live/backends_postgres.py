"""The throw-away PostgreSQL of live tests: a skip where there is none, a failure under WARROOM_LIVE=1."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.bench import postgres as server
from console.bench.postgres import PASSWORD, NotInstalled, Postgres

__all__ = ["PASSWORD", "Postgres", "postgres"]


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[Postgres]:
    """A running server with empty data; its log goes to `folder`. Skips where PostgreSQL is not installed."""
    try:
        with server.postgres(folder) as running:
            yield running
    except NotInstalled as error:
        if os.environ.get("WARROOM_LIVE") == "1":
            pytest.fail(f"{error}, and WARROOM_LIVE=1 asks for the live tests")
        pytest.skip(f"{error} (WARROOM_LIVE=1 makes this a failure)")
