"""What the engine gives an adapter: a clock, deadlines and a folder on connecting, a permit for each write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from adapters.contract.errors import Withdrawn


class Clock(Protocol):
    """Time as an input: the real one, a faster one for demos, a hand-stepped one for tests."""

    def now(self) -> datetime:
        """UTC, timezone-aware."""

    def monotonic(self) -> float:
        """Seconds that never go back and that count suspend."""

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds` of this clock."""


def _ignore_time(_earliest: datetime, _latest: datetime) -> None:
    """Drop a server's time."""


@dataclass(frozen=True, slots=True)
class Context:
    """Everything an adapter gets when it connects, beside its options."""

    source: str
    """The plan's name of this backend; every error starts with it."""
    rollout: str
    """The plan's name of the rollout."""
    clock: Clock
    read_deadline_s: float
    write_deadline_s: float
    state_dir: Path
    """A private folder (0700) in which the embedded world keeps its log."""
    changed: Callable[[], None] = lambda: None
    """Call it in the engine's loop when the backend reports a change: its targets are read again at once."""
    report_time: Callable[[datetime, datetime], None] = _ignore_time
    """Call it as soon as an answer carries the server's own time: it is between these two now (UTC).

    `clock` then gives the server's time where this host is off by more than two seconds. `Transport` calls it for HTTP.
    """


@dataclass(frozen=True, slots=True)
class Permit:
    """Permission to send one write, checked just before its bytes leave.

    An adapter calls `check` right before every write it sends; the transport does so for HTTP.
    """

    trace: str
    """W3C traceparent of the decision: the same trace id on every call of one decision."""
    lapsed: Callable[[], str | None] = lambda: None
    """Why the write may no longer be sent (send_by passed, a rollback overtook it), or None."""

    def check(self, source: str, verb: str) -> None:
        """Raise Withdrawn if the permit has lapsed."""
        reason = self.lapsed()
        if reason is not None:
            raise Withdrawn(source, verb, f"not sent: {reason}")
