"""The page after a lost race: who moved the rollout first, when and how.

Nothing was sent from here.
"""

from __future__ import annotations

from console.screens.page import ScrollingPage
from console.state.values import State
from widgets.line import Line, Look, Piece
from widgets.sheet import rows_of


def lost_race_lines(line: str, width: int) -> list[Line]:
    """Draw the engine's line with one row for each of its parts."""
    head, *rest = [part.strip() for part in line.split("; ") if part.strip()]
    lines: list[Line] = [(Piece("ANOTHER CONSOLE WAS FIRST: nothing was sent from here", Look.ALARM),), ()]
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
        """See `ScrollingPage.write`."""
        return lost_race_lines(self.line, width)
