"""What holds for all tests: how they are spread over processes, and that a busy machine fails none of them."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("warroom", deadline=None)
settings.load_profile("warroom")

# Most of a console's start is compiling, unless its modules may be kept compiled; tests start hundreds of consoles.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

MOST_WORKERS = 8
BENCH = "bench_faults"
"""Part of the name of files whose tests start dozens of consoles at a time and read the figures of one run together."""
KUBE = ("test_argo", "test_deployment", "test_flagger", "test_kube")
"""How the names of the live tests begin that share a cluster."""


def worker_group(nodeid: str) -> str:
    """What a test has in common with those that must run in the same worker; its own id where there are none."""
    file = Path(nodeid.partition("::")[0])
    if BENCH in file.stem:
        return BENCH
    if file.parent.name == "live":
        return "kube" if file.stem.startswith(KUBE) else file.stem
    return nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Hand out test by test what shares nothing, and whole the groups of tests that share a server.

    A mark would say it (xdist_group), but xdist 3.8 loses it under pytest 9.2.
    """
    from xdist.scheduler import LoadScopeScheduling

    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = worker_group  # how a subclass of it would say so, too
    return scheduler


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two workers a core, because a third of the time is waiting; none where only files or tests are named."""
    named = [Path(argument.partition("::")[0]) for argument in config.args]
    if all(path.is_file() for path in named):
        return 0
    return min(2 * (os.cpu_count() or 1), MOST_WORKERS)


def pytest_configure() -> None:
    """Say that this thread has no event loop, or pytest-asyncio 1.1 to 1.3 makes one that is never closed."""
    asyncio.set_event_loop(None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slow tests, so that none is left over at the end."""
    for item in items:
        if BENCH in item.path.stem:
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users may enter; `tmp_path` lies in one that pytest closes to them."""
    with tempfile.TemporaryDirectory(prefix="warroom-open-") as made:
        folder = Path(made)
        folder.chmod(0o755)
        yield folder
