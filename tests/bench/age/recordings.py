"""Journals of rollouts that have been open for hours or days, as a console that polls would have written them."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from adapters.contract import Buckets, Counts, Gauge, MetricReply, Reading, Sample
from console.engine.replay import RolloutRecord, checkpoint_at, replay_rollout
from console.events.kinds import SourceRead, encode
from console.journal.sqlite import SqliteJournal

ROLLOUT = "night"
RUN = f"{ROLLOUT}/1"
POLL_S = 5
TICK_S = 10
PLAN = f"""\
warroom: 1
rollout: {ROLLOUT}
timing: {{poll: {POLL_S}s, tick: {TICK_S}s}}
backends:
  edge: {{adapter: embedded, world: night, scenario: healthy, seed: 1}}
  flags: {{adapter: embedded, world: night}}
  metrics: {{adapter: embedded, world: night, rps: 12000}}
targets:
  api: {{backend: edge, name: checkout, kind: deploy, canary: canary, baseline: stable}}
  page: {{backend: flags, name: new-payment-page, kind: flag}}
metrics:
  errors: {{backend: metrics, shape: counts, role: critical}}
  latency: {{backend: metrics, shape: histogram, role: critical}}
  page-errors: {{backend: metrics, shape: counts, role: guard}}
  cpu: {{backend: metrics, shape: gauge, role: info}}
stages:
  - {{name: one, set: {{api: 1}}, bake: 60s}}
  - {{name: all, set: {{api: 100, page: 100}}}}
"""
_AT, _TICK = datetime(2001, 1, 1, tzinfo=UTC), datetime(2002, 2, 2, tzinfo=UTC)
"""Moments that stand for the poll's and the tick's in a template."""
_LARGEST = 7_777_001.0, 7_777_002.0
"""Numbers that stand for drawn ones in a template."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A rollout that was promoted to its first stage, in a folder of its own."""

    folder: Path

    @property
    def journal(self) -> Path:
        """Its journal."""
        return self.folder / "journal.db"

    @property
    def plan(self) -> Path:
        """Its plan."""
        return self.folder / "plan.yaml"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a command that uses it, and nothing of the user's own."""
        own = {"WARROOM_JOURNAL": str(self.journal), "XDG_STATE_HOME": str(self.folder), "HOME": str(self.folder)}
        return {**os.environ, **own}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `warroom` on it."""
        command = [sys.executable, "-m", "console", *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)

    def copy_to(self, folder: Path) -> Recording:
        """A copy that may be changed."""
        shutil.copytree(self.folder, folder)
        return Recording(folder)


def promoted_rollout(folder: Path) -> Recording:
    """A rollout at its first stage, without a recorded sample."""
    folder.mkdir(parents=True)
    made = Recording(folder)
    made.plan.write_text(PLAN, encoding="utf-8")
    done = made.run("promote", str(made.plan), "--override", "--reason", "measured")
    if "confirmed" not in done.stdout:
        raise RuntimeError(f"the promote failed: {done.stdout}{done.stderr}")
    with closing(sqlite3.connect(made.journal)) as connection:
        connection.execute("DELETE FROM samples")
        connection.commit()
    return made


def record_samples(recording: Recording, hours: float, seed: int) -> int:
    """Fill in the samples of so many hours from the promote on; return their number."""
    with closing(sqlite3.connect(recording.journal)) as connection:
        [seq] = connection.execute("SELECT max(seq) FROM events").fetchone()
        rows = ((RUN, seq, at, source, 1, body) for at, source, body in _sample_rows(hours, random.Random(seed)))
        connection.executemany(
            "INSERT INTO samples (rollout, after_seq, at, source, v, body) VALUES (?, ?, ?, ?, ?, ?)", rows
        )
        connection.commit()
        [count] = connection.execute("SELECT count(*) FROM samples").fetchone()
    return int(count)


def store_checkpoint(recording: Recording) -> int:
    """Judge every sample and store the checkpoint, as a console that polls does; return its size in bytes."""
    with closing(SqliteJournal(recording.journal)) as journal:
        judged = replay_rollout(journal, RUN, str(recording.plan))
        chain = RolloutRecord(journal, RUN, str(recording.plan)).chain_at(judged.seq)
        made = checkpoint_at(judged, chain or "")
        if made is None:
            raise RuntimeError("the checkpoint does not give the same state again")
        fence = journal.lease(RUN, "bench", 1.0).fence
        journal.save_checkpoint(RUN, made, fence=fence)
        journal.release(RUN, "bench")
    return len(made.body)


def _sample_rows(hours: float, draw: random.Random) -> Iterator[tuple[str, str, str]]:
    """(time, source, body) of each sample."""
    now = datetime.now(UTC).replace(microsecond=0)
    targets = {source: _template(source, target) for source, target in (("edge", "api"), ("flags", "page"))}
    with_tick, without_tick = _metrics_template(has_tick=True), _metrics_template(has_tick=False)
    polls = int(hours * 3600 / POLL_S)
    for poll in range(polls):
        at = now + timedelta(seconds=POLL_S * (poll + 1))
        at_text = at.isoformat()
        for source, template in targets.items():
            yield at_text, source, _filled(template, at_text, "", draw)
        tick = at - timedelta(seconds=at.timestamp() % TICK_S + TICK_S)
        template = with_tick if poll % 2 else without_tick
        yield at_text, "metrics", _filled(template, at_text, tick.isoformat(), draw)


def _template(source: str, target: str) -> str:
    return encode(SourceRead(id="ID", at=_AT, source=source, targets=(target,)))


def _metrics_template(*, has_tick: bool) -> str:
    bad, more = _LARGEST
    within = ((0.1, 9000.0), (0.5, 9900.0), (1.0, 9990.0))
    arms: dict[str, Sample] = {
        "errors": Counts(10000.0, bad),
        "latency": Buckets(10000.0, within),
        "page-errors": Counts(5000.0, more),
        "cpu": Gauge(more, (bad, more)),
    }
    replies = tuple(
        MetricReply(name, (Reading(_TICK, arm, arm),) if has_tick else (), _AT, _AT, spacing_s=5.0, tick_s=TICK_S)
        for name, arm in arms.items()
    )
    return encode(SourceRead(id="ID", at=_AT, source="metrics", replies=replies))


def _filled(template: str, at: str, tick: str, draw: random.Random) -> str:
    text = template.replace('"ID"', f'"{draw.getrandbits(128):032x}"')
    for stands, word in ((_AT, at), (_TICK, tick)):
        text = text.replace(stands.isoformat().replace("+00:00", "Z"), word)
    for number in _LARGEST:
        text = text.replace(str(number), f"{draw.randrange(2, 9)}.0")
    return text
