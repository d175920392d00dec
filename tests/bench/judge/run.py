"""Run the parts of the judge benchmark in order; report tables with goals, or JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.bench.judge import (
    alt,
    cost,
    dirty,
    forecast,
    gauge,
    interval,
    latency,
    mid,
    null,
    own_rate,
    ready,
    recorded,
    traffic,
)
from tests.bench.judge.cells import FULL, QUICK, Scale
from tests.bench.judge.tables import Findings, Goal, GoalResult, goals_table

Part = Callable[[Scale, int], Findings]
PARTS: Mapping[str, Sequence[Part]] = {
    "null": [null.run],
    "alt": [alt.run, latency.run, own_rate.run],
    "mid": [mid.run],
    "ready": [ready.run, forecast.run, interval.run],
    "gauge": [gauge.run],
    "dirty": [dirty.run, traffic.run],
    "real": [recorded.run],
    "cost": [cost.run],
}


@dataclass(frozen=True, slots=True)
class JudgeReport:
    """The results of one run."""

    seed: int
    quick: bool
    findings: Findings
    took_s: Mapping[str, float]

    @property
    def missed(self) -> list[Goal]:
        """Goals not reached."""
        return [goal for goal in self.findings.goals if goal.result is GoalResult.MISS]

    def text(self) -> str:
        """For a terminal: the tables, then the goals."""
        tables = [table.text() for table in self.findings.tables]
        return "\n\n\n".join([*tables, goals_table(self.findings.goals).text()])

    def markdown(self, date: str) -> str:
        """For a page: the goals, then the tables, in Markdown."""
        scale = "quick" if self.quick else "full"
        head = (
            "# The judge, measured\n\n"
            f"Written by `python -m tests.bench judge{' --quick' if self.quick else ''} --seed {self.seed} --write` on"
            f" {date}: the {scale} size. Every figure except the cost is a function of the seed. Terms:"
            " [verdicts.md](verdicts.md).\n"
        )
        tables = [goals_table(self.findings.goals), *self.findings.tables]
        return "\n".join([head, "\n\n".join(table.markdown() for table in tables), ""])

    def json(self) -> str:
        """Every figure and text, as one JSON object."""
        goals = [
            {"name": goal.name, "target": goal.target, "measured": goal.measured, "result": goal.result.value}
            for goal in self.findings.goals
        ]
        return json.dumps(
            {
                "seed": self.seed,
                "quick": self.quick,
                "goals": goals,
                "cells": self.findings.cells,
                "took_s": self.took_s,
            },
            allow_nan=False,
        )


def run(seed: int, *, quick: bool, only: str | None, progress: Callable[[str], None] = lambda _: None) -> JudgeReport:
    """Run every part, or the part `only`; call `progress` with each part's name and seconds."""
    scale = QUICK if quick else FULL
    findings, took = Findings(), {}
    for name, parts in PARTS.items():
        if only is not None and name != only:
            continue
        began = time.perf_counter()
        for part in parts:
            findings += part(scale, seed)
        took[name] = round(time.perf_counter() - began, 1)
        progress(f"{name}: {took[name]:.0f} s")
    return JudgeReport(seed, quick, findings, took)
