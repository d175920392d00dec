"""The report of a benchmark: its tables and its goals."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tests.bench.judge.tables import Findings, Goal, GoalResult, goals_table


@dataclass(frozen=True, slots=True)
class BenchReport:
    """The results of one run."""

    findings: Findings

    @property
    def missed(self) -> list[Goal]:
        """Goals not reached."""
        return [goal for goal in self.findings.goals if goal.result is GoalResult.MISS]

    def text(self) -> str:
        """For a terminal: the tables, then the goals."""
        return "\n\n\n".join(table.text() for table in (*self.findings.tables, goals_table(self.findings.goals)))

    def json(self) -> str:
        """Every figure, as one JSON object."""
        return json.dumps(self.findings.cells)
