"""The command line in this process: a plan on the embedded world, a journal beside it, and what a command said."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from console.cli import main
from console.events.kinds import Event
from console.journal.sqlite import SqliteJournal

TIMING = "timing: {poll: 50ms, tick: 1s, read_deadline: 2s, write_deadline: 300ms}"

PLAN = f"""\
warroom: 1
rollout: one
{TIMING}
backends: {{edge: {{adapter: embedded, latency: 0}}}}
targets: {{api: {{backend: edge, kind: deploy}}}}
stages:
  - {{name: five, set: {{api: 5}}}}
  - {{name: half, set: {{api: 50}}}}
  - {{name: full, set: {{api: 100}}}}
"""

MANUAL = f"""\
warroom: 1
rollout: manual
{TIMING}
backends: {{edge: {{adapter: embedded, latency: 0}}}}
targets: {{api: {{backend: edge, kind: deploy}}}}
stages:
  - {{name: five, set: {{api: 5}}}}
  - {{name: migrate, manual: "run migration 042", one_way: true}}
  - {{name: full, set: {{api: 100}}}}
rollback:
  - {{id: traffic, set: {{api: 0}}}}
  - {{id: tell, manual: "say so in #incidents", needs: [traffic]}}
"""


@dataclass
class Shell:
    """Somebody at a shell."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    out: str = ""
    err: str = ""

    @property
    def plan(self) -> Path:
        return self.folder / "plan.yaml"

    @property
    def journal(self) -> Path:
        return self.folder / "journal.db"

    @property
    def complaint(self) -> str:
        """The last line on stderr: the answer of a verb that did not end well."""
        return self.err.splitlines()[-1]

    def edit(self, text: str) -> None:
        self.plan.write_text(text, encoding="utf-8")

    def arguments(self, command: str, *more: str) -> list[str]:
        plan = [] if command.startswith("log") else [str(self.plan)]
        return [*command.split(), *plan, "--journal", str(self.journal), *more]

    def run(self, command: str, *more: str) -> int:
        """Run a command; what it wrote stands in `out` and `err` until the next one."""
        code = main(self.arguments(command, *more))
        self.out, self.err = self.capsys.readouterr()
        return code

    def world(self) -> list[str]:
        """The lines of the embedded world's log: what really was done."""
        return [line for path in self.folder.glob("world-*.jsonl") for line in path.read_text().splitlines()]

    def events(self) -> list[Event]:
        journal = SqliteJournal(self.journal)
        found = [entry.event for run in reversed(journal.runs()) for entry in journal.tail(run.rollout, 0)]
        journal.close()
        return found

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events()]


def shell(folder: Path, capsys: pytest.CaptureFixture[str], plan: str = PLAN) -> Shell:
    """A shell in `folder`, where `plan` lies."""
    made = Shell(folder, capsys)
    made.edit(plan)
    return made
