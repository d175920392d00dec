"""Rows that no console writes, inserted into a SQLite journal with hashes that fit, as a member of its group can."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import replace
from pathlib import Path

from adapters.contract import TargetReading
from console.events.kinds import Event, RolloutOpened
from console.journal import recording
from console.journal.chain import GENESIS, Row, event_row, with_hashes
from console.journal.contract import Journal
from console.journal.sqlite import SqliteStatements
from tests.journal_rig import AT, close_decision, closing, note, opening


def opened(percent: float = 0.0, **changes: object) -> RolloutOpened:
    """The opening of a rollout whose target reads `percent`."""
    return opening().model_copy(update={"readings": (TargetReading("api", AT, percent),), **changes})


def close_run(journal: Journal, rollout: str) -> None:
    """End a rollout as a console does: a decision, then the closing."""
    journal.append(rollout, close_decision())
    journal.append(rollout, closing())


def forge(path: Path, rollout: str, event: Event | None = None, **columns: object) -> Row:
    """Insert the row of `event` (None: a note) with other values in some columns."""
    of_rollout = "SELECT seq, hash FROM warroom.events WHERE rollout = %s ORDER BY seq DESC LIMIT 1"
    of_journal = "SELECT position, head FROM warroom.events ORDER BY position DESC LIMIT 1"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        connection = SqliteStatements(database)
        database.execute("BEGIN IMMEDIATE")
        seq, prev = connection.execute(of_rollout, [rollout]).fetchone() or (0, GENESIS)
        position, before = connection.execute(of_journal).fetchone() or (0, GENESIS)
        made = note("forged") if event is None else event
        row = event_row(made, rollout, seq + 1, position + 1, login=None, prev=prev, before=before)
        row = with_hashes(replace(row, **columns), before)  # type: ignore[arg-type]
        recording.insert_row(connection, row)
        database.execute("COMMIT")
    return row
