"""Checks that every HTTP adapter must pass, against a loopback server that misbehaves in each known way.

Plain functions, to be awaited in a test; `adapters.testing.suite` runs them all over one adapter.
"""

from __future__ import annotations

import asyncio
import json
import time
import traceback
import unicodedata
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from adapters.contract import Backend, BackendError, Context
from adapters.testing.behaviors import NEVER_ANSWERS, SECRET, Bad
from adapters.testing.server import Good, serving

B = TypeVar("B", bound=Backend)
_TRIES = 4
_CHANGES = ("PUT", "PATCH", "DELETE")


class WallClock:
    """The real clock, for adapters under test."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def context(deadline_s: float = 5.0, *, source: str = "src", state_dir: Path | None = None) -> Context:
    """Make a Context as an engine would, with one deadline for reads and writes."""
    return Context(source, "rollout-1", WallClock(), deadline_s, deadline_s, state_dir or Path())


async def check_call(
    bad: Bad,
    connect: Callable[[str, Context], B],
    call: Callable[[B], Awaitable[object]],
    *,
    good: Good | None = None,
    expected: Mapping[str, type[BackendError]] | None = None,
) -> BackendError:
    """Run one read or write against one bad behavior and check its error: kind, words, secrets, one write at most.

    Args:
        bad: how the server behaves.
        connect: makes the adapter's backend for (url, context); it is closed afterwards.
        call: awaits one read or one write.
        good: proper answers to calls that must come first (a write's own read); see `Good`.
        expected: behavior name -> another error, where this adapter must see it otherwise.

    Returns:
        The error, for further assertions.
    """
    wanted = (expected or {}).get(bad.name, bad.expected)
    for _ in range(_TRIES if bad.deadline_s < 1 else 1):
        async with (
            serving(bad.serve, good) as server,
            aclosing(connect(server.url, context(bad.deadline_s))) as backend,
            asyncio.timeout(bad.deadline_s + 5.0),
        ):
            try:
                result = await call(backend)
            except BackendError as caught:
                error = caught
            else:
                raise AssertionError(f"{bad.name}: no BackendError, but {result!r}")
        if isinstance(error, wanted):
            break
        bad = replace(bad, deadline_s=2 * bad.deadline_s)  # on a busy machine the connection itself can be late
    assert isinstance(error, wanted), f"{bad.name}: {wanted.__name__} expected, got {error!r}"
    check_plain(error)
    check_no_secret(error, backend)
    unanswered = [request for request in server.requests if good is None or good(request) is None]
    writes = [request.path for request in unanswered if "traceparent" in request.headers or request.method in _CHANGES]
    assert len(writes) <= 1, f"{bad.name}: a write was sent again: {writes}"
    return error


async def check_cancel(
    connect: Callable[[str, Context], B], call: Callable[[B], Awaitable[object]], *, good: Good | None = None
) -> None:
    """Cancel a call in flight and check that CancelledError comes out at once, as itself."""
    async with (
        serving(NEVER_ANSWERS.serve, good) as server,
        aclosing(connect(server.url, context(30.0))) as backend,
        asyncio.timeout(5.0),
    ):
        task = asyncio.ensure_future(call(backend))
        await server.reached.wait()
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled(), "a canceled call must end with CancelledError"


def check_plain(error: BackendError) -> None:
    """Check that an error is one bounded line that starts with the source and cannot act on a terminal."""
    line = str(error)
    assert line.startswith(f"{error.source}: "), f"{line!r} does not start with the source"
    assert 0 < len(error.reason) <= 650, f"a reason has 1 to 650 characters, not {len(error.reason)}"
    acting = [char for char in line if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")]
    assert not acting, f"control characters in {line!r}"


def check_no_secret(error: BackendError, backend: object) -> None:
    """Check that no form of SECRET is in an error, its traceback or its backend's repr."""
    spoken = [str(error), repr(error), repr(backend), str(error.__cause__), *traceback.format_exception(error)]
    for form in (SECRET, quote(SECRET), quote(SECRET, safe=""), json.dumps(SECRET)[1:-1]):
        assert not any(form in text for text in spoken), f"the secret is in {spoken[:4]}"
