"""A real open rollout on the embedded world, promoted to 10 %: what every forged row is inserted behind."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters.contract import Outcome, Setting, TargetReading
from console.events.evidence import Actor, Card, MetricEvidence, Verb
from console.events.kinds import (
    DecisionTaken,
    RequestMade,
    RequestSettled,
    RolloutOpened,
    SourceRead,
    TargetObserved,
    encode,
)
from tests.rows.running import run

PLAN_NAME = "shop"
RUN = f"{PLAN_NAME}/1"
PLAN = f"""\
warroom: 1
rollout: {PLAN_NAME}
timing: {{poll: 50ms, tick: 10s, read_deadline: 2s, write_deadline: 200ms}}
backends: {{edge: {{adapter: embedded, latency: 0}}}}
targets:
  api: {{backend: edge, kind: deploy}}
  page: {{backend: edge, kind: flag}}
metrics:
  errors: {{backend: edge, bad: errors, total: requests, role: critical}}
stages:
  - {{name: ten, set: {{api: 10, page: 10}}, bake: 1s}}
  - {{name: half, set: {{api: 50, page: 50}}, bake: 1s}}
  - {{name: full, set: {{api: 100, page: 100}}, bake: 1s}}
"""
PROMOTED = {"api": 10.0, "page": 10.0}
OPENING = {"api": 0.0, "page": 0.0}
"""What the world reads at the opening: the exposure that a rollback has to reach."""

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Facts:
    """The bodies of a prepared journal, for rows that refer to them."""

    opened: Body
    promoted: Body
    made: Body
    """The request for `api`."""
    settled: Body
    observed: Body
    """The reading of `api` at 10 %."""
    sample: Body
    """The newest sample."""

    @property
    def at(self) -> str:
        """The time of the newest of them, as bodies have it."""
        return str(self.observed["at"])

    @property
    def who(self) -> Body:
        """The operator who promoted."""
        return dict(self.promoted["who"])


def prepare(folder: Path, journal: str | None = None) -> Facts:
    """As `open_at_ten`; returns what the journal holds then."""
    open_at_ten(folder, journal)
    return facts_of(folder / "journal.db") if journal is None else facts_of_server(journal)


def open_at_ten(folder: Path, journal: str | None = None) -> None:
    """Open a rollout in `folder` through the command, and promote it once.

    `journal`: URL of a server's journal, where the folder is the user's state directory; None: `journal.db` in it.
    """
    (folder / "plan.yaml").write_text(PLAN, encoding="utf-8")
    place = journal or str(folder / "journal.db")
    ended = run("promote", str(folder / "plan.yaml"), "--journal", place)
    if ended.code != 0 or exposure(folder) != PROMOTED:
        raise AssertionError(f"the rollout was not prepared: exit {ended.code}: {ended.last_line}")


def facts_of(journal: Path) -> Facts:
    """The facts of a prepared SQLite journal."""
    with closing(sqlite3.connect(journal)) as database:
        events = database.execute("SELECT kind, body FROM events ORDER BY id").fetchall()
        samples = database.execute("SELECT body FROM samples ORDER BY id").fetchall()
    return _facts(events, samples)


def facts_of_server(url: str) -> Facts:
    """The facts of a prepared PostgreSQL journal."""
    import psycopg

    with psycopg.connect(url) as database:
        events = database.execute("SELECT kind, body FROM warroom.events ORDER BY position").fetchall()
        samples = database.execute("SELECT body FROM warroom.samples ORDER BY id").fetchall()
    return _facts(events, samples)


def _facts(events: list[tuple[Any, ...]], samples: list[tuple[Any, ...]]) -> Facts:
    bodies = [(kind, json.loads(body)) for kind, body in events]
    made = _first(bodies, "request_made", lambda body: body["target"] == "api")
    return Facts(
        opened=_first(bodies, "rollout_opened"),
        promoted=_first(bodies, "decision_taken"),
        made=made,
        settled=_first(bodies, "request_settled", lambda body: body["request"] == made["id"]),
        observed=_first(bodies, "target_observed", lambda body: body["reading"]["target"] == "api"),
        sample=json.loads(samples[-1][0]),
    )


def _first(bodies: list[tuple[str, Body]], kind: str, fits: Any = lambda body: True) -> Body:
    return next(body for each, body in bodies if each == kind and fits(body))


def example_facts() -> Facts:
    """Facts of no journal, to know the names of all forgeries before there is one."""
    at = datetime(2026, 12, 1, 4, tzinfo=UTC)
    ana = Actor(1001, "ana", "bastion-1", 42)
    readings = (TargetReading("api", at, 0), TargetReading("page", at, 0, on=False))
    metric = MetricEvidence("errors", "critical", "no_data", "", "none", "none", 0.0, None)
    card = Card(Verb.PROMOTE, "start", "ten", 0, at, metrics=(metric,))
    opened = RolloutOpened(at=at, who=ana, plan_digest="ab", plan_text=PLAN, readings=readings, reached=0)
    promoted = DecisionTaken(at=at, who=ana, verb=Verb.PROMOTE, stage=0, move=1, card=card)
    made = RequestMade(
        at=at,
        who=ana,
        decision=promoted.id,
        backend="edge",
        target="api",
        setting=Setting(10),
        send_by=at,
        deadline_s=0.2,
    )
    settled = RequestSettled(at=at, who=ana, request=made.id, outcome=Outcome.ACCEPTED)
    observed = TargetObserved(at=at, reading=TargetReading("api", at, 10))
    events = (opened, promoted, made, settled, observed)
    sample = SourceRead(at=at, source="edge", targets=("api", "page"))
    return Facts(*(json.loads(encode(event)) for event in (*events, sample)))


def copy_prepared(prepared: Path, folder: Path) -> Path:
    """A fresh copy of a prepared folder: plan, world and journal."""
    shutil.copytree(prepared, folder, ignore=shutil.ignore_patterns("*-wal", "*-shm", "*.spool*"))
    return folder


def exposure(folder: Path) -> dict[str, float]:
    """What each target of the embedded world really exposes, from the world's own log."""
    lines = [line for path in folder.rglob("world-*.jsonl") for line in path.read_text(encoding="utf-8").splitlines()]
    found = dict(OPENING)
    for change in map(json.loads, filter(None, lines)):
        found[change["target"]] = 0.0 if change["on"] is False else float(change["percent"])
    return found
