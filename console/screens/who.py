"""The page of the people: who is here, whose the pen is, what was approved, the calendar, the ladder."""

from __future__ import annotations

from console.screens.page import Page
from widgets.crew import crew_lines
from widgets.line import Line


class Who(Page):
    """Drawn again with every State, so that last-seen stays true."""

    CLOSES = Page.CLOSES | {"w"}

    def write(self, width: int, _height: int) -> list[Line]:
        return crew_lines(self.state, width)
