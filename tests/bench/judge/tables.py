"""Findings of a part of a benchmark: tables to read, goals with their results, numbers for JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.bench.judge.shares import Share

Number = float | int | None | str
Cells = Mapping[str, Mapping[str, Number]]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text cells."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def text(self) -> str:
        """For a terminal."""
        widths = [max(len(row[i]) for row in [self.columns, *self.rows]) for i in range(len(self.columns))]
        lines = [_line(row, widths) for row in [self.columns, *self.rows]]
        return "\n".join([self.title, "", *lines, *(["", self.note] if self.note else [])])

    def markdown(self) -> str:
        """For a page."""
        rule = "|" + "---|" * len(self.columns)
        rows = ["| " + " | ".join(row) + " |" for row in [self.columns, *self.rows]]
        return "\n".join([f"## {self.title}", "", rows[0], rule, *rows[1:], *(["", self.note] if self.note else [])])


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip()


class GoalResult(StrEnum):
    """Result of comparing a figure with its goal."""

    OK = "ok"
    MISS = "MISS"
    OPEN = "not settled"
    """The figure misses the goal, but its 95 % interval includes the goal: more stages are needed."""
    UNMEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Goal:
    """One target, the measured figure and the result."""

    name: str
    target: str
    measured: str
    result: GoalResult


def goal_result(ok: bool) -> GoalResult:
    """Result of a figure without an interval."""
    return GoalResult.OK if ok else GoalResult.MISS


def result_with_error(value: float, error: float, most: float) -> GoalResult:
    """Result of a figure with a standard error and the target `<= most`."""
    return GoalResult.OK if value <= most else GoalResult.MISS if value - 1.96 * error > most else GoalResult.OPEN


def share_result(found: Share, most: float) -> GoalResult:
    """Result of a share with the target `<= most` (0..1)."""
    return GoalResult.OK if found.part <= most else GoalResult.MISS if found.bounds[0] > most else GoalResult.OPEN


@dataclass(frozen=True, slots=True)
class Findings:
    """All findings of one part."""

    tables: Sequence[Table] = ()
    goals: Sequence[Goal] = ()
    cells: Cells = field(default_factory=dict)
    """Numbers by cell, for --json."""

    def __add__(self, other: Findings) -> Findings:
        return Findings([*self.tables, *other.tables], [*self.goals, *other.goals], {**self.cells, **other.cells})


def goals_table(goals: Sequence[Goal]) -> Table:
    """The goals as a table, a row each."""
    return Table(
        "Goals",
        ("goal", "target", "measured", ""),
        [(goal.name, goal.target, goal.measured, goal.result.value) for goal in goals],
        "not settled: the figure misses the target, but its 95 % interval includes it. +-: standard error.",
    )
