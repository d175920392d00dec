"""How long opening a journal takes when most of it is of other rollouts: a small one and a large one, in turns."""

from __future__ import annotations

import sqlite3
import statistics
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from console.events.evidence import Actor
from console.events.kinds import Event, Noted, RolloutClosed, RolloutOpened
from console.journal.chain import GENESIS, chained
from console.journal.recording import insert
from console.journal.sqlite import SqliteJournal

OURS = 1000
"""Events of the rollout that is opened."""
PER_ROLLOUT = 500
"""Events of each other rollout."""
_AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
_ANA = Actor(1001, "ana", "bastion-1", 42)


@dataclass(frozen=True, slots=True)
class Opened:
    """How long opening took: the connection, which run is open, its whole history."""

    events: int
    wall_ms: list[float]

    @property
    def median_ms(self) -> float:
        return statistics.median(self.wall_ms)


def measured(folder: Path, others: int, rounds: int) -> tuple[Opened, Opened]:
    """(a journal of 1,000 events, one with `others` more of other rollouts), opened `rounds` times each in turns."""
    small, large = folder / "small" / "journal.db", folder / "large" / "journal.db"
    filled(small, 0)
    filled(large, others)
    taken: dict[Path, list[float]] = {small: [], large: []}
    for number in range(rounds + 1):
        for path in (small, large) if number % 2 else (large, small):
            began = time.perf_counter()
            _open(path)
            taken[path].append((time.perf_counter() - began) * 1e3)
    return Opened(OURS, taken[small][1:]), Opened(OURS + others, taken[large][1:])


def _open(path: Path) -> None:
    journal = SqliteJournal(path)
    rollout = journal.open_run("ours")
    if rollout is None or len(journal.history(rollout)) != OURS:
        raise AssertionError("the bench's own rollout is not there")
    journal.close()


def filled(path: Path, others: int, ours: int = OURS, per_rollout: int = PER_ROLLOUT) -> None:
    """Make a journal with an open rollout of `ours` events and `others` events of closed rollouts around it."""
    SqliteJournal(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        head = GENESIS
        ends: dict[str, tuple[int, str]] = {}
        for position, (rollout, event) in enumerate(events(others, ours, per_rollout), start=1):
            seq, prev = ends.get(rollout, (0, GENESIS))
            row = chained(event, rollout, seq + 1, position, login=None, prev=prev, before=head)
            insert(connection, row)
            ends[rollout], head = (row.seq, row.hash), row.head
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def events(others: int, ours: int, per_rollout: int) -> Iterator[tuple[str, Event]]:
    """Half of the other rollouts' events, ours, the other half."""
    before = others // 2
    yield from _other_events(0, before, per_rollout)
    yield from (("ours/1", event) for event in _rollout(ours, closed=False))
    yield from _other_events(before, others, per_rollout)


def _other_events(first: int, last: int, per_rollout: int) -> Iterator[tuple[str, Event]]:
    for start in range(first, last, per_rollout):
        count = min(per_rollout, last - start)
        yield from ((f"service-{start % 97}/{start}", event) for event in _rollout(count, closed=count > 1))


def _rollout(count: int, *, closed: bool) -> Iterator[Event]:
    yield RolloutOpened(at=_AT, who=_ANA, plan_digest="ab", plan_text="", readings=(), reached=0)
    for number in range(count - 1 - closed):
        yield Noted(at=_AT + timedelta(seconds=number), who=_ANA, text=f"note {number}")
    if closed:
        yield RolloutClosed(at=_AT, how="complete")
