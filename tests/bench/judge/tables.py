"""What a part of the benchmark found: tables to read, goals to hold, numbers to keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from tests.bench.judge.shares import Share

Number = float | int | None | str
Cells = Mapping[str, Mapping[str, Number]]


@dataclass(frozen=True, slots=True)
class Table:
    """Words in columns."""

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


class Held(StrEnum):
    """How a goal stands."""

    OK = "ok"
    MISS = "MISS"
    OPEN = "not settled"
    """The figure is on the wrong side, but the goal lies within its 95 % interval: more stages are needed."""
    UNMEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Goal:
    """One thing the judge is held to."""

    name: str
    asked: str
    measured: str
    held: Held


def held(ok: bool) -> Held:
    """Of a figure without an interval."""
    return Held.OK if ok else Held.MISS


def near(value: float, error: float, most: float) -> Held:
    """Of a figure with this standard error that should be at most `most`."""
    return Held.OK if value <= most else Held.MISS if value - 1.96 * error > most else Held.OPEN


def at_most(found: Share, most: float) -> Held:
    """Of a share that should be at most `most` (0..1)."""
    return Held.OK if found.part <= most else Held.MISS if found.bounds[0] > most else Held.OPEN


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything one part found."""

    tables: Sequence[Table] = ()
    goals: Sequence[Goal] = ()
    cells: Cells = field(default_factory=dict)
    """Per cell its numbers, for --json."""

    def __add__(self, other: Findings) -> Findings:
        return Findings([*self.tables, *other.tables], [*self.goals, *other.goals], {**self.cells, **other.cells})


def goals_table(goals: Sequence[Goal]) -> Table:
    """The goals as a table."""
    return Table(
        "Goals",
        ("goal", "asked", "measured", ""),
        [(goal.name, goal.asked, goal.measured, goal.held.value) for goal in goals],
        "not settled: the figure is on the wrong side, but its 95 % interval still holds the goal. +-: standard error.",
    )
