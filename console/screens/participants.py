"""The page of the participants: members, pen, approvals, calendar, escalation."""

from __future__ import annotations

from console.screens.page import ScrollingPage
from widgets.line import Line
from widgets.participants import participants_lines


class ParticipantsPage(ScrollingPage):
    """The participants; drawn again with every State, so that ages stay correct."""

    CLOSES = ScrollingPage.CLOSES | {"w"}

    def write(self, width: int, _height: int) -> list[Line]:
        """See `ScrollingPage.write`."""
        return participants_lines(self.state, width)
