"""What whoever lost a race is shown: who moved the rollout, when and how, and what is there now. Nothing was sent."""

from __future__ import annotations

from console.screens.page import ScrollingPage
from console.state.values import State
from widgets.line import Line, Look, Piece
from widgets.sheet import rows_of


def lost_race_lines(line: str, width: int) -> list[Line]:
    """The engine's one line in rows that can be read one by one."""
    head, *rest = [part.strip() for part in line.split("; ") if part.strip()]
    lines: list[Line] = [(Piece("SOMEBODY ELSE WAS FIRST; nothing of yours was sent", Look.ALARM),), ()]
    lines += [(Piece(row, Look.STRONG),) for row in rows_of(head, width)]
    for part in rest:
        rows = rows_of(part, max(width - 2, 10))
        lines += [(Piece("  "), Piece(row)) for row in rows]
    return lines


class LostRacePage(ScrollingPage):
    """The page of one lost race."""

    def __init__(self, state: State | None, line: str) -> None:
        super().__init__(state)
        self.line = line

    def write(self, width: int, _height: int) -> list[Line]:
        return lost_race_lines(self.line, width)
