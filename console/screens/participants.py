"""The page of the people: who is here, whose the pen is, what was approved, the calendar, the ladder."""

from __future__ import annotations

from console.screens.page import ScrollingPage
from widgets.line import Line
from widgets.participants import participants_lines


class ParticipantsPage(ScrollingPage):
    """Drawn again with every State, so that last-seen stays true."""

    CLOSES = ScrollingPage.CLOSES | {"w"}

    def write(self, width: int, _height: int) -> list[Line]:
        return participants_lines(self.state, width)
