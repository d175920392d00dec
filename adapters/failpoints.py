"""Named points around every append to the journal and every backend call.

A test or a benchmark can count them, or end the process at one: a crash at a chosen write, not at a chosen time. In a
console they are not watched, and passing one is a single comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Watch = Callable[[str], None]
"""Called with a point's name, in the thread that reached it."""

_watch: Watch | None = None


def failpoint(point: str) -> None:
    """Pass `point`, in the thread that does the work."""
    if _watch is not None:
        _watch(point)


@contextmanager
def observing(watch: Watch) -> Iterator[None]:
    """Call `watch` at every point of this process, within the block."""
    global _watch
    before, _watch = _watch, watch
    try:
        yield
    finally:
        _watch = before
