"""Time to open a small journal and a large one whose events mostly belong to other rollouts, in turns."""

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
from console.journal.chain import GENESIS, event_row
from console.journal.recording import insert_row
from console.journal.sqlite import SqliteJournal, SqliteStatements

OWN_EVENTS = 1000
"""Events of the opened rollout."""
PER_ROLLOUT = 500
"""Events of every other rollout."""
_AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
_ANA = Actor(1001, "ana", "bastion-1", 42)


@dataclass(frozen=True, slots=True)
class OpeningTimes:
    """Times to connect, find the open run and read its whole history."""

    events: int
    wall_ms: list[float]

    @property
    def median_ms(self) -> float:
        """Median time of an opening."""
        return statistics.median(self.wall_ms)


def measure(folder: Path, others: int, rounds: int) -> tuple[OpeningTimes, OpeningTimes]:
    """Open (a journal of 1,000 events, one with `others` more) `rounds` times each, in turns."""
    small, large = folder / "small" / "journal.db", folder / "large" / "journal.db"
    fill_journal(small, 0)
    fill_journal(large, others)
    taken: dict[Path, list[float]] = {small: [], large: []}
    for number in range(rounds + 1):
        for path in (small, large) if number % 2 else (large, small):
            began = time.perf_counter()
            _open(path)
            taken[path].append((time.perf_counter() - began) * 1e3)
    return OpeningTimes(OWN_EVENTS, taken[small][1:]), OpeningTimes(OWN_EVENTS + others, taken[large][1:])


def _open(path: Path) -> None:
    journal = SqliteJournal(path)
    rollout = journal.open_run("ours")
    if rollout is None or len(journal.history(rollout)) != OWN_EVENTS:
        raise AssertionError("the journal lacks the benchmark's rollout")
    journal.close()


def fill_journal(path: Path, others: int, ours: int = OWN_EVENTS, per_rollout: int = PER_ROLLOUT) -> None:
    """Create a journal of one open rollout (`ours` events) amid closed ones (`others` events)."""
    SqliteJournal(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        statements = SqliteStatements(connection)
        head = GENESIS
        ends: dict[str, tuple[int, str]] = {}
        for position, (rollout, event) in enumerate(events(others, ours, per_rollout), start=1):
            seq, prev = ends.get(rollout, (0, GENESIS))
            row = event_row(event, rollout, seq + 1, position, login=None, prev=prev, before=head)
            insert_row(statements, row)
            ends[rollout], head = (row.seq, row.hash), row.head
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def events(others: int, ours: int, per_rollout: int) -> Iterator[tuple[str, Event]]:
    """Half of the other rollouts' events, those of the open rollout, the other half."""
    before = others // 2
    yield from _other_events(0, before, per_rollout)
    yield from (("ours/1", event) for event in _rollout(ours, closed=False))
    yield from _other_events(before, others, per_rollout)


def _other_events(first: int, last: int, per_rollout: int) -> Iterator[tuple[str, Event]]:
    for start in range(first, last, per_rollout):
        count = min(per_rollout, last - start)
        yield from ((f"service-{start % 97}/{start + 1}", event) for event in _rollout(count, closed=count > 1))


def _rollout(count: int, *, closed: bool) -> Iterator[Event]:
    yield RolloutOpened(at=_AT, who=_ANA, plan_digest="ab", plan_text="", readings=(), reached=0)
    for number in range(count - 1 - closed):
        yield Noted(at=_AT + timedelta(seconds=number), who=_ANA, text=f"note {number}")
    if closed:
        yield RolloutClosed(at=_AT, how="complete")
