"""The advice line, replaced by the answer to the operator's last key until the next one."""

from __future__ import annotations

from textual.reactive import reactive

from widgets.advice import AdviceLine
from widgets.line import Line, Look, Piece, fit


class AnswerLine(AdviceLine):
    """Advice, or the answer to the last key."""

    answer: reactive[str | None] = reactive(None, repaint=False)
    """Text shown instead of the advice; None for the advice."""

    def watch_answer(self) -> None:
        """Draw the newer answer."""
        self.redraw()

    def draw(self, width: int, height: int) -> list[Line]:
        """See `Pane.draw`."""
        if self.answer is None:
            return super().draw(width, height)
        return [fit([Piece(f"▲ {self.answer}", Look.WARN)], width)]
