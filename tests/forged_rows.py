"""Rows that no console writes, inserted into a SQLite journal with hashes that fit, as a member of its group can."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from adapters.contract import TargetReading
from console.events.evidence import Verb
from console.events.kinds import DecisionTaken, Event, RolloutClosed, RolloutOpened
from console.journal import recording
from console.journal.chain import GENESIS, Row, event_row, with_hashes
from console.journal.contract import Journal
from console.journal.sqlite import SqliteStatements
from console.plan.loader import parse
from tests.journal_rig import ANA, AT, note
from tests.rollout_rig import empty_card

PLAN_TEXT = """\
warroom: 1
rollout: checkout
backends: {edge: {adapter: embedded, latency: 0}}
targets: {api: {backend: edge, kind: deploy}}
stages:
  - {name: ten, set: {api: 10}}
  - {name: full, set: {api: 100}}
"""
DIGEST = parse(PLAN_TEXT, "plan.yaml").digest


def opened(percent: float = 0.0, **changes: object) -> RolloutOpened:
    """The opening of a rollout of PLAN_TEXT."""
    readings = (TargetReading("api", AT, percent),)
    event = RolloutOpened(at=AT, who=ANA, plan_digest=DIGEST, plan_text=PLAN_TEXT, readings=readings, reached=0)
    return event.model_copy(update=changes)


def close_run(journal: Journal, rollout: str) -> None:
    """End a rollout as a console does: a decision, then the closing."""
    card = empty_card(Verb.CLOSE)
    journal.append(rollout, DecisionTaken(at=AT, who=ANA, verb=Verb.CLOSE, stage=0, card=card, override="test"))
    journal.append(rollout, RolloutClosed(at=AT, who=ANA, how="complete"))


def forge(path: Path, rollout: str, event: Event | None = None, **columns: object) -> Row:
    """Insert the row of `event` (None: a note) with other values in some columns."""
    of_rollout = "SELECT seq, hash FROM warroom.events WHERE rollout = %s ORDER BY seq DESC LIMIT 1"
    of_journal = "SELECT position, head FROM warroom.events ORDER BY position DESC LIMIT 1"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        connection = SqliteStatements(database)
        database.execute("BEGIN IMMEDIATE")
        seq, prev = connection.execute(of_rollout, [rollout]).fetchone() or (0, GENESIS)
        position, before = connection.execute(of_journal).fetchone() or (0, GENESIS)
        chained = {"login": None, "prev": prev, "before": before}
        row = event_row(note("forged") if event is None else event, rollout, seq + 1, position + 1, **chained)
        row = with_hashes(replace(row, **columns), before)  # type: ignore[arg-type]
        recording.insert_row(connection, row)
        database.execute("COMMIT")
    return row
