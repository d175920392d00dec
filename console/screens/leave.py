"""The question before leaving with a call in flight: wait for it, or leave with its outcome unknown."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.containers import Vertical

from console.screens.modal import Modal
from console.state.values import Mode, State
from widgets.line import Line, Look, Piece, wrap
from widgets.sheet import Sheet


def leave_lines(busy: str | None, rolling: bool, waiting: bool, width: int) -> list[Line]:
    """Draw the question, or that this console waits."""
    what = busy or "nothing"
    lines: list[Line] = [(Piece("LEAVE?", Look.TITLE),)]
    lines += [(Piece(row, Look.STRONG),) for row in wrap(f"in flight: {what}", width, 3)]
    if rolling:
        text = "A rollback is running: if you leave, it first finishes its automatic steps, without a screen."
        lines += [(Piece(row, Look.WARN),) for row in wrap(text, width, 3)]
    if waiting:
        lines.append((Piece("waiting; this console leaves when it has ended", Look.WARN),))
    else:
        lines.append((Piece("w", Look.TITLE), Piece(" wait until it has ended, then leave")))
    after = "leave now" if rolling else "leave now, with the outcome unknown"
    return [*lines, (Piece("l", Look.TITLE), Piece(f" {after}")), (Piece("esc", Look.TITLE), Piece(" stay"))]


class LeaveScreen(Modal[bool | None]):
    """The question before leaving: True leaves `busy` calls with their outcome unknown, False after their end."""

    def __init__(self, state: State | None, busy: Callable[[], str | None]) -> None:
        super().__init__(state)
        self.busy = busy
        self.waiting = False

    def compose(self) -> ComposeResult:
        """Lay out the widgets."""
        with Vertical(classes="frame"):
            yield Sheet(self.write, id="sheet")

    def on_mount(self) -> None:
        """Size the sheet and start to look for the end of the calls."""
        self.query_one("#sheet", Sheet).styles.height = len(self.write(self.frame_width, 0))
        self.set_interval(0.25, self.look)

    def look(self) -> None:
        """Leave if the operator waits and the calls have ended; else draw again."""
        if self.waiting and self.busy() is None:
            self.dismiss(False)
        else:
            self.redraw_sheet()

    def write(self, width: int, _height: int) -> list[Line]:
        """Draw the question."""
        rolling = self.state is not None and self.state.mode is Mode.ROLLING_BACK and self.state.local.running
        return leave_lines(self.busy(), rolling, self.waiting, width)

    def act_on_key(self, key: str) -> bool:
        """See `Modal.act_on_key`."""
        if key == "w":
            self.waiting = True
            self.look()
        elif key == "l":
            self.dismiss(True)
        else:
            return super().act_on_key(key)
        return True
