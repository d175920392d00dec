"""A full page over the war room that only scrolls and closes, and the lines of the one after a lost race."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.app import ComposeResult
from textual.containers import Vertical

from console.screens.modal import Modal
from console.state.values import State
from widgets.line import Line, Look, Piece
from widgets.sheet import Sheet, rows_of

_ROWS = {"pageup": -10, "pagedown": 10, "up": -1, "down": 1, "k": -1, "j": 1, "home": -10_000, "end": 10_000}
_FOOT: Line = (Piece("up down", Look.TITLE), Piece(" scroll   "), Piece("esc", Look.TITLE), Piece(" closes"))


class ScrollingPage(Modal[None]):
    """The lines that `picture` draws of (State, width), again with every State; enter, q and `closes` close it."""

    def __init__(
        self, state: State | None, picture: Callable[[State | None, int], Sequence[Line]], closes: str = "q"
    ) -> None:
        super().__init__(state)
        self.picture = picture
        self.closes = {"enter", "q", closes}

    def compose(self) -> ComposeResult:
        """Lay out the widgets."""
        with Vertical(classes="frame -full"):
            yield Sheet(lambda width, _height: self.picture(self.state, width), id="sheet")
            yield Sheet(lambda _width, _height: [_FOOT], id="foot")

    def watch_state(self) -> None:
        """Draw the newer State."""
        self.redraw_sheet()

    def act_on_key(self, key: str) -> bool:
        """See `Modal.act_on_key`."""
        rows = _ROWS.get(key)
        if rows is not None:
            self.query_one("#sheet", Sheet).scroll_rows(rows)
        elif key in self.closes:
            self.dismiss(None)
        else:
            return super().act_on_key(key)
        return True


def lost_race_lines(line: str, width: int) -> list[Line]:
    """Draw who moved the rollout first, when and how: the engine's line, one row for each of its parts."""
    head, *rest = [part.strip() for part in line.split("; ") if part.strip()]
    lines: list[Line] = [(Piece("ANOTHER CONSOLE WAS FIRST: nothing was sent from here", Look.ALARM),), ()]
    lines += [(Piece(row, Look.STRONG),) for row in rows_of(head, width)]
    return lines + [(Piece("  "), Piece(row)) for part in rest for row in rows_of(part, max(width - 2, 10))]
