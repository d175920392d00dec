"""Cost of an append beside a bare INSERT of the same row with the same pragmas, in turns on one disk."""

from __future__ import annotations

import sqlite3
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from console.events.evidence import Actor
from console.events.kinds import Noted, encode
from console.journal.sqlite import SqliteJournal

WARM_UP = 50
"""Rounds before the ones that count."""


@dataclass(frozen=True, slots=True)
class AppendCosts:
    """Times of one way of writing, over all rounds."""

    name: str
    wall_us: Sequence[float]
    cpu_us: Sequence[float]

    @property
    def median_us(self) -> float:
        """Median time of a write."""
        return statistics.median(self.wall_us)

    @property
    def p99_us(self) -> float:
        """99th percentile of the time of a write."""
        return statistics.quantiles(self.wall_us, n=100)[98]

    @property
    def cpu_median_us(self) -> float:
        """Median processor time of a write."""
        return statistics.median(self.cpu_us)


def measure(folder: Path, rounds: int) -> tuple[AppendCosts, AppendCosts]:
    """Measure (bare INSERT, append) over `rounds` rounds; every write is committed and flushed by itself."""
    with closing(sqlite3.connect(folder / "bare.db", isolation_level=None)) as bare:
        bare.execute("PRAGMA journal_mode = WAL")
        bare.execute("PRAGMA synchronous = FULL")
        bare.execute("CREATE TABLE events (id INTEGER PRIMARY KEY, rollout, seq, event_id, at, kind, v, who, body)")
        journal = SqliteJournal(folder / "measured" / "journal.db")
        try:
            return _measure_in_turns(
                rounds, lambda event: _insert(bare, event), lambda event: journal.append("bench/1", event)
            )
        finally:
            journal.close()


def _measure_in_turns(
    rounds: int, one: Callable[[Noted], object], other: Callable[[Noted], object]
) -> tuple[AppendCosts, AppendCosts]:
    taken: list[list[tuple[float, float]]] = [[], []]
    for number in range(rounds + WARM_UP):
        order = ((0, one), (1, other)) if number % 2 else ((1, other), (0, one))
        for which, write in order:
            event = _event(number)
            wall, cpu = time.perf_counter(), time.thread_time()
            write(event)
            taken[which].append(((time.perf_counter() - wall) * 1e6, (time.thread_time() - cpu) * 1e6))
    costs = []
    for name, found in zip(("bare INSERT", "append"), taken, strict=True):
        kept = found[WARM_UP:]
        costs.append(AppendCosts(name, [wall for wall, _ in kept], [cpu for _, cpu in kept]))
    return costs[0], costs[1]


def _insert(connection: sqlite3.Connection, event: Noted) -> None:
    connection.execute(
        "INSERT INTO events (rollout, seq, event_id, at, kind, v, who, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        ["bench/1", 1, event.id, event.at.isoformat(), event.kind, event.v, "ana", encode(event)],
    )


def _event(number: int) -> Noted:
    who = Actor(1001, "ana", "bastion-1", 42)
    return Noted(at=datetime.now(UTC), who=who, text=f"note {number}: errors are back at the baseline's level")
