"""A full page over the war room that only scrolls and closes, such as the help page."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical

from console.screens.modal import Modal
from widgets.line import Line, Look, Piece
from widgets.sheet import Sheet

_ROWS = {"pageup": -10, "pagedown": 10, "up": -1, "down": 1, "k": -1, "j": 1, "home": -10_000, "end": 10_000}
_FOOT: Line = (Piece("up down", Look.TITLE), Piece(" scroll   "), Piece("esc", Look.TITLE), Piece(" closes"))


class ScrollingPage(Modal[None]):
    """Base of the pages.

    A page implements `write`; it is drawn again with every State.
    """

    CLOSES = frozenset({"enter", "q"})
    """Keys that close the page, besides escape."""

    def compose(self) -> ComposeResult:
        """Lay out the widgets."""
        with Vertical(classes="frame -full"):
            yield Sheet(self.write, id="sheet")
            yield Sheet(lambda _width, _height: [_FOOT], id="foot")

    def write(self, width: int, height: int) -> list[Line]:
        """Draw all lines of the page; the sheet scrolls them."""
        raise NotImplementedError

    def watch_state(self) -> None:
        """Draw the newer State."""
        if self.has_parts("#sheet"):
            self.query_one("#sheet", Sheet).redraw()

    def act_on_key(self, key: str) -> bool:
        """See `Modal.act_on_key`."""
        rows = _ROWS.get(key)
        if rows is not None:
            self.query_one("#sheet", Sheet).scroll_rows(rows)
        elif key in self.CLOSES:
            self.dismiss(None)
        else:
            return super().act_on_key(key)
        return True
