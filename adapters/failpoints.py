"""Numbered points in the life of a write, around every append of the journal and every call of a backend.

A bench or a test may look on at each of them, count them, or end the process there: a crash at a chosen write, not at a
chosen time. In a console nobody looks on, and passing a point is one comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Watch = Callable[[str], None]
"""Called with a point's name, in the thread that reached it."""

_watch: Watch | None = None


def failpoint(point: str) -> None:
    """The process has come to `point`."""
    if _watch is not None:
        _watch(point)


@contextmanager
def observing(watch: Watch) -> Iterator[None]:
    """Within the block `watch` is called at every point of this process."""
    global _watch
    before, _watch = _watch, watch
    try:
        yield
    finally:
        _watch = before
